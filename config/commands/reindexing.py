"""`reindex`: change the embedding model of an installation while it serves."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from config.commands.options import AsJson, DryRun, examples
from config.commands.output import say, show_json

app = typer.Typer(rich_markup_mode=None)


@app.command(
    epilog=examples(
        "expert reindex --embedder BAAI/bge-small-en-v1.5 --dry-run",
        "expert reindex --embedder BAAI/bge-small-en-v1.5",
        "EXPERT_EMBEDDER_API_BASE=http://gpu:8080/v1 expert reindex --embedder litellm:openai/bge-m3",
    )
)
def reindex(
    embedder: Annotated[
        str, typer.Option(metavar="NAME", help="A fastembed model, or litellm:service/model.")
    ],
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Embed everything known with another model, which takes over once it has it all.

    The former model serves meanwhile, and running servers follow by themselves. Killed, it goes on where it
    was when it is run again.
    """
    from config.reindex import plan as planned
    from config.reindex import run
    from config.settings import load_settings

    settings = load_settings()
    if dry_run:
        plan = planned(settings, embedder)
        if as_json:
            show_json(
                {
                    "embedder": plan.embedder,
                    "dimensions": plan.dimensions,
                    "in_force": dict(plan.former),
                    "passages": plan.passages,
                    "questions": plan.questions,
                    "done": False,
                }
            )
            return
        say(f"In force: {', '.join(plan.former) or 'none yet'}.")
        say(
            f"{plan.passages} passages and {plan.questions} questions would be embedded with {plan.embedder}"
            f" ({plan.dimensions} dimensions); nothing was changed."
        )
        return
    with _progress(shown=not as_json) as report:
        done = run(settings, embedder, report=report)
    if as_json:
        show_json(
            {
                "embedder": embedder,
                "dimensions": done.plan.dimensions,
                "in_force": {embedder: sorted(slug for some in done.plan.former.values() for slug in some)},
                "embedded": done.embedded,
                "discarded": done.discarded,
                "done": True,
            }
        )
        return
    say(
        f"{embedder} is in force: {done.embedded} passages and questions were embedded,"
        f" {done.discarded} vectors of other models removed.",
        style="green",
    )
    if settings.embedder not in (None, embedder):
        say(f"EXPERT_EMBEDDER still says {settings.embedder}: set it to {embedder}, or unset it.")


@contextmanager
def _progress(*, shown: bool) -> Iterator[Callable[[int, int], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not (shown and console.is_terminal):
        yield lambda _done, _of: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("Embedding", total=None)

        def report(done: int, of: int) -> None:
            waits = done >= of
            description = "Waiting for running servers to follow" if waits else "Embedding"
            progress.update(task, completed=done, total=of, description=description)

        yield report

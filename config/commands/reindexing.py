"""`reindex`: change the embedding model, or make the copies in another index whole, while it serves."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from config.commands.options import AsJson, DryRun, examples
from config.commands.output import complain, say, show_json

if TYPE_CHECKING:
    from brain.adapters.weaviate_index import Difference
    from config.settings import Settings

app = typer.Typer(rich_markup_mode=None)


@app.command(
    epilog=examples(
        "expert reindex",
        "expert reindex --check",
        "expert reindex --embedder BAAI/bge-small-en-v1.5 --dry-run",
        "expert reindex --embedder BAAI/bge-small-en-v1.5",
        "EXPERT_EMBEDDER_API_BASE=http://gpu:8080/v1 expert reindex --embedder litellm:openai/bge-m3",
    )
)
def reindex(
    embedder: Annotated[
        str | None, typer.Option(metavar="NAME", help="A fastembed model, or litellm:service/model.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Compare Weaviate with PostgreSQL, and change nothing.")
    ] = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Make Weaviate's copy what PostgreSQL has; or, with --embedder, change the embedding model.

    With --embedder, everything known is embedded with another model, which takes over once it has it all.
    The former model serves meanwhile, and running servers follow by themselves. Killed, it goes on where it
    was when it is run again.
    """
    from config.settings import load_settings

    if check and embedder is not None:
        raise typer.BadParameter("it is about Weaviate; of --embedder, --dry-run tells", param_hint="--check")
    settings = load_settings()
    if embedder is not None:
        _embed(settings, embedder, dry_run=dry_run, as_json=as_json)
    elif check or dry_run:
        _compare(settings, as_json=as_json)
    else:
        _rebuild(settings, as_json=as_json)


def _rebuild(settings: "Settings", *, as_json: bool) -> None:
    from config.indexes import rebuild

    with _progress("Copying", shown=not as_json) as report:
        copied = rebuild(settings, report=report)
    if as_json:
        show_json({"copied": dict(copied)})
        return
    for tenant, count in copied.items():
        say(f"{tenant}: whole in Weaviate; {count} passages had to be copied.", style="green")


def _compare(settings: "Settings", *, as_json: bool) -> None:
    """Exits with 1 where a copy is not what PostgreSQL has."""
    from config.indexes import compare

    found = compare(settings)
    if as_json:
        show_json(
            {
                tenant: one
                and {
                    "passages": one.passages,
                    "missing": sorted(map(str, one.missing)),
                    "surplus": sorted(map(str, one.surplus)),
                    "whole": one.whole,
                }
                for tenant, one in found.items()
            }
        )
    else:
        for tenant, one in found.items():
            say(f"{tenant}: {_said(one)}")
    if not all(one is not None and one.agrees for one in found.values()):
        complain("Make it agree: expert reindex")
        raise typer.Exit(1)


def _said(one: "Difference | None") -> str:
    if one is None:
        return "Weaviate has no copy of it."
    if one.agrees:
        return f"Weaviate has its {one.passages} passages as they are."
    asked = "" if one.whole else " Search does not ask it yet."
    return (
        f"of {one.passages} passages, Weaviate lacks {len(one.missing)} or has them otherwise, and has"
        f" {len(one.surplus)} that are gone.{asked}"
    )


def _embed(settings: "Settings", embedder: str, *, dry_run: bool, as_json: bool) -> None:
    from config.reindex import plan as planned
    from config.reindex import run

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
    with _progress("Embedding", shown=not as_json) as report:
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
def _progress(what: str, *, shown: bool) -> Iterator[Callable[[int, int], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not (shown and console.is_terminal):
        yield lambda _done, _of: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(what, total=None)

        def report(done: int, of: int) -> None:
            waits = done >= of
            description = "Waiting for running servers to follow" if waits and what == "Embedding" else what
            progress.update(task, completed=done, total=of, description=description)

        yield report

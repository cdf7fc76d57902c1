"""The commands that run beside `up`, where a broker is used: `worker` and `beat`."""

from typing import Annotated

import typer

from brain.domain.errors import Rejected
from config.commands.options import examples
from workers.lanes import Lane

app = typer.Typer(rich_markup_mode=None)


@app.command(
    epilog=examples(
        "EXPERT_BROKER_URL=redis://127.0.0.1:6379/0 expert worker",
        "expert worker --lanes interactive,review --concurrency 8",
        "expert worker --lanes index,bulk --port 8001",
    )
)
def worker(
    lanes: Annotated[
        str | None,
        typer.Option(
            metavar="LANES", help="Comma between: interactive, review, index, bulk, training. Unset: all."
        ),
    ] = None,
    concurrency: Annotated[
        int | None,
        typer.Option(min=1, max=64, help="Questions and messages at a time. Unset: EXPERT_WORKERS."),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=1, max=65535, help="Port for /health and /metrics. Unset: EXPERT_WORKER_PORT, or none."
        ),
    ] = None,
) -> None:
    """Do the work that `up` accepts, until Ctrl-C or SIGTERM, which gives back what is unfinished.

    Any number may run, on any machine that reaches PostgreSQL. Without EXPERT_BROKER_URL a worker looks for
    work by itself, as it does while Redis is away.
    """
    from config.settings import load_settings
    from config.work import work

    work(load_settings(), lanes=_lanes(lanes), concurrency=concurrency, port=port)


@app.command(epilog=examples("EXPERT_BROKER_URL=redis://127.0.0.1:6379/0 expert beat"))
def beat(
    every: Annotated[float, typer.Option(min=1, max=3600, help="Seconds between two rings.")] = 60.0,
) -> None:
    """Ring for what is done from time to time, with Celery beat. `up` does it too; nothing is done twice."""
    from config.settings import load_settings
    from config.work import beat as ring

    ring(load_settings(), every_s=every)


def _lanes(names: str | None) -> tuple[Lane, ...]:
    known = {lane.value: lane for lane in Lane}
    wanted = [name.strip() for name in names.split(",")] if names else list(known)
    if wrong := [name for name in wanted if name not in known]:
        raise Rejected(f"There is no lane {wrong[0]!r}; there is {', '.join(known)}.")
    return tuple(known[name] for name in dict.fromkeys(wanted))

"""A worker as `expert worker` runs it, whose work is a line in a file: which event, and what ran with it."""

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

import structlog

from brain.adapters.postgres.queue import Queue
from brain.adapters.postgres.schedules import Turns
from brain.adapters.postgres.store import connect
from brain.domain.events import Event, QuestionAsked
from brain.domain.identity import TenantId
from workers.celery_app import CeleryBroker, build
from workers.executor import Executor
from workers.schedules import Schedules
from workers.told import Ear, work_as_told


@dataclass(frozen=True, slots=True)
class Told:
    """`work_s`: how long each task takes."""

    system: str
    broker: str
    done: str
    work_s: float = 0.01
    late_s: float = 0.5


async def run(told: Told) -> None:
    done = Path(told.done)

    async def answer(tenant: TenantId, event: Event) -> None:
        assert isinstance(event, QuestionAsked)
        await asyncio.sleep(told.work_s)
        _noted(done, str(event.question))

    async def retention() -> None:
        _noted(done.with_suffix(".turns"), "retention")

    engine = connect(told.system, pool_size=3)
    executor = Executor(Queue(engine), {"answer": answer}, 4, Random(), late_s=told.late_s)
    schedules = Schedules(Turns(engine), {"retention": retention}, by=str(os.getpid()))
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    sys.stdout.write("up\n")
    sys.stdout.flush()
    await work_as_told(executor, Ear.of(CeleryBroker(build(told.broker))), schedules, stop)
    await engine.dispose()


def _noted(path: Path, what: str) -> None:
    with path.open("a") as file:
        file.write(f"{what} {os.getpid()}\n")


@contextmanager
def told_worker(told: Told) -> Iterator["subprocess.Popen[str]"]:
    """Killed at the end, if it is still there."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.service.told_worker", json.dumps(asdict(told))],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "up\n"
            yield process
        finally:
            process.kill()


if __name__ == "__main__":
    # Nobody reads on: a pipe that is full would hold the worker up.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    asyncio.run(run(Told(**json.loads(sys.argv[1]))))

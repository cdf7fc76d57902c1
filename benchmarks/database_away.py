"""PostgreSQL is stopped for three minutes under 50 signed Slack events a second: how many were acknowledged,
how long that took, how long until all are in the database again, and whether each was kept and done once.

    python -m benchmarks.database_away
    python -m benchmarks.database_away --seconds 20
"""

import argparse
import asyncio
import functools
import multiprocessing
import random
import sys
import tempfile
import time
from collections import Counter
from contextlib import AsyncExitStack
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks.outcome import machine, tell
from benchmarks.slack_ack import WARM, Address, percentiles, process, send, settings_on, until_told
from brain.adapters.postgres.migrate import migrate
from brain.adapters.postgres.queue import Queue
from brain.adapters.postgres.store import connect
from brain.adapters.postgres.tenants import create_tenant
from brain.domain.events import DeliveryAccepted, Event
from brain.domain.identity import TenantId
from brain.domain.records import TaskState
from config.embedded_postgres import EmbeddedPostgres
from config.logs import configure_logs
from config.settings import DatabaseUrls, LogLevel
from config.surface import Surface, surface
from config.wiring import assembled, replay
from demo.fake_slack import FakeSlack
from workers.executor import Executor, working
from workers.replay import replaying

BARS = {"acknowledged_share": 0.999, "drained_s": 120, "max_ms": 3000, "lost": 0, "doubled": 0}
_PATIENCE_S = 600.0
_UNDONE = (TaskState.READY, TaskState.LEASED)


async def product(pipe: Connection, *, home: Path, urls: DatabaseUrls) -> None:
    """Everything between Slack and the work on a delivery, which is to be counted."""
    worked: Counter[str] = Counter()

    async def count(_tenant: TenantId, event: Event) -> None:
        if isinstance(event, DeliveryAccepted):
            worked[str(event.delivery)] += 1

    async with AsyncExitStack() as stack:
        sys.stderr = stack.enter_context((home / "log.jsonl").open("w"))
        configure_logs(home, LogLevel.INFO)
        slack = await stack.enter_async_context(FakeSlack())
        settings = settings_on(slack, home)
        wiring = await stack.enter_async_context(assembled(settings, urls))
        await create_tenant(wiring.system_engine, slug="acme", name="Acme")
        rng = random.Random()  # spreads retries
        executor = Executor(wiring.queue, {"hear": count}, settings.workers, rng, {})
        await stack.enter_async_context(working(executor))
        await stack.enter_async_context(replaying(replay(wiring)))
        app = surface(settings, wiring, Surface(prepared=True))
        await until_told(app, pipe, secret=slack.signing_secret, workspace=slack.workspace.id)
        pipe.send((len(worked), sum(worked.values()), wiring.journal.damaged))


async def measure(
    to: Address, postgres: EmbeddedPostgres, journal: Path, *, seconds: float, per_s: float
) -> dict[str, object]:
    warm = await send(to, events=WARM, per_s=per_s)
    await asyncio.to_thread(postgres.stop)
    answers = await send(to, events=int(seconds * per_s), per_s=per_s)
    waiting = held(journal)
    await asyncio.to_thread(postgres.start)
    began = time.perf_counter()
    while held(journal):
        if time.perf_counter() - began > _PATIENCE_S:
            break
        await asyncio.sleep(0.1)
    drained_s = time.perf_counter() - began
    await worked_off(postgres.urls)
    return {
        "acknowledged": sum(one is not None for one in (*warm, *answers)),
        "acknowledged_share": round(sum(one is not None for one in answers) / len(answers), 5),
        "while_away": percentiles(answers),
        "journal_bytes": waiting,
        "drained_s": round(drained_s, 1),
        "worked_off_s": round(time.perf_counter() - began, 1),
    }


async def worked_off(urls: DatabaseUrls) -> None:
    """Until nothing is left to do, or the patience is over."""
    system = connect(urls.system, pool_size=1)
    queue, ends = Queue(system), time.perf_counter() + _PATIENCE_S
    while time.perf_counter() < ends:
        counts = await queue.counts()
        if not counts.unrelayed and not any(counts.tasks.get(state) for state in _UNDONE):
            break
        await asyncio.sleep(0.5)
    await system.dispose()


def held(journal: Path) -> int:
    """How many bytes wait there."""
    return sum(path.stat().st_size for path in journal.glob("*.segment") if path.exists())


def counted(pipe: Connection, *, sent: int, acknowledged: int) -> dict[str, object]:
    """`begun_again`: their work had ended when PostgreSQL did, before it could be written down."""
    pipe.send("stop")
    cpu_s = pipe.recv()
    once, times, damaged = pipe.recv()
    # What Slack was refused may be kept all the same, so there may be more.
    return {
        "worked_on": once,
        "lost": max(0, acknowledged - once),
        "doubled": max(0, once - sent),
        "begun_again": times - once,
        "damaged": damaged,
        "cpu_s": round(cpu_s, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=180)
    parser.add_argument("--per-s", type=float, default=50)
    parser.add_argument("--json", type=Path, help="also write the result to this file")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="expert-") as directory:
        home = Path(directory)
        (home / "product").mkdir()
        with EmbeddedPostgres(home / "database") as postgres:
            urls = postgres.urls
            asyncio.run(migrate(urls.owner, app_role="expert_app", system_role="expert_system"))
            pipe, theirs = multiprocessing.Pipe()
            serve = functools.partial(product, home=home / "product", urls=urls)
            child = multiprocessing.get_context("spawn").Process(
                target=process, args=(serve, theirs), daemon=True
            )
            child.start()
            to = pipe.recv()
            seconds, per_s = arguments.seconds, arguments.per_s
            found = asyncio.run(
                measure(to, postgres, home / "product" / "journal", seconds=seconds, per_s=per_s)
            )
            acknowledged = int(str(found["acknowledged"]))
            found |= counted(pipe, sent=WARM + int(seconds * per_s), acknowledged=acknowledged)
            child.join(60)
    result = {
        "benchmark": "database_away",
        "machine": machine(),
        "seconds": seconds,
        "per_s": per_s,
        **found,
        "bars": BARS,
    }
    tell(result, file=arguments.json)


if __name__ == "__main__":
    main()

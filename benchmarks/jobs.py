"""Jobs a second: claimed, run and recorded as done in PostgreSQL by two processes of ours. By turns in the
same run, two processes of Celery run a task that does nothing (prefork, late acknowledgement, Redis).

    python -m benchmarks.jobs
"""

import argparse
import asyncio
import logging
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

import structlog
from celery import Celery
from redis import Redis
from redis.exceptions import ConnectionError as RedisAway
from sqlalchemy import text

from benchmarks.outcome import machine, tell
from brain.adapters.postgres.migrate import migrate
from brain.adapters.postgres.queue import Queue
from brain.adapters.postgres.store import connect
from brain.adapters.postgres.tenants import create_tenant
from brain.domain.events import Event
from brain.domain.identity import TenantId
from config.embedded_postgres import EmbeddedPostgres
from config.settings import DatabaseUrls
from workers.executor import Executor

BAR = 2.0
PROCESSES = 2
PLACES = 64
QUEUE = "jobs"

FACTS = """
WITH fact AS (
    INSERT INTO outbox (tenant_id, id, name, payload, relayed_at)
    SELECT :tenant, gen_random_uuid(), 'QuestionAsked', jsonb_build_object('question', gen_random_uuid()),
        now()
    FROM generate_series(1, :jobs) RETURNING tenant_id, id
)
INSERT INTO task (tenant_id, id, event_id, handler, state, attempts, crashes, due_at, error)
SELECT tenant_id, gen_random_uuid(), id, 'answer', 'ready', 0, 0, now(), '' FROM fact
"""
# From the first that was done to the last, by the database's clock: without the start of processes.
RATE = """
SELECT count(*) FILTER (WHERE done_at > first) / extract(epoch FROM max(done_at) - min(first))
FROM task, (SELECT min(done_at) AS first FROM task) AS began
"""


def celery_at(url: str) -> Celery:
    app = Celery("jobs", broker=url, set_as_current=False)
    app.conf.update(
        task_acks_late=True, task_ignore_result=True, worker_prefetch_multiplier=1, task_default_queue=QUEUE
    )
    app.task(nothing, name="nothing")
    return app


def nothing() -> None:
    """What Celery runs."""


async def done(_tenant: TenantId, _event: Event) -> None:
    """What we run."""


async def drain(system: str) -> None:
    """One process of ours, until nothing is left."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    engine = connect(system, pool_size=4)
    queue = Queue(engine)
    running = asyncio.create_task(Executor(queue, {"answer": done}, PLACES, random.Random()).run())
    async with engine.connect() as connection:
        left = text("SELECT EXISTS (SELECT FROM task WHERE state <> 'done')")
        while await connection.scalar(left):
            await connection.rollback()
            await asyncio.sleep(0.05)
    running.cancel()
    await asyncio.wait({running})
    await engine.dispose()


async def ours(urls: DatabaseUrls, tenant: TenantId, *, jobs: int) -> float:
    """Jobs a second."""
    owner, app = connect(urls.owner, pool_size=1), connect(urls.app, pool_size=1)
    async with owner.begin() as connection:
        await connection.execute(text("TRUNCATE outbox, task"))
    async with app.begin() as connection:
        await connection.execute(
            text("SELECT set_config('expert.tenant_id', :id, true)"), {"id": str(tenant)}
        )
        await connection.execute(text(FACTS), {"tenant": tenant, "jobs": jobs})
    words = [sys.executable, "-m", "benchmarks.jobs", "--drain", urls.system]
    started = [await asyncio.create_subprocess_exec(*words) for _ in range(PROCESSES)]
    for process in started:
        await process.wait()
    system = connect(urls.system, pool_size=1)
    async with system.connect() as connection:
        rate = float(await connection.scalar(text(RATE)) or 0)
    for engine in (owner, app, system):
        await engine.dispose()
    return rate


def celerys(url: str, *, jobs: int) -> float:
    """Jobs a second, from the first that was taken to the last that was acknowledged."""
    app, redis = celery_at(url), Redis.from_url(url)
    redis.flushall()
    with app.connection_for_write() as connection, app.amqp.Producer(connection) as producer:
        for _ in range(jobs):
            app.send_task("nothing", queue=QUEUE, producer=producer)
    worker = subprocess.Popen(  # noqa: S603  # our own words
        [sys.executable, "-m", "benchmarks.jobs", "--celery", url],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        while (first := int(redis.llen(QUEUE))) == jobs:
            time.sleep(0.002)
        began = time.perf_counter()
        while redis.llen(QUEUE) or redis.zcard("unacked_index"):
            time.sleep(0.002)
        return first / (time.perf_counter() - began)
    finally:
        os.killpg(worker.pid, signal.SIGKILL)  # its children, too
        worker.wait()
        redis.close()


@contextmanager
def redis_server() -> Iterator[str]:
    with socket.socket() as probe, tempfile.TemporaryDirectory(prefix="expert-redis-") as directory:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        words = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", directory]
        with subprocess.Popen(words, stdout=subprocess.DEVNULL) as server, Redis(port=port) as client:  # noqa: S603  # as above
            while True:
                try:
                    client.ping()
                    break
                except RedisAway:
                    time.sleep(0.02)
            try:
                yield f"redis://127.0.0.1:{port}/0"
            finally:
                server.kill()


def measure(*, rounds: int, jobs: int) -> dict[str, object]:
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="expert-")))
        urls = stack.enter_context(EmbeddedPostgres(home)).urls
        asyncio.run(migrate(urls.owner, app_role="expert_app", system_role="expert_system"))
        tenant = asyncio.run(_tenant(urls))
        redis = stack.enter_context(redis_server())
        pairs = [
            (asyncio.run(ours(urls, tenant, jobs=jobs)), celerys(redis, jobs=jobs)) for _ in range(rounds)
        ]
    ratio = statistics.median(mine / theirs for mine, theirs in pairs)
    return {
        "jobs": jobs,
        "ours_per_s": [round(mine) for mine, _ in pairs],
        "celery_per_s": [round(theirs) for _, theirs in pairs],
        "ratio": round(ratio, 2),
        "bar": BAR,
        "passed": ratio >= BAR,
        "machine": machine(),
    }


async def _tenant(urls: DatabaseUrls) -> TenantId:
    system = connect(urls.system, pool_size=1)
    try:
        return await create_tenant(system, slug=f"t-{uuid4().hex[:8]}", name="Northlight Freight")
    finally:
        await system.dispose()


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=5_000)
    parser.add_argument("--json", type=Path, help="write the result there, too")
    parser.add_argument("--drain", help=argparse.SUPPRESS)
    parser.add_argument("--celery", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.drain:
        asyncio.run(drain(chosen.drain))
        return 0
    if chosen.celery:
        words = ["worker", "--pool", "prefork", "--concurrency", str(PROCESSES), "--loglevel", "ERROR"]
        celery_at(chosen.celery).worker_main([*words, "--without-mingle", "--without-gossip"])
        return 0
    result = measure(rounds=chosen.rounds, jobs=chosen.jobs)
    tell(result, file=chosen.json)
    return 0 if result["passed"] else 1


if __name__ == "__main__":
    sys.exit(main())

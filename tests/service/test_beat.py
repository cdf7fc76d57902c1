"""`expert beat` rings, a worker that hears it does what is due, and `expert up` does not do it too."""

import asyncio
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

pytest.importorskip("celery", reason="the extra `celery` is not installed")

from brain.adapters.postgres.store import connect
from config.embedded_postgres import attach_or_start
from tests.service.redis import needs_redis, own_redis
from tests.service.test_up import EXPERT, Installation

pytestmark = needs_redis

PATIENCE_S = 120
RINGS_S = 1.0


@dataclass(frozen=True, slots=True)
class Turn:
    number: int
    by: str
    ended: bool


@contextmanager
def process(installation: Installation, *words: str) -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen(
        [*EXPERT, *words], env=installation.environment, stderr=subprocess.DEVNULL
    ) as started:
        try:
            yield started
        finally:
            started.kill()


@asynccontextmanager
async def system(installation: Installation) -> AsyncIterator[AsyncEngine]:
    with attach_or_start(installation.home) as postgres:
        engine = connect(postgres.urls.system, pool_size=1)
        try:
            yield engine
        finally:
            await engine.dispose()


async def taken(engine: AsyncEngine, least: int) -> Turn:
    """The last turn, once it has ended and was at least that one."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        async with engine.connect() as connection:
            found = await connection.execute(text("SELECT turns, taken_by, ended_at FROM schedule"))
            turns = [Turn(row.turns, row.taken_by, row.ended_at is not None) for row in found]
        if turns and turns[0].number >= least and turns[0].ended:
            return turns[0]
        assert time.monotonic() < deadline, turns
        await asyncio.sleep(0.1)


async def test_what_is_due_is_done_once_whoever_looks_for_it(tmp_path: Path) -> None:
    installation = Installation(tmp_path / "home")
    with ExitStack() as stack:
        redis = stack.enter_context(own_redis(tmp_path))
        redis.start()
        installation.environment["EXPERT_BROKER_URL"] = redis.url
        server = stack.enter_context(installation.up("--no-demo"))
        worker = stack.enter_context(process(installation, "worker"))
        beat = stack.enter_context(process(installation, "beat", "--every", str(RINGS_S)))
        async with system(installation) as engine:
            before = await taken(engine, 1)
            by = ""
            while not by.endswith(f" {worker.pid}"):  # the timer of the server may have been first
                async with engine.begin() as connection:
                    await connection.execute(text("UPDATE schedule SET due_at = now()"))
                after = await taken(engine, before.number + 1)
                await asyncio.sleep(2.5 * RINGS_S)
                assert (await taken(engine, 1)).number == before.number + 1
                before, by = after, after.by
        for one, fine in ((beat, {0, -signal.SIGTERM}), (worker, {0}), (server, {0})):
            one.send_signal(signal.SIGTERM)
            assert one.wait(60) in fine

"""A broker that is there, is not, comes and goes: every task is done, once, and nothing is restarted by hand.

EXPERT_BROKER_TASKS is how many are in flight when Redis is flushed and killed; a few without it.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

pytest.importorskip("celery", reason="the extra `celery` is not installed")

from brain.adapters.postgres.queue import Queue
from brain.adapters.postgres.schedules import Turns
from brain.adapters.postgres.store import SqlStore, connect
from brain.adapters.postgres.tenants import create_tenant
from brain.domain.circuit import Circuit
from brain.domain.events import QuestionAsked
from brain.domain.identity import TenantId
from brain.domain.question import QuestionId
from brain.domain.records import TaskState
from config.settings import DatabaseUrls
from tests.service.redis import Redis, needs_redis, own_redis
from tests.service.test_up import EXPERT, Installation
from tests.service.told_worker import Told, told_worker
from workers.celery_app import RING_EVERY_S, CeleryBroker, build
from workers.dispatch import Dispatch
from workers.executor import running
from workers.relay import run_relay
from workers.schedules import Schedules

pytestmark = needs_redis

TASKS = int(os.environ.get("EXPERT_BROKER_TASKS", "60"))
PATIENCE_S = 120


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await holds():  # noqa: ASYNC110  # another process brings it about
            await asyncio.sleep(0.02)


@dataclass
class Bench:
    """Two workers, and in this process what relays and dispatches, as `expert up` does."""

    store: SqlStore
    queue: Queue
    tenant: TenantId
    redis: Redis
    dispatch: Dispatch
    done: Path
    workers: Sequence["subprocess.Popen[str]"]
    asked: list[UUID] = field(default_factory=list)

    async def asks(self, times: int) -> None:
        async with self.store.transaction(self.tenant) as tx:
            for _ in range(times):
                self.asked.append(uuid4())
                await tx.emit(QuestionAsked(QuestionId(self.asked[-1])))

    def runs(self) -> Counter[UUID]:
        lines = self.done.read_text().splitlines() if self.done.exists() else []
        return Counter(UUID(line.split()[0]) for line in lines)

    async def done_are(self, least: int) -> None:
        await until(lambda: _known(len(self.runs()) >= least))

    async def all_done_once(self) -> None:
        await self.done_are(len(self.asked))
        assert self.runs() == Counter(self.asked)
        await until(self._recorded)
        assert all(worker.poll() is None for worker in self.workers), "nothing was restarted"

    async def _recorded(self) -> bool:
        return (await self.queue.counts()).tasks[TaskState.DONE] == len(self.asked)

    async def hears_again(self) -> None:
        """Hints flow, and are heard, as before."""
        sent = self.dispatch.sent
        async with asyncio.timeout(PATIENCE_S):
            while self.dispatch.sent == sent:
                await self.asks(1)
                await asyncio.sleep(0.1)
        await self.all_done_once()


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    with own_redis(tmp_path) as one:
        yield one


@asynccontextmanager
async def _bench(
    redis: Redis, urls: DatabaseUrls, done: Path, *, work_s: float = 0.01, up: bool = True
) -> AsyncIterator[Bench]:
    owner, app, system = (connect(url, pool_size=3) for url in (urls.owner, urls.app, urls.system))
    async with owner.begin() as connection:
        await connection.execute(text("TRUNCATE outbox, task, schedule"))
    tenant = await create_tenant(system, slug=f"t-{uuid4().hex[:12]}", name="Northlight Freight")
    queue, facts = Queue(system), asyncio.Event()
    circuit = Circuit("Redis", clock=lambda: time.monotonic() * 10, jitter=Random().random)
    dispatch = Dispatch(queue, CeleryBroker(build(redis.url)), circuit, again_s=2.0)

    def on_tasks(_handlers: Collection[str]) -> None:
        dispatch.wake.set()

    told = Told(urls.system, redis.url, str(done), work_s=work_s)
    async with AsyncExitStack() as stack:
        for engine in (owner, app, system):
            stack.push_async_callback(engine.dispose)
        workers = [stack.enter_context(told_worker(told)) for _ in range(2)]
        here = [queue.listen(facts.set, on_tasks), run_relay(queue, wake=facts), dispatch.run()] if up else []
        async with running(*here):
            yield Bench(SqlStore(app), queue, tenant, redis, dispatch, done, workers)


async def test_with_a_broker_its_hints_are_heard(redis: Redis, urls: DatabaseUrls, tmp_path: Path) -> None:
    redis.start()
    async with _bench(redis, urls, tmp_path / "done") as bench:
        await bench.asks(TASKS)
        await bench.all_done_once()
        # A busy machine may have had them done before anybody was told.
        await bench.hears_again()


async def test_flushed_and_killed_with_tasks_in_flight(
    redis: Redis, urls: DatabaseUrls, tmp_path: Path
) -> None:
    redis.start()
    async with _bench(redis, urls, tmp_path / "done") as bench:
        await bench.asks(TASKS)
        await bench.done_are(TASKS // 20)
        redis.flush()
        redis.kill()
        killed_at = time.monotonic()
        await bench.all_done_once()
        # For whoever runs it with many: pytest -rP shows it.
        sys.stdout.write(f"{TASKS} tasks: done {time.monotonic() - killed_at:.1f} s after Redis was killed\n")
        redis.start()
        await bench.hears_again()


async def test_a_flush_alone_loses_nothing(redis: Redis, urls: DatabaseUrls, tmp_path: Path) -> None:
    redis.start()
    async with _bench(redis, urls, tmp_path / "done") as bench:
        for _ in range(3):
            await bench.asks(TASKS // 3)
            redis.flush()
        await bench.all_done_once()


async def test_a_broker_that_never_was_there(redis: Redis, urls: DatabaseUrls, tmp_path: Path) -> None:
    async with _bench(redis, urls, tmp_path / "done") as bench:
        await bench.asks(TASKS)
        await bench.all_done_once()
        assert bench.dispatch.sent == 0
        assert bench.dispatch.away
        redis.start()
        await bench.hears_again()
        assert not bench.dispatch.away


async def test_while_nobody_serves_workers_relay_and_find_what_is_due(
    redis: Redis, urls: DatabaseUrls, tmp_path: Path
) -> None:
    redis.start()
    async with _bench(redis, urls, tmp_path / "done", up=False) as bench:
        await bench.asks(TASKS)
        await bench.all_done_once()


async def test_a_broker_that_comes_and_goes(redis: Redis, urls: DatabaseUrls, tmp_path: Path) -> None:
    async with _bench(redis, urls, tmp_path / "done") as bench:
        for _ in range(4):
            redis.start()
            await bench.asks(TASKS // 4)
            await asyncio.sleep(0.5)
            redis.kill()
            await bench.asks(TASKS // 4)
            await asyncio.sleep(0.5)
        await bench.all_done_once()


async def test_a_worker_that_is_stopped_gives_back_what_it_has_at_no_cost(
    redis: Redis, urls: DatabaseUrls, tmp_path: Path
) -> None:
    redis.start()
    async with _bench(redis, urls, tmp_path / "done", work_s=0.4) as bench:
        await bench.asks(16)
        await bench.done_are(2)
        bench.workers[0].send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(bench.workers[0].wait, 30) == 0
        bench.workers = bench.workers[1:]
        await bench.all_done_once()
        async with bench.queue.engine.connect() as connection:
            assert await connection.scalar(text("SELECT sum(crashes) FROM task")) == 0


async def test_a_schedule_is_never_done_twice(redis: Redis, urls: DatabaseUrls, tmp_path: Path) -> None:
    """Timers in several processes and Celery's rings, all at once: one of them takes the turn."""
    redis.start()
    turns = tmp_path / "done.turns"
    async with _bench(redis, urls, tmp_path / "done") as bench:
        here = 0

        async def retention() -> None:
            nonlocal here
            here += 1

        timers = [Schedules(Turns(bench.queue.engine), {"retention": retention}, by=str(n)) for n in range(3)]
        app = build(redis.url)
        for round_ in range(1, 4):
            async with bench.queue.engine.begin() as connection:
                await connection.execute(text("UPDATE schedule SET due_at = now()"))
            for _ in range(4):
                await asyncio.to_thread(
                    app.send_task, "expert.ring", ("retention",), queue="expert.review", expires=RING_EVERY_S
                )
            await asyncio.gather(*(timer.ring("retention") for timer in timers))
            await until(partial(_ended, bench.queue.engine, round_))
        await asyncio.sleep(0.5)
        assert here + _lines(turns) == 3


def _lines(path: Path) -> int:
    return len(path.read_text().splitlines()) if path.exists() else 0


async def _ended(engine: AsyncEngine, turn: int) -> bool:
    async with engine.connect() as connection:
        found = await connection.scalar(
            text("SELECT 1 FROM schedule WHERE turns >= :turn AND ended_at IS NOT NULL"), {"turn": turn}
        )
        return found is not None


async def _known(what: bool) -> bool:
    return what


def _states(installation: Installation) -> set[str]:
    """Of what is due at once. The clock of a review rings later, and who asks is being answered already."""
    known = json.loads(installation.expert("tasks", "--json"))
    return {one["state"] for one in known if one["handler"] in ("read_parted", "show_review")}


def test_up_dispatches_and_a_worker_works(redis: Redis, tmp_path: Path) -> None:
    redis.start()
    installation, port = Installation(tmp_path / "home"), Installation(tmp_path).port
    installation.environment["EXPERT_BROKER_URL"] = redis.url
    with installation.up() as server:
        installation.expert("ask", "How do I book the roof terrace?", "--json")
        with subprocess.Popen(
            [*EXPERT, "worker", "--port", str(port)], env=installation.environment, stderr=subprocess.DEVNULL
        ) as worker:
            try:
                deadline = time.monotonic() + PATIENCE_S
                while _states(installation) != {"done"}:
                    assert time.monotonic() < deadline
                    time.sleep(0.2)
                shown = httpx.get(f"http://127.0.0.1:{port}/metrics").text
                assert 'expert_process{role="worker"} 1.0' in shown
                assert "expert_broker_up 1.0" in shown
                assert 'expert_task_attempts_total{handler="show_review"}' in shown
                assert httpx.get(f"http://127.0.0.1:{port}/health").json()["status"] == "alive"
                served = httpx.get(f"http://127.0.0.1:{installation.port}/metrics").text
                assert 'expert_process{role="up"} 1.0' in served
                assert 'expert_broker_hints_total{outcome="sent"}' in served
                worker.send_signal(signal.SIGTERM)
                assert worker.wait(30) == 0
            finally:
                worker.kill()
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0

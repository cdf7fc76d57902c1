"""What is counted of tasks and deliveries, on a real queue."""

import asyncio
import time
from collections.abc import Callable
from random import Random
from uuid import uuid4

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from brain.adapters.postgres.gauges import queue_gauges
from brain.adapters.postgres.queue import Queue
from brain.adapters.postgres.schedules import Turns
from brain.adapters.postgres.store import SqlStore, connect
from brain.adapters.postgres.tenants import create_tenant
from brain.domain.errors import Rejected, Unavailable
from brain.domain.events import Event, QuestionAsked
from brain.domain.identity import TenantId
from brain.domain.question import QuestionId
from brain.domain.records import TaskState
from config.measures import Kept, Measures
from config.settings import DatabaseUrls
from workers.executor import Executor


class Hurry(Random):
    """No backoff, so that no test waits."""

    def uniform(self, a: float, b: float) -> float:
        return a


@pytest.fixture
async def tenant(system_engine: AsyncEngine, urls: DatabaseUrls) -> TenantId:
    owner = connect(urls.owner, pool_size=1)
    async with owner.begin() as connection:
        await connection.execute(text("TRUNCATE outbox, task, schedule"))
    await owner.dispose()
    return await create_tenant(system_engine, slug=f"t-{uuid4().hex[:12]}", name="Northlight Freight")


async def asked(app: AsyncEngine, tenant: TenantId) -> None:
    async with SqlStore(app).transaction(tenant) as tx:
        await tx.emit(QuestionAsked(QuestionId(uuid4())))


def value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(name, labels)


async def test_each_end_of_an_attempt_is_counted(
    app_engine: AsyncEngine, system_engine: AsyncEngine, tenant: TenantId
) -> None:
    measures, queue = Measures(), Queue(system_engine)
    ends: list[Exception] = [Unavailable("away", 0), ValueError("a bug"), Rejected("never")]

    async def handle(tenant: TenantId, event: Event) -> None:
        if ends:
            raise ends.pop(0)

    await asked(app_engine, tenant)
    await queue.relay({"QuestionAsked": ("answer",)}, limit=10)
    executor = Executor(queue, {"answer": handle}, 4, Hurry(), watch=measures)
    running = asyncio.create_task(executor.run())
    registry = measures.registry
    await until(lambda: value(registry, "expert_tasks_dead_total", handler="answer"), 1)
    await asked(app_engine, tenant)
    await queue.relay({"QuestionAsked": ("answer",)}, limit=10)
    executor.look()
    lasted = "expert_task_duration_seconds_count"
    await until(lambda: value(registry, lasted, handler="answer", outcome="done"), 1)
    running.cancel()
    await asyncio.wait({running})

    assert value(registry, "expert_task_attempts_total", handler="answer") == 4
    assert value(registry, "expert_task_retries_total", handler="answer") == 2
    assert value(registry, "expert_task_strikes_total", handler="answer") == 1
    assert value(registry, lasted, handler="answer", outcome="again") == 2
    assert value(registry, lasted, handler="answer", outcome="dead") == 1


async def test_a_worker_that_stopped_is_a_strike(
    app_engine: AsyncEngine, system_engine: AsyncEngine, tenant: TenantId
) -> None:
    measures, queue = Measures(), Queue(system_engine)

    async def handle(tenant: TenantId, event: Event) -> None: ...

    await asked(app_engine, tenant)
    await queue.relay({"QuestionAsked": ("answer",)}, limit=10)
    await queue.claim(["answer"], limit=1, lease_s=0)
    running = asyncio.create_task(Executor(queue, {"answer": handle}, 4, Hurry(), watch=measures).run())
    await until(lambda: value(measures.registry, "expert_task_strikes_total", handler="answer"), 1)
    running.cancel()
    await asyncio.wait({running})


async def test_each_lane_tells_how_it_stands(
    app_engine: AsyncEngine, system_engine: AsyncEngine, tenant: TenantId
) -> None:
    measures, queue = Measures(), Queue(system_engine)
    registry = measures.registry
    assert value(registry, "expert_relay_lag_seconds") is None  # nobody has looked yet
    for _ in range(3):
        await asked(app_engine, tenant)
    measures.queue = await queue_gauges(system_engine)
    assert value(registry, "expert_outbox_unrelayed") == 3
    lag = value(registry, "expert_relay_lag_seconds")
    assert lag is not None
    assert lag > 0

    await queue.relay({"QuestionAsked": ("answer",)}, limit=10)
    first, *_ = await queue.claim(["answer"], limit=2)
    assert await queue.bury(first, error="a test") is TaskState.DEAD
    measures.queue = await queue_gauges(system_engine)

    def tasks(state: str) -> float | None:
        return value(registry, "expert_lane_tasks", lane="interactive", state=state)

    assert [tasks(state) for state in ("ready", "leased", "dead", "unknown")] == [1, 1, 1, 0]
    assert value(registry, "expert_lane_due_tasks", lane="interactive") == 1
    assert value(registry, "expert_lane_due_tasks", lane="bulk") == 0
    oldest = value(registry, "expert_lane_oldest_age_seconds", lane="interactive")
    assert oldest is not None
    assert oldest > 0
    assert value(registry, "expert_relay_lag_seconds") == 0
    assert (value(registry, "expert_table_bytes", table="outbox") or 0) > 0


async def test_schedules_tell_when_they_were_done_and_whether_they_are_overdue(
    system_engine: AsyncEngine, tenant: TenantId
) -> None:
    measures, turns = Measures(), Turns(system_engine)

    async def stand() -> list[float | None]:
        measures.queue = await queue_gauges(system_engine)
        names = ("ended_timestamp_seconds", "failed", "overdue_seconds")
        return [value(measures.registry, f"expert_schedule_{name}", schedule="retention") for name in names]

    measures._began_at -= 100  # as if it had been up for so long
    ended, failed, overdue = await stand()
    assert (ended, failed) == (None, 0)
    assert overdue is not None
    assert overdue >= 100
    turn = await turns.take("retention", by="here", within_s=60)
    assert turn is not None
    assert await stand() == [None, 0, 0]
    await turns.end("retention", turn, outcome="done", again_s=60)
    ended, failed, overdue = await stand()
    assert abs((ended or 0) - time.time()) < 100
    assert (failed, overdue) == (0, 0)

    async with system_engine.begin() as connection:
        await connection.execute(text("UPDATE schedule SET due_at = now() - interval '7 minutes'"))
    assert (await stand())[2] == pytest.approx(420, abs=60)
    turn = await turns.take("retention", by="here", within_s=60)
    assert turn is not None
    await turns.end("retention", turn, outcome="The database is away.", again_s=60)
    assert (await stand())[1] == 1


async def test_what_was_not_kept_is_told_from_what_was() -> None:
    measures = Measures()
    with measures.acknowledging("slack"):
        pass
    with measures.acknowledging("slack") as keeping:
        keeping.kept = Kept.JOURNAL
    with pytest.raises(Unavailable), measures.acknowledging("slack"):
        raise Unavailable("away")

    for kept in Kept:
        name = "expert_acknowledgement_seconds_count"
        assert value(measures.registry, name, platform="slack", kept=kept.value) == 1


async def test_connections_and_the_process_are_read_when_asked(system_engine: AsyncEngine) -> None:
    measures, stands = Measures(), [True]
    measures.pools({"system": system_engine})
    measures.connection("slack", lambda: stands[0])
    async with system_engine.connect():
        used = value(measures.registry, "expert_pool_used_connections", role="system")
    assert used
    assert value(measures.registry, "expert_platform_connected", platform="slack") == 1
    stands[0] = False
    assert value(measures.registry, "expert_platform_connected", platform="slack") == 0
    assert (value(measures.registry, "process_open_fds") or 0) > 0


async def until(read: Callable[[], float | None], wanted: float) -> None:
    async with asyncio.timeout(20):
        while True:
            if read() == wanted:
                return
            await asyncio.sleep(0.01)

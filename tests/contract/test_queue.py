"""The queue in PostgreSQL: nothing lost, nothing twice at a time, whoever dies when."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import fields
from typing import get_args
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncEngine

from brain.adapters.postgres.queue import Queue, decode
from brain.adapters.postgres.store import SqlStore, connect
from brain.adapters.postgres.tenants import create_tenant
from brain.domain.errors import Rejected, Unavailable
from brain.domain.events import DocumentForgotten, Event, QuestionAsked
from brain.domain.identity import TenantId
from brain.domain.knowledge import DocumentId
from brain.domain.question import QuestionId
from brain.domain.records import TaskId, TaskState
from config.settings import DatabaseUrls
from tests.conftest import emptied
from workers.relay import SUBSCRIPTIONS

HANDLERS: dict[str, tuple[str, ...]] = {"QuestionAsked": ("answer", "remember"), "DocumentForgotten": ()}
BOTH = ("answer", "remember")


@pytest.fixture
async def empty(urls: DatabaseUrls) -> None:
    """The queue crosses tenants, so other tests' tasks must be gone."""
    await emptied(urls)


@pytest.fixture
async def queue(system_engine: AsyncEngine, empty: None) -> Queue:
    return Queue(system_engine)


@pytest.fixture
async def tenant(system_engine: AsyncEngine) -> TenantId:
    return await create_tenant(system_engine, slug=f"t-{uuid4().hex[:12]}", name="Northlight Freight")


@pytest.fixture
def facts(app_engine: AsyncEngine) -> SqlStore:
    """A store that nobody asks for meaning."""
    return SqlStore(app_engine)


async def asked(facts: SqlStore, tenant: TenantId, *, after_s: float = 0) -> QuestionAsked:
    event = QuestionAsked(QuestionId(uuid4()))
    async with facts.transaction(tenant) as tx:
        await tx.emit(event, after_s=after_s)
    return event


async def states(facts: SqlStore, tenant: TenantId) -> dict[str, TaskState]:
    async with facts.transaction(tenant) as tx:
        return {task.handler: task.state for task in await tx.records.tasks(dead_only=False, limit=1000)}


async def killed(engine: AsyncEngine, which: str) -> int:
    """How many of the system role's connections it ended."""
    async with engine.begin() as connection:
        ended = await connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                f" WHERE usename = current_user AND pid <> pg_backend_pid() AND {which}"
            )
        )
        return len(ended.all())


async def test_every_subscribed_handler_gets_one_task(
    queue: Queue, facts: SqlStore, tenant: TenantId
) -> None:
    event = await asked(facts, tenant)
    assert await queue.relay(HANDLERS, limit=10) == 1
    claimed = await queue.claim(BOTH, limit=10)
    assert sorted(task.handler for task in claimed) == ["answer", "remember"]
    assert {task.tenant for task in claimed} == {tenant}
    assert [decode(task.event_name, task.payload) for task in claimed] == [event, event]
    assert await queue.relay(HANDLERS, limit=10) == 0
    assert await queue.claim(BOTH, limit=10) == []


async def test_an_event_nobody_acts_on_is_done_with(queue: Queue, facts: SqlStore, tenant: TenantId) -> None:
    async with facts.transaction(tenant) as tx:
        await tx.emit(DocumentForgotten(DocumentId(uuid4())))
    assert await queue.relay(HANDLERS, limit=10) == 1
    assert (await queue.counts()).unrelayed == 0
    assert await states(facts, tenant) == {}


async def test_an_event_this_version_does_not_know_waits_for_one_that_does(
    queue: Queue, facts: SqlStore, tenant: TenantId
) -> None:
    await asked(facts, tenant)
    assert await queue.relay({"DocumentForgotten": ()}, limit=10) == 0
    assert await queue.relay(HANDLERS, limit=10) == 1


async def test_what_is_rolled_back_was_never_asked(queue: Queue, facts: SqlStore, tenant: TenantId) -> None:
    async def change_of_mind() -> None:
        async with facts.transaction(tenant) as tx:
            await tx.emit(QuestionAsked(QuestionId(uuid4())))
            raise Rejected

    with pytest.raises(Rejected):
        await change_of_mind()
    assert await queue.relay(HANDLERS, limit=10) == 0


async def test_a_relay_killed_halfway_has_done_nothing_and_the_next_one_does_all(
    queue: Queue, facts: SqlStore, tenant: TenantId, urls: DatabaseUrls
) -> None:
    await asked(facts, tenant)
    other = connect(urls.system, pool_size=2)
    async with other.connect() as rival:
        # The rival holds the unique key that the relay is about to insert, so the relay stops inside.
        await rival.execute(
            text(
                "INSERT INTO task (tenant_id, id, event_id, handler, state, attempts, crashes, error)"
                " SELECT tenant_id, gen_random_uuid(), id, 'remember', 'ready', 0, 0, '' FROM outbox"
            )
        )
        relay = asyncio.create_task(queue.relay(HANDLERS, limit=10))
        while not await killed(other, "wait_event_type = 'Lock'"):
            assert not relay.done()
            await asyncio.sleep(0.01)
        with pytest.raises(Unavailable):
            await relay
        await rival.rollback()
    await other.dispose()
    assert await states(facts, tenant) == {}
    assert await queue.relay(HANDLERS, limit=10) == 1
    assert await states(facts, tenant) == dict.fromkeys(BOTH, TaskState.READY)


async def test_relays_and_claimants_share_the_work_without_overlap(
    queue: Queue, facts: SqlStore, tenant: TenantId
) -> None:
    for _ in range(20):
        await asked(facts, tenant)
    moved = await asyncio.gather(*(queue.relay(HANDLERS, limit=7) for _ in range(6)))
    while await queue.relay(HANDLERS, limit=7):
        pass
    assert max(moved) == 7
    shares = await asyncio.gather(*(queue.claim(BOTH, limit=9) for _ in range(6)))
    rest = await queue.claim(BOTH, limit=100)
    claimed = [task.id for share in (*shares, rest) for task in share]
    assert len(claimed) == len(set(claimed)) == 40


async def test_only_what_is_due_and_has_a_handler_here_is_claimed(
    queue: Queue, facts: SqlStore, tenant: TenantId
) -> None:
    await asked(facts, tenant, after_s=3600)
    await queue.relay(HANDLERS, limit=10)
    assert await queue.claim(BOTH, limit=10) == []
    wait_s = await queue.next_due_in_s(BOTH)
    assert wait_s.keys() == set(BOTH)
    assert all(0 < each <= 3600 for each in wait_s.values())
    await asked(facts, tenant)
    await queue.relay(HANDLERS, limit=10)
    assert await queue.next_due_in_s(["answer", "unheard_of"]) == {"answer": 0}
    assert [task.handler for task in await queue.claim(["answer"], limit=10)] == ["answer"]


async def test_after_a_lapse_the_former_holder_changes_nothing(
    queue: Queue, facts: SqlStore, tenant: TenantId
) -> None:
    await asked(facts, tenant)
    await queue.relay(HANDLERS, limit=10)
    [former] = await queue.claim(["answer"], limit=1, lease_s=0)
    [lapsed] = await queue.lapse()
    assert (lapsed.id, lapsed.crashes) == (former.id, 1)
    [holder] = await queue.claim(["answer"], limit=1)
    assert (holder.id, holder.attempts) == (former.id, former.attempts + 1)
    assert await queue.complete(former) is None
    assert await queue.heartbeat(former) is False
    assert await queue.retry(former, after_s=0, error="late", strike=True) is None
    assert await queue.bury(former, error="late") is None
    await queue.release([former])
    assert (await states(facts, tenant))["answer"] is TaskState.LEASED
    assert await queue.complete(holder) is TaskState.DONE


async def test_a_heartbeat_keeps_the_lease(queue: Queue, facts: SqlStore, tenant: TenantId) -> None:
    await asked(facts, tenant)
    await queue.relay(HANDLERS, limit=10)
    [task] = await queue.claim(["answer"], limit=1, lease_s=0)
    assert await queue.heartbeat(task)
    assert await queue.lapse() == []
    assert await queue.complete(task) is TaskState.DONE


async def test_crashes_are_counted_and_a_replay_of_the_dead_starts_over(
    queue: Queue, facts: SqlStore, tenant: TenantId
) -> None:
    await asked(facts, tenant)
    await queue.relay({"QuestionAsked": ("answer",)}, limit=10)
    for _ in range(3):
        assert len(await queue.claim(["answer"], limit=1, lease_s=0)) == 1
        [lapsed] = await queue.lapse()
    assert lapsed.crashes == 3
    [task] = await queue.claim(["answer"], limit=1)
    assert (task.crashes, bool(task.error)) == (3, True)
    assert await queue.bury(task, error=task.error) is TaskState.DEAD
    assert await queue.claim(["answer"], limit=1) == []
    async with facts.transaction(tenant) as tx:
        [dead] = await tx.records.tasks(dead_only=True, limit=10)
        assert dead.error
        assert await tx.records.replay(dead.id)
    [again] = await queue.claim(["answer"], limit=1, lease_s=0)
    assert (again.id, again.attempts, again.crashes) == (dead.id, 5, 0)


async def test_waiting_costs_no_strike_and_bugs_cost_one_each(
    queue: Queue, facts: SqlStore, tenant: TenantId
) -> None:
    await asked(facts, tenant)
    await queue.relay(HANDLERS, limit=10)
    for _ in range(5):
        [task] = await queue.claim(["answer"], limit=1)
        assert await queue.retry(task, after_s=0, error="the model is away", strike=False) is TaskState.READY
    for strikes in range(3):
        [task] = await queue.claim(["answer"], limit=1)
        assert task.crashes == strikes
        assert await queue.retry(task, after_s=0, error="KeyError\0" * 200, strike=True) is TaskState.READY


async def test_a_retry_is_due_when_it_said(queue: Queue, facts: SqlStore, tenant: TenantId) -> None:
    await asked(facts, tenant)
    await queue.relay(HANDLERS, limit=10)
    [task] = await queue.claim(["answer"], limit=1)
    await queue.retry(task, after_s=3600, error="the model is away", strike=False)
    assert await queue.claim(["answer"], limit=1) == []
    wait_s = await queue.next_due_in_s(["answer"])
    assert 3000 < wait_s["answer"] <= 3600


async def test_what_is_released_costs_nothing(queue: Queue, facts: SqlStore, tenant: TenantId) -> None:
    await asked(facts, tenant)
    await queue.relay({"QuestionAsked": ("answer",)}, limit=10)
    for _ in range(4):
        await queue.release(await queue.claim(["answer"], limit=1))
    assert await states(facts, tenant) == {"answer": TaskState.READY}


async def test_counts_say_what_waits(queue: Queue, facts: SqlStore, tenant: TenantId) -> None:
    await asked(facts, tenant)
    before = await queue.counts()
    assert (before.unrelayed, sum(before.tasks.values())) == (1, 0)
    assert before.oldest_unrelayed_s > 0
    await queue.relay(HANDLERS, limit=10)
    [task] = await queue.claim(["answer"], limit=1)
    await queue.bury(task, error="no such question")
    after = await queue.counts()
    assert after.unrelayed == 0
    assert {state: count for state, count in after.tasks.items() if count} == {
        TaskState.READY: 1,
        TaskState.DEAD: 1,
    }
    assert after.oldest_due_s > 0


@pytest.fixture
async def woken(queue: Queue) -> AsyncIterator[asyncio.Event]:
    event = asyncio.Event()
    listening = asyncio.create_task(queue.listen(event.set, lambda _: None))
    async with asyncio.timeout(20):
        await event.wait()  # the one call that says: listening from here on
    event.clear()
    yield event
    listening.cancel()
    await asyncio.wait({listening})


async def test_listening_wakes_at_each_fact_also_after_its_connection_died(
    woken: asyncio.Event, facts: SqlStore, tenant: TenantId, system_engine: AsyncEngine
) -> None:
    await asked(facts, tenant)
    async with asyncio.timeout(20):
        await woken.wait()
    woken.clear()
    assert await killed(system_engine, "query LIKE 'LISTEN%'") == 1
    async with asyncio.timeout(20):
        await woken.wait()  # reconnected
        woken.clear()
        await asked(facts, tenant)
        await woken.wait()


async def test_the_system_role_reads_no_question(system_engine: AsyncEngine) -> None:
    for table in ("question", "answer", "passage", "document", "audit"):
        async with system_engine.connect() as connection:
            with pytest.raises(ProgrammingError, match="permission denied"):
                await connection.execute(text(f"SELECT * FROM {table}"))


@pytest.mark.parametrize("event_type", get_args(Event))
async def test_events_come_back_as_they_were_emitted(
    event_type: type[Event], queue: Queue, facts: SqlStore, tenant: TenantId
) -> None:
    event = event_type(**{field.name: uuid4() for field in fields(event_type)})  # type: ignore[arg-type]  # every field is an id
    async with facts.transaction(tenant) as tx:
        await tx.emit(event)
    await queue.relay({event_type.__name__: ("answer",)}, limit=1)
    [task] = await queue.claim(["answer"], limit=1)
    assert decode(task.event_name, task.payload) == event


@pytest.mark.parametrize(
    ("name", "payload"),
    [("QuestionUnasked", {}), ("QuestionAsked", {}), ("QuestionAsked", {"question": "seven"})],
)
def test_what_another_version_wrote_is_refused(name: str, payload: dict[str, str]) -> None:
    with pytest.raises(Rejected, match=name):
        decode(name, payload)


def test_every_event_has_its_line() -> None:
    assert set(SUBSCRIPTIONS) == set(get_args(Event))


async def test_whoever_works_is_told_for_which_handlers_there_is_work(
    queue: Queue, facts: SqlStore, tenant: TenantId
) -> None:
    told: asyncio.Queue[list[str]] = asyncio.Queue()
    listening = asyncio.create_task(queue.listen(lambda: None, lambda names: told.put_nowait(sorted(names))))
    async with asyncio.timeout(20):
        assert await told.get() == []  # whatever there was before
        await asked(facts, tenant)
        assert await queue.relay({"QuestionAsked": ("first", "second")}, limit=10) == 1
        assert await told.get() == ["first", "second"]
        assert await queue.relay({"QuestionAsked": ("first", "second")}, limit=10) == 0
        async with facts.transaction(tenant) as tx:
            await tx.records.replay(TaskId(uuid4()))
        assert await told.get() == []
    assert told.empty()
    listening.cancel()
    await asyncio.wait({listening})

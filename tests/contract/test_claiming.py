"""Whose task is next: tenants take turns, and nobody's task is lost or done twice at a time."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from brain.adapters.postgres.ages import ages_s
from brain.adapters.postgres.claiming import CLAIM
from brain.adapters.postgres.dispatching import MARK, mark_enqueued
from brain.adapters.postgres.queue import ClaimedTask, Queue
from brain.adapters.postgres.store import connect
from brain.adapters.postgres.tenants import create_tenant
from brain.domain.identity import TenantId
from brain.domain.records import TaskState
from config.settings import DatabaseUrls

_BACKLOG = """
WITH fact AS (
    INSERT INTO outbox (tenant_id, id, name, payload, relayed_at)
    SELECT :tenant, gen_random_uuid(), 'QuestionAsked', '{}', now() FROM generate_series(1, :count)
    RETURNING tenant_id, id
)
INSERT INTO task (tenant_id, id, event_id, handler, state, attempts, crashes, due_at, error)
SELECT tenant_id, gen_random_uuid(), id, :handler, 'ready', 0, 0, now() - make_interval(secs => :age), ''
FROM fact
"""


@pytest.fixture
async def owner(urls: DatabaseUrls) -> AsyncIterator[AsyncEngine]:
    """Who may write tasks for anybody. The queue crosses tenants, so other tests' tasks must be gone."""
    engine = connect(urls.owner, pool_size=1)
    async with engine.begin() as connection:
        await connection.execute(text("TRUNCATE outbox, task"))
    yield engine
    await engine.dispose()


@pytest.fixture
def queue(system_engine: AsyncEngine, owner: AsyncEngine) -> Queue:
    return Queue(system_engine)


@pytest.fixture
async def big(system_engine: AsyncEngine) -> TenantId:
    return await create_tenant(system_engine, slug=f"t-{uuid4().hex[:12]}", name="Northlight Freight")


@pytest.fixture
async def small(system_engine: AsyncEngine) -> TenantId:
    return await create_tenant(system_engine, slug=f"t-{uuid4().hex[:12]}", name="Harbour Bakery")


async def backlog(
    owner: AsyncEngine, tenant: TenantId, count: int, *, age_s: float = 60, handler: str = "answer"
) -> None:
    async with owner.begin() as connection:
        await connection.execute(
            text("SELECT set_config('expert.tenant_id', :tenant, true)"), {"tenant": str(tenant)}
        )
        await connection.execute(
            text(_BACKLOG), {"tenant": tenant, "count": count, "age": age_s, "handler": handler}
        )


def shares(tasks: list[ClaimedTask]) -> Counter[TenantId]:
    return Counter(task.tenant for task in tasks)


async def test_who_has_much_waiting_does_not_keep_others_from_their_turn(
    queue: Queue, owner: AsyncEngine, big: TenantId, small: TenantId
) -> None:
    await backlog(owner, big, 500)
    await backlog(owner, small, 3, age_s=1)
    assert shares(await queue.claim(["answer"], limit=4)) == {big: 2, small: 2}
    # What is under way counts: one more turn each, and the small one has nothing left.
    assert shares(await queue.claim(["answer"], limit=4)) == {big: 3, small: 1}


async def test_what_a_tenant_has_under_way_is_its_turn(
    queue: Queue, owner: AsyncEngine, big: TenantId, small: TenantId
) -> None:
    await backlog(owner, big, 20)
    assert shares(await queue.claim(["answer"], limit=4)) == {big: 4}  # all there is, while nobody else waits
    await backlog(owner, small, 20, age_s=1)
    for _ in range(4):
        assert shares(await queue.claim(["answer"], limit=1)) == {small: 1}
    assert shares(await queue.claim(["answer"], limit=2)) == {big: 1, small: 1}


async def test_work_of_another_kind_takes_no_turn(
    queue: Queue, owner: AsyncEngine, big: TenantId, small: TenantId
) -> None:
    await backlog(owner, big, 5, handler="read_parted")
    await queue.claim(["read_parted"], limit=5)
    await backlog(owner, big, 1, age_s=9)
    await backlog(owner, small, 1, age_s=1)
    assert shares(await queue.claim(["answer"], limit=1)) == {big: 1}


async def test_of_one_tenant_the_longest_due_is_first(
    queue: Queue, owner: AsyncEngine, big: TenantId
) -> None:
    for age_s, handler in ((10, "answer"), (30, "hear"), (20, "deliver")):
        await backlog(owner, big, 1, age_s=age_s, handler=handler)
    order = [(await queue.claim(["answer", "deliver", "hear"], limit=1))[0].handler for _ in range(3)]
    assert order == ["hear", "deliver", "answer"]


async def test_only_what_is_late_is_claimed_where_that_is_wanted(
    queue: Queue, owner: AsyncEngine, big: TenantId, small: TenantId
) -> None:
    await backlog(owner, big, 2, age_s=30)
    await backlog(owner, small, 2, age_s=0)
    assert shares(await queue.claim(["answer"], limit=9, late_s=20)) == {big: 2}


async def test_a_broker_is_told_of_everybodys_tasks_in_turn(
    queue: Queue, owner: AsyncEngine, big: TenantId, small: TenantId
) -> None:
    async def told(limit: int) -> Counter[TenantId]:
        refs = await mark_enqueued(queue.engine, ["answer"], limit=limit, again_s=60)
        return Counter(ref.tenant for ref in refs)

    await backlog(owner, big, 50)
    assert await told(20) == {big: 20}  # all there is, while nobody else waits
    await backlog(owner, small, 30, age_s=1)
    # What somebody was told of is under way.
    assert await told(20) == {small: 20}
    assert await told(20) == {big: 10, small: 10}
    assert await told(40) == {big: 20}
    assert await told(40) == {}
    assert sum((await _again(queue)).values()) == 80, "and of all of them again, where nobody begins"


async def _again(queue: Queue) -> Counter[TenantId]:
    refs = await mark_enqueued(queue.engine, ["answer"], limit=100, again_s=0)
    return Counter(ref.tenant for ref in refs)


async def test_what_came_back_is_told_of_again_once_it_is_due(
    queue: Queue, owner: AsyncEngine, big: TenantId
) -> None:
    await backlog(owner, big, 1)
    assert len(await mark_enqueued(queue.engine, ["answer"], limit=9, again_s=60)) == 1
    [task] = await queue.claim(["answer"], limit=1)
    await queue.retry(task, after_s=0, error="", strike=False)
    assert len(await mark_enqueued(queue.engine, ["answer"], limit=9, again_s=60)) == 1
    assert await mark_enqueued(queue.engine, ["answer"], limit=9, again_s=60) == []


async def test_of_what_one_was_told_of_no_more_is_taken_than_there_is_room_for(
    queue: Queue, owner: AsyncEngine, big: TenantId
) -> None:
    await backlog(owner, big, 5)
    refs = await mark_enqueued(queue.engine, ["answer"], limit=9, again_s=60)
    first = await queue.claim_these(["answer"], refs, limit=3)
    rest = await queue.claim_these(["answer"], refs, limit=3)
    assert (len(first), len(rest)) == (3, 2)
    assert len({task.id for task in first + rest}) == 5


async def test_claimants_side_by_side_lose_nothing_and_nobody_starves(
    queue: Queue, owner: AsyncEngine, big: TenantId, small: TenantId
) -> None:
    await backlog(owner, big, 200)
    await backlog(owner, small, 20, age_s=1)
    done: list[ClaimedTask] = []

    async def works() -> None:
        while claimed := await queue.claim(["answer"], limit=3):
            for task in claimed:
                assert await queue.complete(task) is TaskState.DONE
                done.append(task)

    while len(done) < 220:  # one may find all that is free in the others' hands for a moment
        await asyncio.gather(*(works() for _ in range(3)))
    assert len({task.id for task in done}) == 220
    assert max(at for at, task in enumerate(done) if task.tenant == small) < 110


async def test_each_tenant_has_an_age_of_its_own(
    queue: Queue, owner: AsyncEngine, big: TenantId, small: TenantId
) -> None:
    await backlog(owner, big, 3, age_s=70)
    await backlog(owner, big, 1, age_s=300, handler="read_parted")
    await backlog(owner, small, 1, age_s=5)
    found = await ages_s(queue.engine, ["hear", "answer"], late_s=10)
    assert set(found) == {big}
    assert 70 <= found[big] < 300
    await queue.claim(["answer"], limit=9)
    assert await ages_s(queue.engine, ["hear", "answer"], late_s=0) == {}


async def test_a_waiting_crowd_is_not_read_to_claim_a_few(
    queue: Queue, owner: AsyncEngine, big: TenantId, small: TenantId
) -> None:
    """However much waits, the plan looks at the first tasks of each tenant."""
    await backlog(owner, big, 10_000)
    await backlog(owner, small, 1, age_s=1)
    async with owner.begin() as connection:
        await connection.execute(text("ANALYZE task"))
    wanted = {"handlers": ["answer", "deliver", "hear"], "limit": 4, "lease": 20, "late": 0}
    async with queue.engine.connect() as connection:
        plan = await connection.scalar(text(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {CLAIM}"), wanted)
        await connection.rollback()
    assert plan[0]["Plan"]["Actual Rows"] == 4
    assert plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"] < 300


async def test_a_waiting_crowd_is_not_read_to_tell_of_a_few(
    queue: Queue, owner: AsyncEngine, big: TenantId, small: TenantId
) -> None:
    await backlog(owner, big, 10_000)
    await backlog(owner, small, 1, age_s=1)
    await mark_enqueued(queue.engine, ["answer"], limit=100, again_s=60)
    async with owner.begin() as connection:
        await connection.execute(text("ANALYZE task"))
    wanted = {"handlers": ["answer", "deliver", "hear"], "limit": 4, "again": 60, "late": 0}
    async with queue.engine.connect() as connection:
        plan = await connection.scalar(text(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {MARK}"), wanted)
        await connection.rollback()
    assert plan[0]["Plan"]["Actual Rows"] == 4
    assert plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"] < 600, plan

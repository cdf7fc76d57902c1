"""What is done is forgotten after a while; what is not, or failed, stays."""

from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from brain.adapters.postgres.queue import Queue
from brain.domain.conversation import Conversation, Delivery, DeliveryId
from brain.domain.events import DeliveryAccepted, DocumentForgotten, QuestionAsked
from brain.domain.knowledge import DocumentId
from brain.domain.question import QuestionId
from config.settings import DatabaseUrls
from tests.conftest import World, emptied
from workers.retention import forget_done


@pytest.fixture
async def queue(system_engine: AsyncEngine, urls: DatabaseUrls) -> Queue:
    await emptied(urls)
    return Queue(system_engine)


async def _rows(queue: Queue) -> tuple[dict[str, int], int]:
    async with queue.engine.connect() as connection:
        tasks = await connection.execute(text("SELECT state, count(*) AS n FROM task GROUP BY state"))
        facts = await connection.scalar(text("SELECT count(*) FROM outbox"))
        return {row.state: row.n for row in tasks}, facts or 0


async def _age(queue: Queue, days: int) -> None:
    async with queue.engine.begin() as connection:
        for column, table in (("done_at", "task"), ("relayed_at", "outbox"), ("created_at", "outbox")):
            await connection.execute(
                text(f"UPDATE {table} SET {column} = {column} - make_interval(days => :days)"), {"days": days}
            )


async def test_only_what_is_done_and_old_goes(queue: Queue, world: World) -> None:
    async with world.store.transaction(world.tenant) as tx:
        for _ in range(6):
            await tx.emit(QuestionAsked(QuestionId(uuid4())))
        await tx.emit(DocumentForgotten(DocumentId(uuid4())))
    await queue.relay({"QuestionAsked": ("answer",), "DocumentForgotten": ()}, limit=100)
    done, done_too, dead, leased, *_ = await queue.claim(["answer"], limit=4)
    for task in (done, done_too):
        await queue.complete(task)
    await queue.bury(dead, error="no use")
    async with world.store.transaction(world.tenant) as tx:
        await tx.emit(QuestionAsked(QuestionId(uuid4())))

    assert await forget_done(queue, days=30) == 0
    await _age(queue, 29)
    assert await forget_done(queue, days=30) == 0
    await _age(queue, 2)
    assert await forget_done(queue, days=30) == 5, "two tasks with their facts, and a fact nobody acts on"
    assert await _rows(queue) == ({"dead": 1, "leased": 1, "ready": 2}, 5)
    assert leased.handler == "answer"
    assert await queue.relay({"QuestionAsked": ("answer",)}, limit=100) == 1, (
        "what is old and unrelayed stays"
    )


async def test_much_goes_in_batches(queue: Queue, world: World) -> None:
    async with world.store.transaction(world.tenant) as tx:
        await tx.connection.execute(
            text(
                "INSERT INTO outbox (tenant_id, id, name, relayed_at) SELECT :tenant, gen_random_uuid(),"
                " 'DocumentForgotten', now() - interval '40 days' FROM generate_series(1, 2500)"
            ),
            {"tenant": world.tenant},
        )
    assert await forget_done(queue, days=30) == 2500
    assert await _rows(queue) == ({}, 0)


async def test_what_platforms_told_long_ago_goes_dealt_with_or_not(queue: Queue, world: World) -> None:
    ids = [DeliveryId(uuid4()) for _ in range(3)]
    async with world.store.transaction(world.tenant) as tx:
        for number, id_ in enumerate(ids):
            await tx.talk.inbox.accept(Delivery(id_, "slack", f"event/{number}", f"twin/{number}", "{}"))
        await tx.talk.inbox.dealt_with(ids[0], question=None)
        await tx.connection.execute(
            text(
                "UPDATE inbox SET received_at = now() - interval '31 days' WHERE delivery_id LIKE '%/_'"
                " AND delivery_id NOT LIKE '%/2'"
            )
        )
    assert await forget_done(queue, days=30) == 4, "two deliveries with their twins"
    async with world.store.transaction(world.tenant) as tx:
        assert await tx.talk.inbox.delivery(ids[1]) is None
        assert await tx.talk.inbox.delivery(ids[2]) is not None


async def test_what_a_dead_task_is_about_stays_with_it(queue: Queue, world: World) -> None:
    """Replayed, it would find nothing to do and be done."""
    id_ = DeliveryId(uuid4())
    async with world.store.transaction(world.tenant) as tx:
        await tx.talk.inbox.accept(Delivery(id_, "slack", "event/dead", "", "{}"))
        await tx.emit(DeliveryAccepted(id_))
        await tx.connection.execute(text("UPDATE inbox SET received_at = now() - interval '31 days'"))
    await queue.relay({"DeliveryAccepted": ("hear",)}, limit=1)
    [task] = await queue.claim(["hear"], limit=1)
    await queue.bury(task, error="no use")

    await forget_done(queue, days=30)

    async with world.store.transaction(world.tenant) as tx:
        assert await tx.talk.inbox.delivery(id_) is not None


async def test_old_replies_go_and_what_may_have_to_be_corrected_stays(queue: Queue, world: World) -> None:
    async with world.store.transaction(world.tenant) as tx:
        place = await tx.talk.conversations.open(Conversation("slack", "T1", "C1"))
        for key in ("delivery/1", "question/1", "delivery/2"):
            await tx.talk.messages.claim(key, to=place, for_s=0, pace_s=0)
        await tx.connection.execute(
            text("UPDATE message SET created_at = now() - interval '31 days' WHERE key <> 'delivery/2'")
        )

    await forget_done(queue, days=30)

    async with world.store.transaction(world.tenant) as tx:
        assert await tx.talk.messages.keys("") == ["question/1", "delivery/2"]

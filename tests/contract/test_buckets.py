"""How fast chat platforms may ask: whoever is faster waits a turn, and nothing of it is lost."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import text

from brain.domain.conversation import Conversation
from brain.domain.errors import TooFast
from brain.domain.identity import MemberId
from brain.domain.question import QuestionId
from brain.domain.rates import Rate, Turns
from brain.usecases.accept import Accept, Asking
from tests.conftest import World

SLOW = Turns(tenant=Rate(4, 0.01), member=Rate(2, 0.01), longest_s=150)
HERE = Conversation("slack", "T1", "C1", "1.1")


async def asks(world: World, *, by: str = "amira", turns: Turns = SLOW, key: str | None = None) -> QuestionId:
    accept = Accept(world.store, turns)
    return await accept(world.people[by], Asking("Where is the key?", place=HERE, idempotency_key=key))


async def waits(world: World) -> list[tuple[str, int]]:
    """What was told, and in how many hundreds of seconds it is due."""
    async with world.store.transaction(world.tenant) as tx:
        rows = await tx.connection.execute(
            text(
                "SELECT name, round(extract(epoch FROM due_at - created_at) / 100) AS wait FROM outbox"
                " WHERE name LIKE 'Question%' ORDER BY position"
            )
        )
        return [(row.name, int(row.wait)) for row in rows]


async def test_who_asks_faster_waits_and_is_told(world: World) -> None:
    for _ in range(3):
        await asks(world)
    assert await waits(world) == [
        ("QuestionAsked", 0),
        ("QuestionAsked", 0),
        ("QuestionAsked", 1),
        ("QuestionQueued", 0),
    ]


async def test_a_flood_is_refused_and_takes_nothing_from_the_others(world: World) -> None:
    for _ in range(3):
        await asks(world)
    for _ in range(5):
        with pytest.raises(TooFast) as refused:
            await asks(world)
        assert 150 < refused.value.retry_after_s <= 200
    assert len(await waits(world)) == 4
    await asks(world, by="omar")
    assert (await waits(world))[-1] == ("QuestionAsked", 0)


async def test_a_tenant_that_asks_faster_waits_whoever_asks(world: World, other_world: World) -> None:
    for by in ("amira", "omar", "ravi", "rosa"):
        await asks(world, by=by)
    await asks(world, by="petra")
    assert [wait for name, wait in await waits(world) if name == "QuestionAsked"] == [0, 0, 0, 0, 1]
    await asks(other_world)
    assert await waits(other_world) == [("QuestionAsked", 0)]


async def test_asked_again_with_the_same_key_it_costs_nothing(world: World) -> None:
    first = [await asks(world, key="delivery-1") for _ in range(5)]
    assert len(set(first)) == 1
    assert await waits(world) == [("QuestionAsked", 0)]


async def test_processes_take_from_the_same_bucket(world: World) -> None:
    patient = replace(SLOW, longest_s=10_000.0)
    await asyncio.gather(*(asks(world, turns=patient) for _ in range(8)))
    due = sorted(wait for name, wait in await waits(world) if name == "QuestionAsked")
    assert due == [0, 0, 1, 2, 3, 4, 5, 6]


async def test_what_is_left_comes_back_with_time_and_never_more_than_a_burst(world: World) -> None:
    fast = Rate(3, 100_000.0)
    member = MemberId(world.people["amira"].member.id)
    for _ in range(20):
        async with world.store.transaction(world.tenant) as tx:
            assert await tx.talk.buckets.take(member, fast) == 0
    async with world.store.transaction(world.tenant) as tx:
        waited = [await tx.talk.buckets.take(member, Rate(3, 0.001)) for _ in range(4)]
    assert waited[:2] == [0, 0]
    assert waited[-1] > 0


async def test_questions_over_http_have_limits_of_their_own(world: World) -> None:
    accept = Accept(world.store, SLOW)
    for _ in range(5):
        await accept(world.people["amira"], Asking("Where is the key?"))
    assert await waits(world) == [("QuestionAsked", 0)] * 5

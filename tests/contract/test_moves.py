"""Every move of everything that has a state, tried in the real database as the roles that serve."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from brain.adapters.postgres.queue import Queue
from brain.adapters.postgres.store import SqlStore, connect, enter, reachable
from brain.domain import moves
from brain.domain.answer import AnswerStatus
from brain.domain.article import ArticleStatus
from brain.domain.knowledge import DocumentStatus
from brain.domain.moves import EVERY, NOTHING, IllegalMove, Moves
from brain.domain.records import TaskState
from brain.domain.review import ReviewStatus, VerdictKind
from brain.usecases.decide import Judgement
from brain.usecases.read import review
from config.embedded_postgres import EmbeddedPostgres
from tests.conftest import World
from workers.relay import SUBSCRIPTIONS

STATES: dict[str, type[StrEnum]] = {
    "answer": AnswerStatus,
    "review": ReviewStatus,
    "article": ArticleStatus,
    "document": DocumentStatus,
    "task": TaskState,
}
# What has to differ in a second row of the same kind.
OTHER: dict[str, dict[str, Any]] = {
    "answer": {"version": 99},
    "review": {"number": 99},
    "document": {"source": "other.md"},
    "task": {"handler": "other"},
}


@dataclass(frozen=True, slots=True)
class Mover:
    """Has one thing of each kind, and puts it into any state behind the database's back."""

    world: World
    roles: dict[str, AsyncEngine]
    root: AsyncEngine

    async def put(self, kind: str, state: StrEnum) -> None:
        async with self.root.begin() as connection:
            await connection.execute(text("SET LOCAL session_replication_role = replica"))
            await self.write(connection, kind, state)

    async def write(self, connection: AsyncConnection, kind: str, state: StrEnum) -> int:
        changes = f"{_column(kind)} = '{state}'"
        if kind == "document":
            changes += f", reason = {repr('why') if state is DocumentStatus.QUARANTINED else 'NULL'}"
        if kind == "task":
            changes += ", attempts = attempts + 1"
        of = text(f"UPDATE {kind} SET {changes} WHERE tenant_id = :tenant")
        return (await connection.execute(of, {"tenant": self.world.tenant})).rowcount

    async def goes(self, kind: str, before: StrEnum, *, role: str) -> set[StrEnum]:
        """Where the database lets it go, and how it refuses the rest. It stays where it was."""
        await self.put(kind, before)
        taken, refused = set(), set()
        async with self.roles[role].connect() as connection:
            await enter(connection, self.world.tenant)
            for after in STATES[kind]:
                undone = await connection.begin_nested()
                try:
                    async with reachable():
                        assert await self.write(connection, kind, after), f"the {role} sees no {kind}"
                    taken.add(after)
                except IllegalMove as bug:
                    refused.add((bug.kind, bug.before, bug.after))
                await undone.rollback()
        assert refused == {(kind, before, after) for after in set(STATES[kind]) - taken}
        return taken

    async def begins(self, kind: str, state: StrEnum) -> bool:
        other = OTHER.get(kind, {}) | {_column(kind): state.value}
        if kind == "document" and state is DocumentStatus.QUARANTINED:
            other["reason"] = "why"
        try:
            async with reachable(), self.roles["app"].connect() as connection:
                await enter(connection, self.world.tenant)
                await connection.execute(
                    text(
                        f"INSERT INTO {kind} SELECT (jsonb_populate_record(former, CAST(:other AS jsonb)"
                        f" || jsonb_build_object('id', gen_random_uuid()))).* FROM {kind} former LIMIT 1"
                    ),
                    {"other": json.dumps(other)},
                )
                await connection.rollback()
        except IllegalMove as bug:
            return (bug.kind, bug.before, bug.after) != (kind, NOTHING, state)
        return True


def _column(kind: str) -> str:
    return "state" if kind == "task" else "status"


@pytest.fixture
async def mover(
    world: World, app_engine: AsyncEngine, system_engine: AsyncEngine, postgres: EmbeddedPostgres
) -> AsyncIterator[Mover]:
    await world.reads("badges.md", "# Badges\n\n## Lost badge\n\nReport a lost badge on extension 4242.\n")
    await world.asks("How do I book the roof terrace for a party?")
    ravi = world.people["ravi"]
    case = await review(world.store, ravi, 1)
    judgement = Judgement(1, VerdictKind.APPROVE, case.review.shown_hash, text="Write to the front desk.")
    await world.decide(ravi, judgement)
    handlers = {event.__name__: wanted for event, wanted in SUBSCRIPTIONS.items()}
    await Queue(system_engine).relay(handlers, limit=1_000)
    root = connect(postgres.superuser_url, pool_size=1)
    yield Mover(world, {"app": app_engine, "system": system_engine}, root)
    await root.dispose()


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.kind)
async def test_the_database_takes_the_declared_moves_and_no_others(mover: Mover, kind: Moves) -> None:
    states = STATES[kind.kind]
    assert set(kind.then) == set(states), "every state says where it leads"
    for role in ("app", *(["system"] if kind.kind == "task" else [])):
        for before in states:
            legal = {after for after in states if kind.legal(before, after)}
            assert await mover.goes(kind.kind, before, role=role) == legal, f"{before}, as the {role}"


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.kind)
async def test_what_is_made_begins_as_declared(mover: Mover, kind: Moves) -> None:
    states = STATES[kind.kind]
    begun = {state for state in states if await mover.begins(kind.kind, state)}
    assert begun == kind.first == {state for state in states if kind.legal(None, state)}


async def test_each_state_that_is_in_use_can_be_reached_and_no_kind_is_forgotten() -> None:
    for kind in EVERY:
        reached, found = set(kind.first), True
        while found:
            further = {after for state in reached for after in kind.then[state]} - reached
            reached, found = reached | further, bool(further)
        reserved = {TaskState.UNKNOWN} if kind is moves.TASK else set()
        assert set(STATES[kind.kind]) - reached == reserved
    assert {kind.kind for kind in EVERY} == set(STATES)


async def test_a_lease_counts_its_attempt_and_the_fence_only_rises(mover: Mover) -> None:
    for before, change in (
        (TaskState.READY, "state = 'leased'"),
        (TaskState.READY, "state = 'leased', attempts = attempts - 1"),
        (TaskState.LEASED, "state = 'ready', attempts = 0"),
        (TaskState.LEASED, "attempts = attempts - 1"),
    ):
        await mover.put("task", before)
        # Of this tenant: other tests leave tasks in other states.
        changed, ours = text(f"UPDATE task SET {change} WHERE tenant_id = :tenant"), mover.world.tenant
        with pytest.raises(IllegalMove, match="count of attempts"):
            async with reachable(), mover.roles["system"].begin() as connection:
                await connection.execute(changed, {"tenant": ours})


async def test_a_bug_says_what_moved_and_quotes_nothing(mover: Mover, store: SqlStore) -> None:
    await mover.put("answer", AnswerStatus.ABSTAINED)
    with pytest.raises(IllegalMove) as raised:
        async with store.transaction(mover.world.tenant) as tx:
            await tx.connection.execute(
                text("UPDATE answer SET status = 'suspended', text = :text"), {"text": "secret"}
            )
    assert str(raised.value) == "The answer may not go from abstained to suspended."
    assert raised.value.__suppress_context__
    with pytest.raises(DBAPIError, match="answer may not go from abstained to published"):
        async with mover.root.begin() as connection:
            await connection.execute(
                text("UPDATE answer SET status = 'published' WHERE tenant_id = :tenant"),
                {"tenant": mover.world.tenant},
            )

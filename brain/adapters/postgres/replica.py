"""What a copy of the passages in another index has to hold, and how far it has got.

PostgreSQL stays the truth: from here the copy is made, and what it finds is read here.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncEngine

from brain.adapters.postgres.passages import READABLE_SCOPE, readers, to_passage
from brain.adapters.postgres.store import enter, reachable
from brain.domain.identity import Audience, DepartmentId, TenantId
from brain.domain.knowledge import PassageId
from brain.domain.ranking import terms

# One number for "somebody is making a copy".
_LOCK = 7_316_254_003

# Two copies with the same mark hold the same. The embedder is part of the copy's own name.
_MARK = """
md5(concat_ws(E'\\x1f', p.scope_id, p.title, array_to_string(p.heading_path, E'\\x1e'), p.content_hash))
"""
_COPIED = """
FROM passage p JOIN embedding e ON e.tenant_id = p.tenant_id AND e.passage_id = p.id
    AND e.embedder = :embedder AND e.start = -1
"""


@dataclass(frozen=True, slots=True)
class State:
    """`embedder` and `replica` are None for a tenant that knows nothing yet, and for one without a copy."""

    embedder: str | None
    replica: str | None
    whole: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """A passage as the other index holds it: what finds it, and nothing of what it says in order."""

    id: PassageId
    source: UUID
    scope: int
    mark: str
    terms: str
    vector: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class ReplicaSource:
    """As the serving role, tenant by tenant."""

    app: AsyncEngine

    async def state(self, tenant: TenantId) -> State:
        async with reachable(), self.app.begin() as connection:
            await enter(connection, tenant)
            row = (
                await connection.execute(text("SELECT embedder, replica, replica_whole FROM tenant"))
            ).one()
            return State(row.embedder, row.replica, row.replica_whole)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """One at a time makes copies whole; the others wait."""
        async with reachable(), self.app.begin() as connection:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            yield

    async def begin(self, tenant: TenantId, replica: str) -> None:
        """From now on, every change is told; one of another name is not whole any more."""
        async with reachable(), self.app.begin() as connection:
            await enter(connection, tenant)
            # Waits for whoever writes passages just now: nobody told them to tell.
            await connection.execute(text("LOCK TABLE passage IN SHARE ROW EXCLUSIVE MODE"))
            await connection.execute(
                text(
                    "UPDATE tenant SET replica = :replica,"
                    " replica_whole = replica_whole AND replica = :replica"
                ),
                {"replica": replica},
            )

    async def complete(self, tenant: TenantId, replica: str) -> None:
        """From now on, search asks it."""
        async with reachable(), self.app.begin() as connection:
            await enter(connection, tenant)
            await connection.execute(
                text("UPDATE tenant SET replica_whole = true WHERE replica = :replica"), {"replica": replica}
            )

    async def end(self, tenant: TenantId, replica: str | None = None) -> None:
        """Nothing is told any more, and search asks PostgreSQL alone; what there is of a copy grows old.

        Of this copy, where it still is the tenant's; None: of whichever there is.
        """
        async with reachable(), self.app.begin() as connection:
            await enter(connection, tenant)
            await connection.execute(
                text(
                    "UPDATE tenant SET replica = NULL, replica_whole = false"
                    " WHERE replica = coalesce(:replica, replica)"
                ),
                {"replica": replica},
            )

    async def readable(
        self, audience: Audience, department: DepartmentId | None, *, replica: str
    ) -> list[int] | None:
        """The scopes that this audience may read; None where this copy is not whole."""
        async with reachable(), self.app.begin() as connection:
            await enter(connection, audience.tenant)
            whole = await connection.scalar(
                text("SELECT replica_whole AND replica = :replica FROM tenant"), {"replica": replica}
            )
            if not whole:
                return None
            rows = await connection.execute(
                text(
                    f"SELECT s.id FROM scope s WHERE {READABLE_SCOPE} AND (CAST(:department AS uuid) IS NULL"
                    " OR CAST(:department AS uuid) = ANY(s.departments)) ORDER BY s.id"
                ),
                readers(audience) | {"department": department},
            )
            return list(rows.scalars().all())

    async def count(self, tenant: TenantId, embedder: str) -> int:
        async with reachable(), self.app.begin() as connection:
            await enter(connection, tenant)
            return int(
                await connection.scalar(text(f"SELECT count(*) {_COPIED}"), {"embedder": embedder}) or 0
            )

    async def marks(self, tenant: TenantId, embedder: str, *, source: UUID | None) -> Mapping[PassageId, str]:
        """What the copy has to hold: of one document or article, or of all."""
        async with reachable(), self.app.begin() as connection:
            await enter(connection, tenant)
            of_source = "" if source is None else " WHERE p.document_id = :source OR p.article_id = :source"
            rows = await connection.stream(
                text(f"SELECT p.id, {_MARK} AS mark {_COPIED}{of_source}"),
                {"embedder": embedder} | ({"source": source} if source else {}),
            )
            return {PassageId(row.id): row.mark async for row in rows}

    async def entries(self, tenant: TenantId, embedder: str, *, passages: Sequence[PassageId]) -> list[Entry]:
        """Those that are still there."""
        async with reachable(), self.app.begin() as connection:
            await enter(connection, tenant)
            rows = (
                await connection.execute(
                    text(
                        f"SELECT p.*, {_MARK} AS mark, CAST(e.vector AS text) AS vector {_COPIED}"
                        " WHERE p.id = ANY(CAST(:ids AS uuid[]))"
                    ),
                    {"embedder": embedder, "ids": list(passages)},
                )
            ).all()
        # Words are counted in a thread: a batch takes longer than the event loop may be kept.
        return await asyncio.to_thread(lambda: [_entry(row) for row in rows])


def _entry(row: Row[Any]) -> Entry:
    passage = to_passage(row)
    return Entry(
        id=passage.id,
        source=row.document_id or row.article_id,
        scope=row.scope_id,
        mark=row.mark,
        terms=" ".join(terms(passage.indexed_text)),
        vector=tuple(map(float, row.vector.strip("[]").split(","))),
    )

"""A second embedder's vectors beside those in force, and the one step in which it takes over."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from brain.adapters.postgres import tables
from brain.adapters.postgres.passages import embedding_rows, to_passage
from brain.adapters.postgres.store import enter, reachable
from brain.adapters.postgres.trail import append
from brain.domain.audit import Keyring
from brain.domain.errors import Conflict, Rejected
from brain.domain.identity import TenantId
from brain.domain.knowledge import Embedded, Passage, PassageId, Vector
from brain.domain.records import AuditEntry

# What a halfvec index takes: https://github.com/pgvector/pgvector#hnsw
MAX_DIMENSIONS = 4_000
# One number for "somebody is reindexing".
_LOCK = 7_316_254_002

_WITHOUT = """
FROM passage p WHERE NOT EXISTS (
    SELECT FROM embedding e
    WHERE (e.tenant_id, e.passage_id, e.embedder, e.start) = (p.tenant_id, p.id, :embedder, -1))
"""
# Questions that are compared with what is asked: wordings of articles, and reviews that can be joined.
_QUESTIONS = """
SELECT text FROM wording UNION
SELECT w.wording FROM review r
    JOIN waiting w ON (w.tenant_id, w.review_id, w.question_id) = (r.tenant_id, r.id, r.question_id)
    WHERE r.status = 'open'
"""


@dataclass(frozen=True, slots=True)
class Reembedding:
    """As the serving role, tenant by tenant."""

    app: AsyncEngine
    keyring: Keyring

    async def waiting(self, tenant: TenantId, embedder: str) -> tuple[int, int]:
        """How many passages this embedder has still to embed, and how many questions are compared."""
        async with reachable(), self.app.begin() as connection:
            await enter(connection, tenant)
            passages = await connection.scalar(text(f"SELECT count(*) {_WITHOUT}"), {"embedder": embedder})
            questions = await connection.scalar(text(f"SELECT count(*) FROM ({_QUESTIONS}) q"))
            return int(passages or 0), int(questions or 0)

    async def passages_without(
        self, tenant: TenantId, embedder: str, *, after: PassageId | None, limit: int
    ) -> list[Passage]:
        """In the order of their ids."""
        async with reachable(), self.app.begin() as connection:
            await enter(connection, tenant)
            rows = await connection.execute(
                text(
                    f"SELECT p.* {_WITHOUT} AND (CAST(:after AS uuid) IS NULL OR p.id > CAST(:after AS uuid))"
                    " ORDER BY p.id LIMIT :limit"
                ),
                {"embedder": embedder, "after": after, "limit": limit},
            )
            return [to_passage(row) for row in rows]

    async def questions(self, tenant: TenantId) -> list[str]:
        async with reachable(), self.app.begin() as connection:
            await enter(connection, tenant)
            return list((await connection.execute(text(_QUESTIONS))).scalars().all())

    async def add(self, tenant: TenantId, embedded: Sequence[Embedded]) -> None:
        """Beside the vectors that are there. What has gone meanwhile is left out."""
        async with reachable(), self.app.begin() as connection:
            await enter(connection, tenant)
            # Locked: nobody takes a passage away, or changes who may read it, before its vectors are there.
            present = await connection.execute(
                text(
                    "SELECT id, scope_id FROM passage WHERE id = ANY(CAST(:ids AS uuid[]))"
                    " ORDER BY id FOR SHARE"
                ),
                {"ids": [one.passage.id for one in embedded]},
            )
            scopes = {row.id: row.scope_id for row in present}
            rows = [
                meant
                | {"tenant_id": tenant, "passage_id": one.passage.id, "scope_id": scopes[one.passage.id]}
                for one in embedded
                if one.passage.id in scopes
                for meant in embedding_rows(one)
            ]
            if rows:
                await connection.execute(
                    insert(tables.table(tables.Embedding)).on_conflict_do_nothing(), rows
                )

    async def take_over(
        self, tenants: Collection[TenantId], embedder: str, *, questions: Mapping[str, Vector]
    ) -> bool:
        """In one transaction for all of them. False where something is not embedded yet: nothing was changed.

        Whoever writes vectors meanwhile waits, and is then told that another embedder is in force.
        """
        async with reachable(), self.app.connect() as connection, connection.begin() as transaction:
            for tenant in sorted(tenants):
                await enter(connection, tenant)
                await connection.execute(text("SELECT embedder FROM tenant FOR UPDATE"))
                if not await _whole(connection, embedder, questions):
                    await transaction.rollback()
                    return False
                await _compare_anew(connection, questions)
                await connection.execute(
                    text("UPDATE tenant SET embedder = :embedder"), {"embedder": embedder}
                )
            for tenant in sorted(tenants):
                now = await enter(connection, tenant)
                entry = AuditEntry(None, "embedder.changed", f"tenant {tenant}", (("embedder", embedder),))
                await append(connection, tenant, [(now, entry)], self.keyring)
        return True

    async def discard_others(self, tenant: TenantId, embedder: str) -> int:
        """Vectors of every other embedder go, all at once; returns how many."""
        async with reachable(), self.app.begin() as connection:
            await enter(connection, tenant)
            gone = await connection.execute(
                text(
                    "DELETE FROM embedding WHERE embedder <> :embedder"
                    " AND (SELECT t.embedder FROM tenant t) = :embedder"
                ),
                {"embedder": embedder},
            )
            return int(gone.rowcount)


async def _whole(connection: AsyncConnection, embedder: str, questions: Mapping[str, Vector]) -> bool:
    if await connection.scalar(text(f"SELECT true {_WITHOUT} LIMIT 1"), {"embedder": embedder}):
        return False
    asked = (await connection.execute(text(_QUESTIONS))).scalars().all()
    return questions.keys() >= set(asked)


async def _compare_anew(connection: AsyncConnection, questions: Mapping[str, Vector]) -> None:
    await connection.execute(text("UPDATE review SET vector = NULL WHERE status <> 'open'"))
    asked = (await connection.execute(text(_QUESTIONS))).scalars().all()
    if not asked:
        return
    meant = {"asked": list(asked), "vectors": [str(list(questions[one])) for one in asked]}
    new = "unnest(CAST(:asked AS text[]), CAST(:vectors AS text[])) AS new (asked, vector)"
    await connection.execute(
        text(
            "UPDATE wording SET vector = CAST(new.vector AS halfvec)"
            f" FROM {new} WHERE wording.text = new.asked"
        ),
        meant,
    )
    await connection.execute(
        text(
            f"UPDATE review r SET vector = CAST(new.vector AS halfvec) FROM waiting w, {new}"
            " WHERE r.status = 'open' AND w.wording = new.asked"
            " AND (w.tenant_id, w.review_id, w.question_id) = (r.tenant_id, r.id, r.question_id)"
        ),
        meant,
    )


async def index_vectors(connection: AsyncConnection, dimensions: int) -> None:
    """An index for vectors of this length, beside those there are. As the owner, outside of a transaction."""
    if dimensions > MAX_DIMENSIONS:
        raise Rejected(
            f"This model makes vectors of {dimensions} numbers; the index takes {MAX_DIMENSIONS} at most."
            " Choose a smaller model."
        )
    name = "embedding_hnsw" if dimensions == 384 else f"embedding_hnsw_{dimensions}"
    unfinished = await connection.scalar(
        text(
            "SELECT true FROM pg_index WHERE indexrelid = to_regclass(CAST(:name AS text)) AND NOT indisvalid"
        ),
        {"name": name},
    )
    if unfinished:  # by one that was killed
        await connection.execute(text(f"DROP INDEX CONCURRENTLY IF EXISTS {name}"))
    await connection.execute(
        text(
            f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON embedding"
            f" USING hnsw ((vector::halfvec({dimensions})) halfvec_cosine_ops)"
            f" WHERE dimensions = {dimensions} AND start = -1"
        )
    )


def owning(url: str) -> AsyncEngine:
    """For statements that cannot be part of a transaction."""
    return create_async_engine(url, isolation_level="AUTOCOMMIT", pool_size=1, max_overflow=0)


async def take_turn(connection: AsyncConnection) -> None:
    """Until the connection ends. Raises `Conflict` where another one has it."""
    if not await connection.scalar(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": _LOCK}):
        raise Conflict("Another `expert reindex` is running on this database; wait for it, or stop it.")

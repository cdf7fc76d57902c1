"""Hybrid search over PostgreSQL: pgvector and true BM25, both behind the same rights."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from brain.adapters.postgres.passages import (
    OPEN,
    READABLE,
    READABLE_SCOPE,
    insert_passages,
    readers,
    scope_of,
    to_passage,
)
from brain.adapters.postgres.serving import require_in_force
from brain.adapters.postgres.statistics import Statistics
from brain.adapters.postgres.store import enter, reachable
from brain.domain.identity import Audience, DepartmentId, TenantId
from brain.domain.knowledge import DocumentId, Embedded, Found, PassageId, Vector
from brain.domain.ranking import K1, B, rarity, terms

# Filters act after an HNSW scan. Below this many readable passages an exact scan is quick and misses
# nothing; above it, the scan goes on until enough readable ones are found.
# https://github.com/pgvector/pgvector#iterative-index-scans
EXACT_BELOW = 20_000

# Words are looked up rarest first, until that many postings are read; those that are left, the commonest, say
# little, and count for the best so far alone. On 100,000 passages 98 of 100 of the ten best are the same.
POSTINGS = 20_000
CANDIDATES = 100

_SCOPES = f"""
SELECT s.id,
    CASE WHEN {READABLE} THEN s.departments ELSE ARRAY(
        SELECT d.id FROM department d WHERE d.id = ANY(s.also)
        AND ({OPEN} OR d.id = ANY(CAST(:departments AS uuid[]))) ORDER BY d.id LIMIT 1)
    END AS through
FROM scope s WHERE {READABLE_SCOPE}
AND (CAST(:department AS uuid) IS NULL OR CAST(:department AS uuid) = ANY(s.departments))
"""
# Parameters are cast where they meet numbers: a bare one takes the type of its neighbour, and 0.75 becomes 1.
# So are constants: PostgreSQL takes 0.75 for a decimal, and reckons with those several times as long.
# An article's passages go when a task has seen that its time is over, which may be late.
_SEARCH = """
WITH near AS (
    SELECT passage_id, ({vector} <=> CAST(:vector AS halfvec({dimensions}))) AS distance
    FROM embedding
    WHERE dimensions = {dimensions} AND start = -1 AND embedder = :embedder
        AND scope_id = ANY(CAST(:scopes AS bigint[])) {among}
    ORDER BY ({vector} <=> CAST(:vector AS halfvec({dimensions}))) {exactly} LIMIT :limit
), dense AS (
    SELECT passage_id, row_number() OVER (ORDER BY distance, passage_id) AS rank FROM near
), worded AS MATERIALIZED ({worded}), best AS (
    SELECT passage_id FROM worded ORDER BY score DESC, passage_id LIMIT :candidates
), scored AS (
    SELECT one.passage_id, coalesce(worded.score, 0) + coalesce((
        SELECT sum({bm25}) FROM posting p
        JOIN unnest(CAST(:left AS text[]), CAST(:left_weights AS float8[])) AS w(term, weight)
            ON w.term = p.term
        WHERE p.passage_id = one.passage_id
    ), 0) AS score
    FROM (SELECT passage_id FROM best UNION SELECT passage_id FROM dense) one
    LEFT JOIN worded ON worded.passage_id = one.passage_id
), lexical AS (
    SELECT passage_id, row_number() OVER (ORDER BY score DESC, passage_id) AS rank
    FROM (SELECT * FROM scored WHERE score > 0 ORDER BY score DESC, passage_id LIMIT :limit) first
)
SELECT p.*, dense.rank AS dense_rank, lexical.rank AS lexical_rank, coalesce(scored.score, 0) AS score,
    1 - (e.vector <=> CAST(:vector AS halfvec)) AS cosine, piece.starts, piece.cosines
FROM (SELECT passage_id FROM dense UNION SELECT passage_id FROM lexical) found
JOIN passage p ON p.id = found.passage_id
JOIN embedding e ON e.passage_id = p.id AND e.embedder = :embedder AND e.start = -1
LEFT JOIN LATERAL (
    SELECT array_agg(u.start ORDER BY u.start) AS starts,
        array_agg(1 - (u.vector <=> CAST(:vector AS halfvec)) ORDER BY u.start) AS cosines
    FROM embedding u WHERE u.passage_id = p.id AND u.embedder = :embedder AND u.start >= 0
) piece ON true
LEFT JOIN dense ON dense.passage_id = p.id
LEFT JOIN lexical ON lexical.passage_id = p.id
JOIN scored ON scored.passage_id = p.id
LEFT JOIN article a ON (a.tenant_id, a.id) = (p.tenant_id, p.article_id)
WHERE a.id IS NULL OR a.expires_at > now()
"""
# Every passage that has one of the rarer words, and what these count there.
_WORDED = """
    SELECT p.passage_id, sum({bm25}) AS score
    FROM unnest(CAST(:rare AS text[]), CAST(:rare_weights AS float8[])) AS w(term, weight)
    CROSS JOIN LATERAL (
        SELECT passage_id, occurrences, length FROM posting
        WHERE term = w.term AND scope_id = ANY(CAST(:scopes AS bigint[])) OFFSET 0
    ) p
    GROUP BY p.passage_id
"""
# Where another index has found the candidates: they are read as if they had been found here.
_AMONG = "AND passage_id = ANY(CAST(:near AS uuid[]))"
_GIVEN = """
    SELECT id AS passage_id, CAST(0 AS float8) AS score FROM passage
    WHERE id = ANY(CAST(:worded AS uuid[])) AND scope_id = ANY(CAST(:scopes AS bigint[]))
"""
_BM25 = """
    w.weight * p.occurrences * (CAST({k1} AS float8) + 1) / (p.occurrences + CAST({k1} AS float8)
        * (1 - CAST({b} AS float8) + CAST({b} AS float8) * p.length / CAST(:mean AS float8)))
"""


@cache
def _statement(dimensions: int, *, exact: bool, given: bool) -> TextClause:
    bm25 = _BM25.format(k1=K1, b=B)
    # Adding zero keeps the planner from the HNSW index: its order is the expression's, not the sum's.
    return text(
        _SEARCH.format(
            vector=f"vector::halfvec({dimensions})",
            dimensions=dimensions,
            exactly="+ 0" if exact else "",
            among=_AMONG if given else "",
            worded=_GIVEN if given else _WORDED.format(bm25=bm25),
            bm25=bm25,
        )
    )


@dataclass(frozen=True, slots=True)
class Candidates:
    """What another index found: by meaning, and by words."""

    near: Sequence[PassageId]
    worded: Sequence[PassageId]


@dataclass(frozen=True, slots=True)
class PostgresIndex:
    engine: AsyncEngine
    exact_below: int = EXACT_BELOW
    postings: int = POSTINGS
    statistics: Statistics = field(default_factory=Statistics)

    async def search(
        self,
        question: str,
        *,
        vector: Vector,
        audience: Audience,
        department: DepartmentId | None,
        limit: int,
        candidates: Candidates | None = None,
    ) -> list[Found]:
        """With `candidates`, the best among them: scores, ranks and rights are the same as without."""
        async with reachable(), self.engine.begin() as connection:
            await enter(connection, audience.tenant)
            scopes = await connection.execute(text(_SCOPES), readers(audience) | {"department": department})
            through = {row.id: frozenset(map(DepartmentId, row.through)) for row in scopes}
            size, mean_length = await self.statistics.size(connection, list(through))
            if size == 0:
                return []
            sought = sorted(set(terms(question)))
            frequencies = await self.statistics.frequencies(connection, list(through), sought)
            weights = {term: rarity(count, size) for term, count in frequencies.items()}
            rare = [] if candidates else self._rarest(frequencies)
            left = [term for term in weights if term not in set(rare)]
            exact = candidates is not None or size < self.exact_below
            if not exact:
                await connection.execute(text("SET LOCAL hnsw.iterative_scan = strict_order"))
                await connection.execute(text("SET LOCAL hnsw.ef_search = 200"))
            result = await connection.execute(
                _statement(len(vector), exact=exact, given=candidates is not None),
                {
                    "near": list(candidates.near) if candidates else [],
                    "worded": list(candidates.worded) if candidates else [],
                    "vector": str(list(vector)),
                    "embedder": vector.embedder,
                    "scopes": list(through),
                    "rare": rare,
                    "rare_weights": [weights[term] for term in rare],
                    "left": left,
                    "left_weights": [weights[term] for term in left],
                    "candidates": max(limit, CANDIDATES) if left else limit,
                    "mean": mean_length,
                    "limit": limit,
                },
            )
            rows = result.all()
            if not rows:  # there were passages: gone this moment, or none of them in this embedder's terms
                await require_in_force(connection, vector.embedder)
            return [
                Found(
                    to_passage(row),
                    dense_score=row.cosine,
                    dense_rank=row.dense_rank,
                    lexical_score=float(row.score),
                    lexical_rank=row.lexical_rank,
                    pieces=tuple(zip(row.starts or (), row.cosines or (), strict=True)),
                    through=through[row.scope_id],
                )
                for row in rows
            ]

    def _rarest(self, frequencies: Mapping[str, int]) -> list[str]:
        """The rarest first, one at least, until they are in more passages than are to be read."""
        ranked = sorted(frequencies, key=lambda term: (frequencies[term], term))
        until = itertools.accumulate(frequencies[term] for term in ranked)
        return [
            term
            for term, total in zip(ranked, until, strict=True)
            if total <= self.postings or term == ranked[0]
        ]

    async def upsert(self, tenant: TenantId, *, passages: Sequence[Embedded]) -> None:
        async with reachable(), self.engine.begin() as connection:
            await enter(connection, tenant)
            await connection.execute(
                text("DELETE FROM passage WHERE id = ANY(CAST(:ids AS uuid[]))"),
                {"ids": [one.passage.id for one in passages]},
            )
            for one in passages:
                await self._insert(connection, tenant, one)

    async def delete(self, tenant: TenantId, *, documents: Sequence[DocumentId]) -> None:
        async with reachable(), self.engine.begin() as connection:
            await enter(connection, tenant)
            await connection.execute(
                text("DELETE FROM passage WHERE document_id = ANY(CAST(:ids AS uuid[]))"),
                {"ids": list(documents)},
            )

    async def _insert(self, connection: AsyncConnection, tenant: TenantId, one: Embedded) -> None:
        scope = await scope_of(connection, tenant, frozenset((one.passage.department,)))
        await insert_passages(connection, tenant, scope=scope, passages=[one])

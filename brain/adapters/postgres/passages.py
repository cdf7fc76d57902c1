"""Passages with their postings and embeddings: written together, read as domain passages."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from brain.adapters.postgres import tables
from brain.adapters.postgres.serving import require_in_force
from brain.domain.identity import Audience, DepartmentId, TenantId
from brain.domain.knowledge import ArticleId, DocumentId, Embedded, Passage, PassageId
from brain.domain.ranking import terms

_Rows = list[dict[str, Any]]

_AT_A_TIME = 10

# Where the embedding of a whole passage "starts".
WHOLE = -1

# Departments of which every member of the tenant may read what they know.
OPEN = "d.visibility = 'tenant' AND NOT CAST(:outsiders AS boolean)"

# A scope may be read by whoever may read all of its departments: those that the whole tenant sees, where no
# outsider is among the viewers, and those that every viewer belongs to.
READABLE = f"""
s.departments <@ ARRAY(
    SELECT d.id FROM department d WHERE {OPEN} OR d.id = ANY(CAST(:departments AS uuid[])))
"""

# And by each department that somebody widened it to.
READABLE_SCOPE = f"""
({READABLE} OR s.also && ARRAY(
    SELECT d.id FROM department d WHERE {OPEN} OR d.id = ANY(CAST(:departments AS uuid[]))))
"""


def readers(audience: Audience) -> dict[str, Any]:
    """The parameters of these conditions."""
    return {"departments": sorted(audience.departments), "outsiders": audience.outsiders}


async def scope_of(
    connection: AsyncConnection,
    tenant: TenantId,
    departments: frozenset[DepartmentId],
    *,
    also: frozenset[DepartmentId] = frozenset(),
) -> int:
    """The number of this set of departments, made where it is new."""
    values = {"tenant": tenant, "departments": sorted(departments), "also": sorted(also)}
    found = await connection.scalar(
        text(
            "SELECT id FROM scope WHERE departments = CAST(:departments AS uuid[])"
            " AND also = CAST(:also AS uuid[]) AND tenant_id = :tenant"
        ),
        values,
    )
    if found is None:
        # DO UPDATE rather than DO NOTHING: it returns the row also where somebody else made it just now.
        found = await connection.scalar(
            text(
                "INSERT INTO scope (tenant_id, departments, also)"
                " VALUES (:tenant, CAST(:departments AS uuid[]), CAST(:also AS uuid[]))"
                " ON CONFLICT (tenant_id, departments, also) DO UPDATE SET departments = excluded.departments"
                " RETURNING id"
            ),
            values,
        )
    return int(found)


async def insert_passages(
    connection: AsyncConnection,
    tenant: TenantId,
    *,
    scope: int,
    passages: Sequence[Embedded],
) -> None:
    """All of `passages` are of one scope; their ids are new."""
    if not passages:
        return
    await require_in_force(connection, passages[0].vector.embedder)
    # A few at a time, and counted in a thread: a book would keep the event loop from others for seconds.
    for start in range(0, len(passages), _AT_A_TIME):
        some = passages[start : start + _AT_A_TIME]
        rows, postings, embeddings = await asyncio.to_thread(_rows, tenant, scope, some)
        await connection.execute(insert(tables.table(tables.Passage)), rows)
        if postings:
            await connection.execute(insert(tables.table(tables.Posting)), postings)
        await connection.execute(insert(tables.table(tables.Embedding)), embeddings)


def _rows(tenant: TenantId, scope: int, passages: Sequence[Embedded]) -> tuple[_Rows, _Rows, _Rows]:
    """Of the passage, posting and embedding tables."""
    rows: _Rows = []
    postings: _Rows = []
    embeddings: _Rows = []
    for one in passages:
        passage = one.passage
        counts = Counter(terms(passage.indexed_text))
        length = counts.total()
        key = {"tenant_id": tenant, "passage_id": passage.id, "scope_id": scope}
        rows.append(_values(passage, tenant, scope, length))
        postings += [
            {**key, "term": term, "occurrences": count, "length": length} for term, count in counts.items()
        ]
        embeddings += [key | meant for meant in embedding_rows(one)]
    return rows, postings, embeddings


def embedding_rows(one: Embedded) -> _Rows:
    """Of the passage as a whole and of its pieces, without the passage's own key."""
    return [
        {
            "embedder": vector.embedder,
            "start": start,
            "dimensions": len(vector),
            "vector": list(vector),
        }
        for start, vector in ((WHOLE, one.vector), *one.pieces)
    ]


def _values(passage: Passage, tenant: TenantId, scope: int, length: int) -> dict[str, Any]:
    return {
        "tenant_id": tenant,
        "id": passage.id,
        "scope_id": scope,
        "department_id": passage.department,
        "document_id": passage.document,
        "article_id": passage.article,
        "ordinal": passage.ordinal,
        "title": passage.title,
        "heading_path": list(passage.heading_path),
        "page": passage.page,
        "start": passage.start,
        "end": passage.end,
        "text": passage.text,
        "content_hash": passage.content_hash,
        "length": length,
    }


def to_passage(row: Row[Any]) -> Passage:
    return Passage(
        id=PassageId(row.id),
        department=DepartmentId(row.department_id),
        title=row.title,
        heading_path=tuple(row.heading_path),
        text=row.text,
        content_hash=row.content_hash,
        ordinal=row.ordinal,
        page=row.page,
        start=row.start,
        end=row.end,
        document=DocumentId(row.document_id) if row.document_id else None,
        article=ArticleId(row.article_id) if row.article_id else None,
    )

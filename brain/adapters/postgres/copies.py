"""Documents that look alike, and the files kept to be read once more."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from brain.adapters.postgres import tables
from brain.adapters.postgres.passages import WHOLE
from brain.domain.identity import DepartmentId, TenantId
from brain.domain.knowledge import (
    Document,
    DocumentId,
    DocumentStatus,
    Embedded,
    Passage,
    Vector,
)
from brain.domain.likeness import bands

DOCUMENTS = """
SELECT d.*, (SELECT count(*) FROM passage p WHERE p.document_id = d.id) AS passages FROM document d
"""
# Of those that share a band, the ones that share the most; a few are enough to find the nearest.
_ALIKE = f"""
{DOCUMENTS} JOIN (
    SELECT document_id, count(*) AS shared FROM likeness
    WHERE department_id = :department AND band = ANY(CAST(:bands AS bigint[])) GROUP BY document_id
    ORDER BY shared DESC, document_id LIMIT 10
) l ON l.document_id = d.id WHERE d.id <> :id AND d.status = 'live' ORDER BY d.created_at, d.id
"""
# One passage of each content. Of documents only: their hash covers title and headings, which count, too.
_EMBEDDED = """
SELECT p.content_hash, whole.vector::text AS vector, piece.starts, piece.pieces
FROM (
    SELECT DISTINCT ON (content_hash) tenant_id, id, content_hash FROM passage
    WHERE content_hash = ANY(CAST(:hashes AS text[])) AND document_id IS NOT NULL
    ORDER BY content_hash, id
) p
JOIN embedding whole ON (whole.tenant_id, whole.passage_id, whole.embedder, whole.start)
    = (p.tenant_id, p.id, :embedder, :whole)
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(e.start ORDER BY e.start), ARRAY[]::integer[]) AS starts,
        coalesce(array_agg(e.vector::text ORDER BY e.start), ARRAY[]::text[]) AS pieces
    FROM embedding e
    WHERE (e.tenant_id, e.passage_id, e.embedder) = (p.tenant_id, p.id, :embedder) AND e.start > :whole
) piece
"""


@dataclass(frozen=True, slots=True)
class SqlCopies:
    connection: AsyncConnection
    tenant: TenantId

    async def alike(self, document: Document, *, markdown: str) -> list[tuple[Document, str]]:
        found = await asyncio.to_thread(bands, markdown)
        rows = await self.connection.execute(
            text(_ALIKE), {"department": document.department, "bands": sorted(found), "id": document.id}
        )
        return [(to_document(row), row.markdown) for row in rows]

    async def hold(self, document: Document) -> bool:
        held = await self.connection.scalar(
            text(
                "SELECT 1 FROM document WHERE id = :id AND content_hash = :hash AND status = 'live' FOR SHARE"
            ),
            {"id": document.id, "hash": document.content_hash},
        )
        return held is not None

    async def kept(self, document: DocumentId) -> bytes | None:
        content = await self.connection.scalar(
            text("SELECT content FROM document WHERE id = :id"), {"id": document}
        )
        return None if content is None else bytes(content)

    async def embedded(self, passages: Sequence[Passage], *, embedder: str) -> list[Embedded]:
        by_hash = {one.content_hash: one for one in passages}
        rows = await self.connection.execute(
            text(_EMBEDDED), {"hashes": sorted(by_hash), "embedder": embedder, "whole": WHOLE}
        )
        # A book's vectors take a while to be read: not on the event loop.
        return await asyncio.to_thread(_embedded, by_hash, rows.all(), embedder)

    async def waiting(self) -> list[Document]:
        rows = await self.connection.execute(
            text(
                f"{DOCUMENTS} WHERE d.status = 'live' AND d.content IS NOT NULL AND d.twin_id IS NULL"
                " ORDER BY d.created_at, d.id"
            )
        )
        return [to_document(row) for row in rows]

    async def part(self, document: DocumentId) -> None:
        """Those that were like this one stand alone from now on; the linked ones wait to be read again."""
        await self.connection.execute(
            text("UPDATE document SET twin_id = NULL WHERE twin_id = :id"), {"id": document}
        )

    async def remember(self, document: Document, *, markdown: str, indexed: Sequence[object]) -> None:
        """What it looks like, so that later ones are found to be like it; only what is indexed stands for
        another."""
        await self.connection.execute(
            text("DELETE FROM likeness WHERE document_id = :id"), {"id": document.id}
        )
        found = await asyncio.to_thread(bands, markdown) if indexed else ()
        if found:
            key = {
                "tenant_id": self.tenant,
                "department_id": document.department,
                "document_id": document.id,
            }
            rows = [{**key, "band": band} for band in sorted(found)]
            await self.connection.execute(insert(tables.table(tables.Likeness)), rows)

    async def present(self, document: DocumentId | None) -> DocumentId | None:
        """None where it went; else it stays until the transaction ends."""
        found = await self.connection.scalar(
            text("SELECT id FROM document WHERE id = :id FOR KEY SHARE"), {"id": document}
        )
        return DocumentId(found) if found else None


def _embedded(by_hash: Mapping[str, Passage], rows: Sequence[Row[Any]], embedder: str) -> list[Embedded]:
    return [
        Embedded(
            by_hash[row.content_hash],
            _vector(row.vector, embedder),
            tuple((start, _vector(one, embedder)) for start, one in zip(row.starts, row.pieces, strict=True)),
        )
        for row in rows
    ]


def _vector(stored: str, embedder: str) -> Vector:
    return Vector(map(float, stored[1:-1].split(",")), embedder=embedder)


def to_document(row: Row[Any]) -> Document:
    return Document(
        id=DocumentId(row.id),
        department=DepartmentId(row.department_id),
        source=row.source,
        title=row.title,
        media_type=row.media_type,
        content_hash=row.content_hash,
        version=row.version,
        status=DocumentStatus(row.status),
        reason=row.reason,
        passages=row.passages,
        updated_at=row.updated_at,
        twin=DocumentId(row.twin_id) if row.twin_id else None,
    )

"""Documents in PostgreSQL, each with all that is derived from it."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from brain.adapters.postgres import tables
from brain.adapters.postgres.copies import DOCUMENTS, SqlCopies, to_document
from brain.adapters.postgres.passages import READABLE, insert_passages, readers, scope_of
from brain.adapters.postgres.sources import keep_cited, sources_of, withdraw
from brain.domain.answer import Citation
from brain.domain.change import Cause, Source, Withdrawn
from brain.domain.identity import Audience, DepartmentId, TenantId
from brain.domain.knowledge import Document, DocumentId, DocumentStatus, Embedded


@dataclass(frozen=True, slots=True)
class SqlLibrary:
    connection: AsyncConnection
    tenant: TenantId

    @property
    def copies(self) -> SqlCopies:
        return SqlCopies(self.connection, self.tenant)

    async def documents(self, *, audience: Audience) -> list[Document]:
        rows = await self.connection.execute(
            text(
                DOCUMENTS + f"JOIN LATERAL (SELECT ARRAY[d.department_id] AS departments) s ON {READABLE}"
                " ORDER BY d.source"
            ),
            readers(audience),
        )
        return [to_document(row) for row in rows]

    async def document(self, document: DocumentId) -> Document | None:
        rows = await self.connection.execute(text(DOCUMENTS + "WHERE d.id = :id"), {"id": document})
        return next((to_document(row) for row in rows), None)

    async def by_source(self, department: DepartmentId, *, source: str) -> Document | None:
        # An advisory lock, because there may be no row yet to lock.
        await self.connection.execute(
            text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"),
            {"key": f"{self.tenant}/{department}/{source}"},
        )
        rows = await self.connection.execute(
            text(DOCUMENTS + "WHERE d.department_id = :department AND d.source = :source"),
            {"department": department, "source": source},
        )
        return next((to_document(row) for row in rows), None)

    async def save(
        self, document: Document, *, markdown: str, content: bytes, passages: Sequence[Embedded]
    ) -> Withdrawn:
        linked = document.twin is not None and not passages
        read_again = linked or document.status is DocumentStatus.QUARANTINED
        values = {
            "department_id": document.department,
            "source": document.source,
            "title": document.title,
            "media_type": document.media_type,
            "content_hash": document.content_hash,
            "version": document.version,
            "status": document.status.value,
            "reason": document.reason,
            "markdown": markdown,
            "content": content if read_again else None,
            "twin_id": await self.copies.present(document.twin),
            "updated_at": func.now(),
        }
        statement = insert(tables.table(tables.Document)).values(
            tenant_id=self.tenant, id=document.id, **values
        )
        await self.connection.execute(
            statement.on_conflict_do_update(index_elements=["tenant_id", "id"], set_=values)
        )
        await keep_cited(self.connection, document=document.id, but=[one.passage.id for one in passages])
        await self._clear(document.id)
        await insert_passages(
            self.connection,
            self.tenant,
            scope=await scope_of(self.connection, self.tenant, frozenset((document.department,))),
            passages=passages,
        )
        await self.copies.part(document.id)
        await self.copies.remember(document, markdown=markdown, indexed=passages)
        return await withdraw(self.connection, Cause.CHANGED, document=document.id)

    async def forget(self, document: DocumentId) -> Withdrawn:
        await self.connection.execute(text("DELETE FROM document WHERE id = :id"), {"id": document})
        await self.connection.execute(
            text("UPDATE citation SET passage_text = '' WHERE document_id = :id"), {"id": document}
        )
        return await withdraw(self.connection, Cause.GONE, document=document)

    async def restrict(self, department: DepartmentId) -> Withdrawn:
        return await withdraw(self.connection, Cause.RESTRICTED, department=department)

    async def sources(self, citations: Sequence[Citation]) -> list[Source]:
        return await sources_of(self.connection, citations)

    async def _clear(self, document: DocumentId) -> None:
        """Postings and embeddings go with their passage."""
        await self.connection.execute(text("DELETE FROM passage WHERE document_id = :id"), {"id": document})

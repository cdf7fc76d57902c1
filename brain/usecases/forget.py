"""Remove a document with its passages, and withdraw the answers and articles that rest on it."""

from brain.domain.events import DocumentForgotten
from brain.domain.identity import Principal
from brain.domain.knowledge import Document, DocumentId, DocumentStatus, refused_source
from brain.domain.records import AuditEntry
from brain.ports import Store, Transaction
from brain.usecases.permission import document_kept_by
from brain.usecases.refusals import refusals_audited
from brain.usecases.withdraw import follow_up


async def forget(store: Store, principal: Principal, document: DocumentId) -> Document:
    """With the version of it that could not be read, where there is one."""
    async with (
        refusals_audited(store, principal, "document.forget", f"document {document}"),
        store.transaction(principal.tenant) as tx,
    ):
        found = await document_kept_by(tx, principal, document)
        refused = await tx.library.by_source(found.department, source=refused_source(found.source))
        await _forget(tx, principal, found)
        if refused is not None and refused.status is DocumentStatus.QUARANTINED:
            await _forget(tx, principal, refused)
    return found


async def _forget(tx: Transaction, principal: Principal, document: Document) -> None:
    await follow_up(tx, await tx.library.forget(document.id))
    await tx.emit(DocumentForgotten(document.id))
    await tx.records.audit(
        AuditEntry(
            actor=principal.member.id,
            action="document.forgotten",
            subject=f"document {document.id}",
            details=(("source", document.source),),
        )
    )

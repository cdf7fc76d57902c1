"""Remove a document with its passages, and withdraw the answers and articles that rest on it."""

from brain.domain.errors import Denied, Missing
from brain.domain.events import DocumentForgotten
from brain.domain.identity import Principal, Role
from brain.domain.knowledge import Document, DocumentId
from brain.domain.records import AuditEntry
from brain.ports import Store
from brain.usecases.withdraw import follow_up


async def forget(store: Store, principal: Principal, document: DocumentId) -> Document:
    async with store.transaction(principal.tenant) as tx:
        member = await tx.people.member(str(principal.member.id))
        found = await tx.library.document(document)
        if found is None or member is None or found.department not in member.departments:
            raise Missing(f"There is no document {document} that you may see.")
        if not (member.may(Role.REVIEWER, found.department) or member.may(Role.ADMIN, found.department)):
            raise Denied("Only reviewers and admins of the department may remove its documents.")
        await follow_up(tx, await tx.library.forget(document))
        await tx.emit(DocumentForgotten(document))
        await tx.records.audit(
            AuditEntry(
                actor=principal.member.id,
                action="document.forgotten",
                subject=f"document {document}",
                details=(("source", found.source),),
            )
        )
    return found

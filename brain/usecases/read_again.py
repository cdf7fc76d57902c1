"""Read files once more: those in quarantine when somebody asks, linked ones when their twin is gone."""

from brain.domain.errors import Conflict, Missing
from brain.domain.identity import Principal, TenantId
from brain.domain.knowledge import DocumentId
from brain.ports import Store
from brain.usecases.ingest import Ingest, Ingested
from brain.usecases.permission import document_kept_by


async def retry(store: Store, ingest: Ingest, principal: Principal, document: DocumentId) -> Ingested:
    """What can be read by now, since The Expert or the load of the machine changed, leaves quarantine."""
    async with store.transaction(principal.tenant) as tx:
        await document_kept_by(tx, principal, document)
    return await ingest.again(principal.tenant, document, actor=principal.member.id)


async def read_parted(store: Store, ingest: Ingest, tenant: TenantId) -> None:
    """Documents whose twin changed or went answer for themselves from now on, or find another twin."""
    async with store.transaction(tenant) as tx:
        waiting = await tx.library.copies.waiting()
    for document in waiting:
        try:
            await ingest.again(tenant, document.id, actor=None)
        except (Missing, Conflict):
            # Somebody forgot it or sent it anew meanwhile: that settled it.
            continue

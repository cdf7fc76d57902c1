"""Reads the documents that were linked to one which changed or went."""

from brain.domain.events import DocumentChanged, DocumentForgotten, Event
from brain.domain.identity import TenantId
from brain.ports import Store
from brain.usecases.ingest import Ingest
from brain.usecases.read_again import read_parted as use_case
from workers.executor import Handler


def read_parted(store: Store, ingest: Ingest) -> Handler:
    """Safe to run twice: what has been read waits no more."""

    async def handle(tenant: TenantId, event: Event) -> None:
        if not isinstance(event, DocumentChanged | DocumentForgotten):
            raise TypeError(f"`read_parted` acts on changes of documents, not on {type(event).__name__}")
        await use_case(store, ingest, tenant)

    return handle

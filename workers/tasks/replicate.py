"""Brings the copy of a document's or article's passages in another index up to date."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from brain.domain.events import Event, PassagesChanged
from brain.domain.identity import TenantId
from workers.executor import Handler


def replicate(follow: Callable[[TenantId, UUID], Awaitable[None]] | None) -> Handler:
    """Safe to run twice, and late: what is copied is what is there then. None: there is no other index."""

    async def handle(tenant: TenantId, event: Event) -> None:
        if not isinstance(event, PassagesChanged):
            raise TypeError(f"`replicate` acts on PassagesChanged, not on {type(event).__name__}")
        if follow is not None:
            await follow(tenant, event.source)

    return handle

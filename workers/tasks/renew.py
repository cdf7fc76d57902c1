"""Looks whether an article has to be confirmed, or has come to its end."""

from brain.domain.events import ArticleFellDue, Event
from brain.domain.identity import TenantId
from brain.ports import Store
from brain.usecases import renew as usecase
from workers.executor import Handler


def renew(store: Store) -> Handler:
    """Safe to run twice: an article has one open review at most, and ends once."""

    async def handle(tenant: TenantId, event: Event) -> None:
        if not isinstance(event, ArticleFellDue):
            raise TypeError(f"`renew` acts on ArticleFellDue, not on {type(event).__name__}")
        await usecase.renew(store, tenant, event.article)

    return handle

"""The last resort of tasks that nobody waits for but time: they are tried again in an hour."""

from brain.domain.events import Event
from brain.domain.identity import TenantId
from brain.ports import Store
from brain.usecases import try_later as usecase
from workers.executor import Handler


def try_later(store: Store) -> Handler:
    async def handle(tenant: TenantId, event: Event) -> None:
        await usecase.try_later(store, tenant, event)

    return handle

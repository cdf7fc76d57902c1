"""Moves a review along when its clock has rung."""

from brain.domain.events import Event, ReviewClockRang
from brain.domain.identity import TenantId
from brain.ports import Store
from brain.usecases import keep_time as usecase
from workers.executor import Handler


def keep_time(store: Store) -> Handler:
    """Safe to run twice, and late: the use case looks at what is due by now."""

    async def handle(tenant: TenantId, event: Event) -> None:
        if not isinstance(event, ReviewClockRang):
            raise TypeError(f"`keep_time` acts on ReviewClockRang, not on {type(event).__name__}")
        await usecase.keep_time(store, tenant, event.review)

    return handle

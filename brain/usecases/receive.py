"""Accept what a platform delivers: once this returns, it will be dealt with, and only once."""

from brain.domain.conversation import Delivery
from brain.domain.crash_points import reached
from brain.domain.events import DeliveryAccepted
from brain.domain.identity import TenantId
from brain.ports.talk import TalkStore


async def receive(store: TalkStore, tenant: TenantId, delivery: Delivery) -> None:
    """Nothing else happens before a platform is told that we have it."""
    reached("delivery verified")
    await store.receive(tenant, delivery, DeliveryAccepted(delivery.id))
    reached("delivery kept")

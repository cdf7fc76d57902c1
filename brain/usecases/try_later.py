"""Give what time brings another chance: no review's clock and no article's end stands still for ever."""

from brain.domain.events import Event
from brain.domain.identity import TenantId
from brain.ports import Store

# Long enough for the cause to be mended, short enough that who waits does not notice.
AFTER_S = 3_600.0


async def try_later(store: Store, tenant: TenantId, event: Event) -> None:
    """Beside the dead task, which stays for a person to see."""
    async with store.transaction(tenant) as tx:
        await tx.emit(event, after_s=AFTER_S)

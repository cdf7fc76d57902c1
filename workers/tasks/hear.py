"""Does what is to be done about something that happened on a chat platform."""

from collections.abc import Sequence

import structlog

from bots.chat_platform import Heard, Inbound, Message, Pressed, Removed, Said, Submitted, What
from bots.commands import Commands
from bots.posting import Posting
from bots.texts import texts_for
from brain.client import Brain
from brain.domain.conversation import DeliveryId
from brain.domain.errors import Rejected
from brain.domain.events import DeliveryAccepted, Event
from brain.domain.identity import TenantId
from workers.executor import Handler
from workers.tasks.reach import Reach

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


def hear(brain: Brain, reaches: Sequence[Reach]) -> Handler:
    """Safe to run twice: what was dealt with is forgotten, and until then each step has a key of its own."""

    async def handle(tenant: TenantId, event: Event) -> None:
        id_ = _delivery(event)
        found = await _read(brain, reaches, tenant, id_)
        if found is None:
            return
        reach, inbound = found
        commands = Commands(brain, reach.platform, tenant, reach.command)
        if not await _theirs(reach, tenant, inbound) or await commands.hear(id_, inbound):
            await brain.dealt_with(tenant, id_)

    return handle


def apologise(brain: Brain, reaches: Sequence[Reach]) -> Handler:
    """The last resort of `hear`: whoever addressed us is told that it failed."""

    async def handle(tenant: TenantId, event: Event) -> None:
        id_ = _delivery(event)
        found = await _read(brain, reaches, tenant, id_)
        if found is None:
            return
        reach, inbound = found
        addressed = inbound.author and not inbound.bot and _addressed(inbound.what)
        if addressed and await _theirs(reach, tenant, inbound):
            to = await reach.platform.people.direct(inbound.conversation.workspace, inbound.author)
            locale = await reach.locale(inbound.conversation.workspace, inbound.author)
            sorry = Message(texts_for(locale)("sorry"))
            await Posting(brain, reach.platform, tenant).say(f"delivery/{id_}/sorry", to, sorry)
        await brain.dealt_with(tenant, id_)

    return handle


def _addressed(what: What) -> bool:
    if isinstance(what, Said):
        return what.heard is not Heard.OVERHEARD
    return isinstance(what, Pressed | Submitted)


def _delivery(event: Event) -> DeliveryId:
    if not isinstance(event, DeliveryAccepted):
        raise TypeError(f"`hear` acts on DeliveryAccepted, not on {type(event).__name__}")
    return event.delivery


async def _read(
    brain: Brain, reaches: Sequence[Reach], tenant: TenantId, id_: DeliveryId
) -> tuple[Reach, Inbound] | None:
    delivery = await brain.delivery(tenant, id_)
    if delivery is None:
        return None
    reach = next((one for one in reaches if one.platform.name == delivery.source), None)
    if reach is None:
        raise Rejected(f"This installation is not on {delivery.source} any more.")
    return reach, Inbound.from_json(delivery.payload)


async def _theirs(reach: Reach, tenant: TenantId, inbound: Inbound) -> bool:
    """Where another tenant has the workspace by now, nothing may be answered for the one that had it. That it
    was removed, who had it has to hear."""
    where = inbound.conversation
    if isinstance(inbound.what, Removed) or await reach.has(tenant, where.workspace):
        return True
    log.warning("hear.not_theirs", platform=where.platform, workspace=where.workspace)
    return False

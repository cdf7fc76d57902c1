"""Who takes part in a conversation: who may ask there, and what those who read it may know."""

from bots.chat_platform import ChatPlatform
from bots.scene import Scene
from brain.client import Brain
from brain.domain.conversation import ChannelRules, Conversation, Identity, MayAsk
from brain.domain.identity import Audience, DepartmentId, Principal, TenantId
from brain.domain.reply import Standing


async def asker(scene: Scene, rules: ChannelRules | None) -> Principal | None:
    """Members, and whom the channel's rules let ask."""
    if scene.principal is not None or rules is None:
        return scene.principal
    alert = rules.alerts and scene.inbound.bot
    if alert or rules.may_ask is MayAsk.EVERYONE:
        return await scene.brain.welcome(scene.tenant, scene.identity)
    return None


async def audience(scene: Scene, principal: Principal, rules: ChannelRules | None) -> Audience:
    """Those who will read what is answered there."""
    where = scene.conversation
    if scene.principal is not None and (scene.inbound.direct or where.reader):
        return principal.audience
    readers = [scene.identity] if where.reader else await scene.platform.people.readers(where)
    return await scene.brain.audience(scene.tenant, readers, rules)


async def readable(
    brain: Brain, platform: ChatPlatform, tenant: TenantId, where: Conversation
) -> frozenset[DepartmentId]:
    """The departments whose knowledge everybody may read who reads that channel now."""
    return await brain.readable(tenant, await platform.people.readers(where), where)


async def readable_alone(
    brain: Brain, tenant: TenantId, standing: Standing, asker: tuple[str, str]
) -> frozenset[DepartmentId]:
    """The departments whose knowledge the one who asked may read now; `asker`: workspace and external id."""
    where = standing.conversation
    if where is None:
        return frozenset()
    outside = standing.reply.question.audience.outsiders and not standing.asker.roles
    return await brain.readable(tenant, [Identity(where.platform, *asker, guest=outside)], where)

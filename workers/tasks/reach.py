"""Which chat platforms a tenant is on."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from bots.chat_platform import ChatPlatform
from brain.client import Brain
from brain.domain.conversation import Conversation, Identity
from brain.domain.errors import Rejected
from brain.domain.identity import MemberId, TenantId


@dataclass(frozen=True, slots=True)
class Reach:
    """`workspaces` are the tenant's on this platform; `has` asks the database whether one is, now; `command`
    is what people type there."""

    platform: ChatPlatform
    workspaces: Callable[[TenantId], Awaitable[Sequence[str]]]
    has: Callable[[TenantId, str], Awaitable[bool]]
    command: str = "/expert"

    async def identity(
        self, brain: Brain, tenant: TenantId, member: MemberId, *, workspace: str = ""
    ) -> tuple[str, str] | None:
        """Workspace and external id of a member: the one in `workspace` where there is one. Those who never
        spoke to us are known by their e-mail address."""
        known = await brain.identities(tenant, member, platform=self.platform.name)
        known.sort(key=lambda one: one[0] != workspace)
        for identity in known:
            if await self.has(tenant, identity[0]):
                return identity
        email = await brain.email(tenant, member)
        for one in await self.workspaces(tenant) if email else ():
            found = await self._by_email(one, email or "")
            if found is not None and not found.guest:
                await brain.recognise(tenant, found)
                return one, found.external_id
        return None

    async def direct(self, brain: Brain, tenant: TenantId, member: MemberId) -> Conversation | None:
        """Where the bot talks to a member alone; None where they are not on this platform."""
        identity = await self.identity(brain, tenant, member)
        return await self.platform.people.direct(*identity) if identity else None

    async def locale(self, workspace: str, external_id: str) -> str:
        """Empty where the platform does not tell: that is no reason to say nothing."""
        try:
            return (await self.platform.people.person(workspace, external_id)).locale
        except Rejected:
            return ""

    async def _by_email(self, workspace: str, email: str) -> Identity | None:
        try:
            return await self.platform.people.by_email(workspace, email)
        except Rejected:
            return None  # the workspace is gone, or does not let us look

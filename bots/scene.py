"""One delivery with all that is known about it, and the ways to reply to it."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from bots.chat_platform import ChatPlatform, Heard, Inbound, Message, Pressed, Said
from bots.posting import Posting
from bots.texts import Texts
from brain.client import Brain
from brain.domain.conversation import REPLY_FOR, Conversation, DeliveryId, Identity
from brain.domain.identity import Principal, TenantId

_ALOUD = (Heard.MENTION, Heard.OVERHEARD)


@dataclass(frozen=True, slots=True)
class Scene:
    """`principal` is None for people whom we do not know as members."""

    brain: Brain
    platform: ChatPlatform
    tenant: TenantId
    delivery: DeliveryId
    inbound: Inbound
    identity: Identity
    principal: Principal | None
    texts: Texts

    @property
    def conversation(self) -> Conversation:
        return self.inbound.conversation

    @property
    def posting(self) -> Posting:
        return Posting(self.brain, self.platform, self.tenant)

    async def say(self, message: Message, *, to: Conversation | None = None, what: str = "") -> None:
        """For everybody there. The same delivery says the same thing once."""
        key = f"delivery/{self.delivery}" + (f"/{what}" if what else "")
        await self.posting.say(key, to or self.conversation, message)

    async def reply(self, message: Message | str) -> None:
        """To the one who has spoken to us: before everybody, if that is how they spoke. Where nobody has,
        there is nobody to reply to."""
        what = self.inbound.what
        if not isinstance(what, Said) or what.heard not in _ALOUD:
            await self.whisper(message)
        elif what.heard is Heard.MENTION or what.message != self.conversation.thread:
            await self.say(Message(message) if isinstance(message, str) else message)

    async def whisper(self, message: Message | str) -> None:
        """For whom this delivery is from alone."""
        said = Message(message) if isinstance(message, str) else message
        if self.inbound.direct:
            await self.say(said)
            return
        key = f"delivery/{self.delivery}"
        alone = replace(self.conversation, reader=self.inbound.author)
        what = self.inbound.what
        address = what.reply_to if isinstance(what, Said | Pressed) else ""
        if address:
            until = datetime.now(UTC) + REPLY_FOR
            await self.brain.reply_to(self.tenant, key, to=alone, address=address, until=until)
        await self.posting.say(key, alone, said)

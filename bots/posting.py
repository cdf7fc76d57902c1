"""Brings a message of ours into a conversation, once, and keeps it saying what it should: whatever dies
between the platform and our record of it, there is one message for each key."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from bots.chat_platform import ChatPlatform, Message, Unknown
from brain.client import Brain
from brain.domain.conversation import Claim, Conversation, MessageRef
from brain.domain.errors import ExpertError, Rejected, Unavailable
from brain.domain.identity import TenantId

# Longer than one call may take; whoever dies with a claim holds the others up for so long.
_CLAIM_S = 30.0
_SOON_S = 0.5


@dataclass(frozen=True, slots=True)
class Posting:
    brain: Brain
    platform: ChatPlatform
    tenant: TenantId

    async def say(self, key: str, to: Conversation, message: Message) -> None:
        """Have the message of this key say this. Done again, it changes nothing.

        In a conversation with a `reader` it is said once, and cannot be changed.
        """
        claim = await self.brain.claim(self.tenant, key, to=to, for_s=_CLAIM_S)
        if claim is None:
            raise Unavailable("Something else is being posted there just now.", _SOON_S)
        if claim.digest == message.digest or (claim.refs and to.reader):
            await self.brain.given_back(self.tenant, claim, unsure=False)
            return
        try:
            refs, replied = await self._bring(claim, to, message)
        except Unknown as error:
            await self.brain.given_back(self.tenant, claim, unsure=True)
            raise Unavailable("It is not known whether it was posted; this is looked up.", _SOON_S) from error
        except ExpertError:
            await self.brain.given_back(self.tenant, claim, unsure=claim.unsure)
            raise
        await self.brain.posted(self.tenant, claim, refs, digest=message.digest, replied=replied)

    async def _bring(
        self, claim: Claim, to: Conversation, message: Message
    ) -> tuple[tuple[MessageRef, ...], bool]:
        if to.reader:
            return await self._privately(claim, to, message)
        return await self._publicly(claim, to, message), False

    async def _publicly(self, claim: Claim, to: Conversation, message: Message) -> tuple[MessageRef, ...]:
        refs = claim.refs
        if not refs and claim.unsure:
            refs = tuple(await self.platform.find(to, key=claim.key))
        if refs:
            return tuple(await self.platform.edit(refs, to, message, key=claim.key))
        return tuple(await self.platform.post(to, message, key=claim.key))

    async def _privately(
        self, claim: Claim, to: Conversation, message: Message
    ) -> tuple[tuple[MessageRef, ...], bool]:
        """As a private reply while that works; else in a direct message, where it can be looked up."""
        fresh = claim.reply_until is not None and datetime.now(UTC) < claim.reply_until
        if fresh and claim.replies_left > 0 and not claim.unsure:
            try:
                refs = await self.platform.post(to, message, key=claim.key, reply_to=claim.reply_to)
            except Rejected:
                pass  # used up or over after all
            else:
                return tuple(refs), True
        direct = await self.platform.people.direct(to.workspace, to.reader)
        posted = await self._publicly(claim, direct, message)
        return tuple(replace(ref, private=True) for ref in posted), False

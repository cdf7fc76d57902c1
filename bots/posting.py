"""Brings a message of ours into a conversation, once, and keeps it saying what it should: whatever dies
between the platform and our record of it, there is one message for each key."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from bots.chat_platform import ChatPlatform, Message, Unknown
from brain.client import Brain
from brain.domain.conversation import Claim, Conversation, MessageRef
from brain.domain.crash_points import reached
from brain.domain.errors import ExpertError, NotYet, Rejected, Unavailable
from brain.domain.identity import TenantId


@dataclass(frozen=True, slots=True)
class Posting:
    brain: Brain
    platform: ChatPlatform
    tenant: TenantId

    async def say(
        self,
        key: str,
        to: Conversation,
        message: Message,
        *,
        holds: Callable[[], Awaitable[bool]] | None = None,
    ) -> None:
        """Have the message of this key say this. Done again, it changes nothing.

        In a conversation with a `reader` it is said once, and cannot be changed. `holds` is asked when nobody
        else can change the message any more: what is not so by then is not said, and `NotYet` raised.
        """
        claim = await self.brain.claim(self.tenant, key, to=to)
        await asyncio.sleep(claim.wait_s)
        try:
            if holds is not None and not await holds():
                raise NotYet("It has changed meanwhile.", 0)
            if _is_said(claim, to, message):
                await self.brain.given_back(self.tenant, claim, unsure=claim.unsure)
                return
            reached("message claimed")
            async with self._kept(claim):
                refs, replied = await self._bring(claim, to, message)
            reached("message sent")
        except Unknown as error:
            await self.brain.given_back(self.tenant, claim, unsure=True)
            raise Unavailable(
                "It is not known whether it was posted; this is looked up.", error.retry_after_s
            ) from error
        except ExpertError as error:
            # What the platform does not take from us now, it takes from no other process either.
            closed_for_s = error.retry_after_s if isinstance(error, Unavailable) and not claim.refs else 0.0
            await self.brain.given_back(
                self.tenant,
                claim,
                unsure=claim.unsure,
                for_good=isinstance(error, Rejected),
                closed_for_s=closed_for_s,
            )
            raise
        await self.brain.posted(self.tenant, claim, refs, digest=message.digest, replied=replied)
        reached("message noted")

    @asynccontextmanager
    async def _kept(self, claim: Claim) -> AsyncIterator[None]:
        """However long it takes: a message in many parts, one a second."""

        async def keep() -> None:
            while True:
                await asyncio.sleep(self.brain.claim_s / 3)
                with suppress(Unavailable):
                    await self.brain.keep(self.tenant, claim)

        keeping = asyncio.create_task(keep())
        try:
            yield
        finally:
            keeping.cancel()
            await asyncio.wait({keeping})

    async def _bring(
        self, claim: Claim, to: Conversation, message: Message
    ) -> tuple[tuple[MessageRef, ...], bool]:
        if to.reader:
            return await self._privately(claim, to, message)
        return await self._publicly(claim, to, message), False

    async def _publicly(self, claim: Claim, to: Conversation, message: Message) -> tuple[MessageRef, ...]:
        refs = claim.refs
        if claim.unsure:
            # More than was written down may be there: an edit posts what has become longer.
            found = tuple(await self.platform.find(to, key=claim.key))
            refs = found if len(found) > len(refs) else refs
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


def _is_said(claim: Claim, to: Conversation, message: Message) -> bool:
    """Of one that died while it was changed nobody knows what it says."""
    if to.reader:
        return bool(claim.refs)
    return claim.digest == message.digest and not claim.unsure

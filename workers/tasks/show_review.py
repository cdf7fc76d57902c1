"""Puts a review before its reviewers: into their department's channel, or to whose turn it is alone."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from bots import review_cards
from bots.chat_platform import Message
from bots.posting import Posting
from bots.texts import texts_for
from brain.client import Brain
from brain.domain.conversation import Conversation, MessageRef
from brain.domain.errors import Rejected
from brain.domain.events import Event, ReviewHandedOn, ReviewReminded
from brain.domain.identity import MemberId, TenantId
from brain.domain.reply import Card
from brain.domain.review import ReviewCase, ReviewId, ReviewStatus
from workers.executor import Handler
from workers.tasks.reach import Reach


def show_review(brain: Brain, reaches: Sequence[Reach]) -> Handler:
    """Safe to run twice, late, and in any order: the card shows how the review stands when it is shown."""

    async def handle(tenant: TenantId, event: Event) -> None:
        for reach in reaches:
            card = await brain.card(tenant, _review(event))
            if card is not None:
                await _Cards(brain, reach, tenant, card).show()

    return handle


def tell_reviewer(brain: Brain, reaches: Sequence[Reach]) -> Handler:
    """Safe to run twice: each reminder is one message."""

    async def handle(tenant: TenantId, event: Event) -> None:
        if not isinstance(event, ReviewReminded | ReviewHandedOn):
            raise TypeError(f"`tell_reviewer` does not act on {type(event).__name__}")
        for reach in reaches:
            card = await brain.card(tenant, event.review)
            if card is not None and card.case.review.status is ReviewStatus.OPEN:
                reminds = isinstance(event, ReviewReminded)
                await _Cards(brain, reach, tenant, card).tell(event.member, reminds=reminds)

    return handle


def _review(event: Event) -> ReviewId:
    if not hasattr(event, "review"):
        raise TypeError(f"`show_review` acts on what happens to reviews, not on {type(event).__name__}")
    review: ReviewId = event.review
    return review


class _Cards:
    """Of one review on one platform."""

    def __init__(self, brain: Brain, reach: Reach, tenant: TenantId, card: Card) -> None:
        self._brain, self._reach, self._tenant, self._card = brain, reach, tenant, card
        self._posting = Posting(brain, reach.platform, tenant)
        self._key = f"review/{card.case.review.id}"
        self._texts = texts_for("")

    async def show(self) -> None:
        channel = await self._channel()
        if channel is not None:
            mention = await self._mention(self._case.review.assignee, channel)
            with suppress(Rejected):  # the platform does not let us in there (any more)
                await self._say(self._key, channel, self._shown(mention=mention))
                return
        refs = await self._brain.refs(self._tenant, self._key)
        if refs:
            # It was shown in a channel that not everybody may read it in any more.
            where = Conversation(self._reach.platform.name, refs[0].workspace, refs[0].channel)
            with suppress(Rejected):
                await self._say(self._key, where, review_cards.handed_over(self._case, self._texts))
        await self._directly()

    async def _say(self, key: str, to: Conversation, message: Message) -> None:
        await self._posting.say(key, to, message, holds=self._holds)

    async def _holds(self) -> bool:
        """Whoever was slow must not put what was true before over what is true now."""
        return self._case == await self._brain.case(self._tenant, self._case.review.id)

    async def tell(self, member: MemberId, *, reminds: bool) -> None:
        """In the thread of the card, so that who reads it has the card before them."""
        channel = await self._channel()
        mention, key = "", f"{self._key}/{'remind' if reminds else 'to'}/{member}"
        refs = await self._shown_to(member, channel)
        if not refs:
            if channel is None and not reminds:
                return  # the card itself is what they get
            await self.show()
            refs = await self._shown_to(member, channel)
            if not refs:
                return
        where = Conversation(self._reach.platform.name, refs[0].workspace, refs[0].channel, refs[0].id)
        if channel is not None:
            mention = await self._mention(member, channel)
        say = review_cards.reminder if reminds else review_cards.hand_over
        await self._posting.say(key, where, say(self._case, self._texts, mention=mention))

    async def _shown_to(self, member: MemberId, channel: Conversation | None) -> tuple[MessageRef, ...]:
        public = await self._brain.refs(self._tenant, self._key) if channel else ()
        return public or await self._brain.refs(self._tenant, f"{self._key}/{member}")

    @property
    def _case(self) -> ReviewCase:
        return self._card.case

    def _shown(self, *, mention: str = "") -> Message:
        return review_cards.card(self._card, self._texts, mention=mention)

    async def _channel(self) -> Conversation | None:
        """The department's, if everybody who reads it may read the sources of the answer."""
        department = self._case.review.department
        channel = await self._brain.reviewing(self._tenant, department, platform=self._reach.platform.name)
        if channel is None:
            return None
        try:
            readers = await self._reach.platform.people.readers(channel)
        except Rejected:
            return None  # the platform does not let us in there (any more)
        audience = await self._brain.audience(self._tenant, readers, None)
        departments = await self._brain.departments(self._tenant)
        readable = {one.id for one in departments if audience.reads(one)}
        return channel if self._case.answer.scope | {department} <= readable else None

    async def _directly(self) -> None:
        """To whose turn it is; to those who had it before, whose turn it is now."""
        case = self._case
        had = {move.member for move in case.history if move.member} | {case.review.assignee}
        for member in sorted(one for one in had if one is not None):
            key = f"{self._key}/{member}"
            current = member == case.review.assignee or case.review.status is not ReviewStatus.OPEN
            known = await self._brain.refs(self._tenant, key)
            if known:
                where = Conversation(self._reach.platform.name, known[0].workspace, known[0].channel)
            elif member == case.review.assignee and case.review.status is ReviewStatus.OPEN:
                direct = await self._reach.direct(self._brain, self._tenant, member)
                if direct is None:
                    continue
                where = direct
            else:
                continue
            shown = self._shown() if current else review_cards.handed_over(case, self._texts)
            await self._say(key, replace(where, thread=""), shown)

    async def _mention(self, member: MemberId | None, channel: Conversation) -> str:
        if member is None:
            return ""
        found = await self._reach.identity(self._brain, self._tenant, member, workspace=channel.workspace)
        return found[1] if found and found[0] == channel.workspace else ""

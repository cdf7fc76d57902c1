"""Puts a review before its reviewers: into their department's channel, or to whose turn it is alone."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from uuid import UUID

from bots import review_cards
from bots.chat_platform import Message
from bots.posting import Posting
from bots.texts import DEFAULT, Texts, texts_for
from brain.client import Brain
from brain.domain.conversation import Conversation, DeliveryId, Identity
from brain.domain.errors import Rejected
from brain.domain.events import DocumentChanged, DocumentForgotten, Event, ReviewHandedOn, ReviewReminded
from brain.domain.identity import MemberId, TenantId
from brain.domain.reply import Card
from brain.domain.review import ReviewCase, ReviewId, ReviewStatus
from workers.executor import Handler
from workers.tasks.reach import Reach


def show_review(brain: Brain, reaches: Sequence[Reach]) -> Handler:
    """Safe to run twice, late, and in any order: the card shows how the review stands when it is shown."""

    async def handle(tenant: TenantId, event: Event) -> None:
        for reach in reaches:
            for review in await _reviews(brain, tenant, event):
                card = await brain.card(tenant, review)
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


async def _reviews(brain: Brain, tenant: TenantId, event: Event) -> list[ReviewId]:
    if isinstance(event, DocumentChanged | DocumentForgotten):
        return await brain.resting_on(tenant, event.document)
    review: ReviewId | None = getattr(event, "review", None)
    if review is None:
        raise TypeError(f"`show_review` acts on what happens to reviews, not on {type(event).__name__}")
    return [review]


class _Cards:
    """Of one review on one platform: the department's, and those that people have for themselves."""

    def __init__(self, brain: Brain, reach: Reach, tenant: TenantId, card: Card) -> None:
        self._brain, self._reach, self._tenant, self._card = brain, reach, tenant, card
        self._posting = Posting(brain, reach.platform, tenant)
        self._key = review_cards.key(card.case.review.id)
        self._texts = texts_for(DEFAULT)

    async def show(self) -> None:
        if not self._open:
            await self._drop_offers()
        shown_in = await self._publicly()
        # It may have been shown where not everybody may read it, or where reviews are not shown any more.
        for key in await self._brain.keys(self._tenant, review_cards.channel_key(self._case.review.id)):
            if key != shown_in:
                with suppress(Rejected):
                    await self._say_there(key, review_cards.taken_away(self._case, self._texts))
        await self._directly(opens=shown_in is None)

    async def _publicly(self) -> str | None:
        """The key of the card in the department's channel."""
        channel = await self._channel()
        if channel is None:
            return None
        key = review_cards.channel_key(self._case.review.id, channel)
        mention = await self._mention(self._case.review.assignee, channel)
        try:
            await self._say(key, channel, await self._shown(self._texts, mention=mention))
        except Rejected:
            return None  # the platform does not let us in there (any more)
        return key

    async def _say(self, key: str, to: Conversation, message: Message) -> None:
        if not await self._reach.has(self._tenant, to.workspace):
            raise Rejected("The bot was removed from this workspace.")
        await self._posting.say(key, to, message, holds=self._holds)

    async def _holds(self) -> bool:
        """Whoever was slow must not put what was true before over what is true now."""
        return self._case == await self._brain.case(self._tenant, self._case.review.id)

    async def tell(self, member: MemberId, *, reminds: bool) -> None:
        """In the thread of the card, so that who reads it has the card before them."""
        channel = await self._channel()
        mention, key = "", f"{self._key}/{'remind' if reminds else 'to'}/{member}"
        where = await self._seen_by(member, channel)
        if where is None:
            if channel is None and not reminds:
                return  # the card itself is what they get
            await self.show()
            where = await self._seen_by(member, channel)
            if where is None:
                return
        if channel is not None:
            mention = await self._mention(member, channel)
        say = review_cards.reminder if reminds else review_cards.hand_over
        await self._posting.say(key, where, say(self._case, self._texts, mention=mention))

    async def _seen_by(self, member: MemberId, channel: Conversation | None) -> Conversation | None:
        public = None
        if channel is not None:
            public = await self._where(review_cards.channel_key(self._case.review.id, channel))
        return public or await self._where(review_cards.key(self._case.review.id, member))

    @property
    def _case(self) -> ReviewCase:
        return self._card.case

    @property
    def _open(self) -> bool:
        return self._case.review.status is ReviewStatus.OPEN

    async def _shown(self, texts: Texts, *, mention: str = "") -> Message:
        asked_in = self._card.asked_in
        ours = asked_in is not None and asked_in.platform == self._reach.platform.name
        link = await self._reach.platform.people.address(asked_in) if asked_in and ours else ""
        return review_cards.card(self._card, texts, mention=mention, link=link)

    async def _where(self, key: str) -> Conversation | None:
        """The thread of what was posted with this key."""
        refs = await self._brain.refs(self._tenant, key)
        if not refs:
            return None
        return Conversation(self._reach.platform.name, refs[0].workspace, refs[0].channel, refs[0].id)

    async def _say_there(self, key: str, message: Message) -> None:
        """In what was posted with this key."""
        where = await self._where(key)
        if where is not None:
            await self._say(key, replace(where, thread=""), message)

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
        return channel if await self._may_read(readers) else None

    async def _may_read(self, readers: Sequence[Identity]) -> bool:
        audience = await self._brain.audience(self._tenant, readers, None)
        departments = await self._brain.departments(self._tenant)
        readable = {one.id for one in departments if audience.reads(one)}
        return self._case.answer.scope | {self._case.review.department} <= readable

    async def _directly(self, *, opens: bool) -> None:
        """What people have of it alone is brought up to date; where it `opens` reviews for them, whose turn
        it is gets it, and those who had it are told who has."""
        assignee = self._case.review.assignee
        members = await self._members()
        for member in members:
            with suppress(Rejected):  # they are not there any more
                await self._say_there(review_cards.key(self._case.review.id, member), await self._own(member))
        if opens and self._open and assignee is not None and assignee not in members:
            direct = await self._reach.direct(self._brain, self._tenant, assignee)
            if direct is not None:
                key = review_cards.key(self._case.review.id, assignee)
                await self._say(key, direct, await self._own(assignee))

    async def _own(self, member: MemberId) -> Message:
        """The card as this member gets it alone."""
        identity = await self._reach.identity(self._brain, self._tenant, member)
        if identity is None:
            return review_cards.taken_away(self._case, self._texts)
        person = await self._reach.platform.people.person(*identity)
        texts = texts_for(person.locale)
        if not await self._may_read([person]):
            return review_cards.taken_away(self._case, texts)
        had = any(move.member == member for move in self._case.history)
        if self._open and had and member != self._case.review.assignee:
            return review_cards.handed_over(self._case, texts)
        return await self._shown(texts)

    async def _members(self) -> list[MemberId]:
        """Those who have a card of their own."""
        found = []
        for key in await self._brain.keys(self._tenant, f"{self._key}/"):
            last = key.removeprefix(f"{self._key}/")
            if "/" not in last and await self._where(key) is not None:
                found.append(MemberId(UUID(last)))
        return found

    async def _drop_offers(self) -> None:
        """What was offered as an answer needs no decision any more, and what was written is forgotten."""
        beginning = review_cards.offers_key(self._case.review.id)
        for key in await self._brain.keys(self._tenant, beginning):
            with suppress(Rejected):
                await self._say_there(key, review_cards.offer_over(self._case, self._texts))
            await self._brain.dealt_with(self._tenant, DeliveryId(UUID(key.removeprefix(beginning))))

    async def _mention(self, member: MemberId | None, channel: Conversation) -> str:
        if member is None:
            return ""
        found = await self._reach.identity(self._brain, self._tenant, member, workspace=channel.workspace)
        return found[1] if found and found[0] == channel.workspace else ""

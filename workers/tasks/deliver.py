"""Brings what became of a question to where it was asked."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from bots import messages
from bots.chat_platform import Capability, Message, Status
from bots.posting import Posting
from bots.present import readable, readable_alone
from bots.texts import Texts, texts_for
from brain.client import Brain, shared_as
from brain.domain.answer import Answer, AnswerStatus
from brain.domain.conversation import Conversation
from brain.domain.errors import ExpertError, Rejected, Unavailable
from brain.domain.events import (
    AnswerAmended,
    AnswerApproved,
    AnswerRejected,
    Event,
    QuestionQueued,
    ReviewExpired,
    ReviewHandedOn,
)
from brain.domain.identity import TenantId
from brain.domain.question import QuestionId
from brain.domain.reply import Standing
from workers.executor import Handler
from workers.tasks.reach import Reach

_WITHDRAWN = (AnswerStatus.SUSPENDED, AnswerStatus.RETRACTED)
_OF_A_REVIEW = AnswerApproved | AnswerAmended | AnswerRejected | ReviewExpired | ReviewHandedOn


def deliver(brain: Brain, reaches: Sequence[Reach]) -> Handler:
    """Safe to run twice, late, and in any order: what is shown is what holds when it is shown."""

    async def handle(tenant: TenantId, event: Event) -> None:
        deliveries = await _deliveries(brain, reaches, tenant, event)
        await _each([delivery.bring for delivery in deliveries])

    return handle


def deliver_directly(brain: Brain, reaches: Sequence[Reach]) -> Handler:
    """The last resort of `deliver`: where the platform does not let us post, the one who asked is told
    directly, with what they asked for."""

    async def handle(tenant: TenantId, event: Event) -> None:
        deliveries = await _deliveries(brain, reaches, tenant, event)
        await _each([delivery.bring_somehow for delivery in deliveries])

    return handle


async def _each(brought: Sequence[Callable[[], Awaitable[None]]]) -> None:
    """That one cannot be told is no reason to keep it from the others. What passes is tried again."""
    away: list[ExpertError] = []
    refused: list[ExpertError] = []
    for bring in brought:
        try:
            await bring()
        except Unavailable as error:
            away.append(error)
        except Rejected as error:
            refused.append(error)
    for trouble in (*away, *refused):
        raise trouble


async def _deliveries(
    brain: Brain, reaches: Sequence[Reach], tenant: TenantId, event: Event
) -> list["_Delivery"]:
    found = []
    queued = isinstance(event, QuestionQueued) or brain.queued(tenant)
    for question in await _questions(brain, tenant, event) if reaches else ():
        standing = await brain.standing(tenant, question)
        conversation = standing.conversation if standing else None
        reach = next(
            (one for one in reaches if conversation and one.platform.name == conversation.platform), None
        )
        if standing is None or conversation is None or reach is None or not _speaks(standing):
            continue
        if await reach.has(tenant, conversation.workspace):
            found.append(_Delivery(brain, reach, tenant, standing, conversation, queued=queued))
    return found


async def _questions(brain: Brain, tenant: TenantId, event: Event) -> list[QuestionId]:
    if isinstance(event, _OF_A_REVIEW):
        return await brain.waiting(tenant, event.review)
    question = getattr(event, "question", None)
    if question is None:
        raise TypeError(f"`deliver` acts on what happens to questions, not on {type(event).__name__}")
    return [question]


def _speaks(standing: Standing) -> bool:
    """Where nobody asked us, there is no word before an answer, and none without one."""
    answer = standing.reply.answer
    if standing.reply.question.overheard is None:
        return True
    return answer is not None and answer.status is not AnswerStatus.ABSTAINED


def _tells(answer: Answer) -> bool:
    """Whether it says something of what it rests on."""
    return answer.status is AnswerStatus.PUBLISHED or answer.asks_back


class _Delivery:
    """`front` is the message that was there first, and `final` the one that tells of a person's verdict:
    nobody is told of a message that only changes. `queued`: an answer takes longer than usual."""

    def __init__(
        self,
        brain: Brain,
        reach: Reach,
        tenant: TenantId,
        standing: Standing,
        conversation: Conversation,
        *,
        queued: bool,
    ) -> None:
        self._brain, self._reach, self._tenant = brain, reach, tenant
        self._standing, self._where, self._queued = standing, conversation, queued
        self._posting = Posting(brain, reach.platform, tenant)
        self._front = f"question/{standing.reply.question.id}"
        self._final = f"{self._front}/decided"

    async def bring(self) -> None:
        asker = await self._asker()
        texts = await self._texts(asker)
        if self._where.reader:
            await self._privately(texts)
            return
        front, final = await self._brain.refs_of(self._tenant, (self._front, self._final))
        if self._standing.reply.answer is None and not front and await self._shows_status(texts):
            return
        hidden = await self._hidden(texts)
        if not final and not messages.is_decided(self._standing):
            said = hidden or messages.about(self._standing, texts, queued=self._queued)
            await self._say(self._front, self._where, said)
            return
        if front:
            await self._say(self._front, self._where, Message(texts("below")))
        mention = asker[1] if asker else ""
        await self._say(
            self._final, self._where, hidden or messages.decided(self._standing, texts, mention=mention)
        )

    async def _hidden(self, texts: Texts) -> Message | None:
        """What to say instead, where somebody reads the conversation by now who may not read the answer."""
        answer = self._standing.reply.answer
        if answer is None or not _tells(answer):
            return None
        allowed = await readable(self._brain, self._reach.platform, self._tenant, self._where)
        return None if answer.scope <= allowed else messages.hidden(answer, texts)

    async def _alone(self, asker: tuple[str, str], said: Message, texts: Texts) -> Message:
        """What the asker is told where nobody else reads it, if they may still read it."""
        answer = self._standing.reply.answer
        if answer is None or not _tells(answer):
            return said
        allowed = await readable_alone(self._brain, self._tenant, self._standing, asker)
        return said if answer.scope <= allowed else replace(messages.hidden(answer, texts), actions=())

    async def _shows_status(self, texts: Texts) -> bool:
        """Where the platform has a way of its own to say that it is being worked on, no message is needed."""
        if Capability.STREAM not in self._reach.platform.can:
            return False
        try:
            await self._reach.platform.show(
                self._where, Status(texts("queued" if self._queued else "looking"))
            )
        except Rejected:
            return False
        return True

    async def bring_somehow(self) -> None:
        try:
            await self.bring()
        except Rejected:
            await self._directly()

    async def _directly(self) -> None:
        asker = await self._asker()
        if asker is None or self._standing.reply.question.overheard is not None or self._left():
            return
        texts = await self._texts(asker)
        direct = await self._reach.platform.people.direct(*asker)
        said = messages.decided(self._standing, texts, mention="", repeat=True)
        said = await self._alone(asker, replace(said, heading=texts("not_there")), texts)
        try:
            await self._say(f"{self._front}/direct", direct, said)
        except Rejected:  # it is what we say that is refused, not where
            await self._posting.say(f"{self._front}/sorry", direct, Message(texts("sorry")))
            raise

    async def _say(self, key: str, to: Conversation, message: Message) -> None:
        await self._posting.say(key, to, message, holds=self._holds)

    async def _holds(self) -> bool:
        """Whoever was slow must not put what was true before over what is true now."""
        return self._standing == await self._brain.standing(self._tenant, self._standing.reply.question.id)

    async def _asker(self) -> tuple[str, str] | None:
        return await self._reach.identity(
            self._brain, self._tenant, self._standing.asker.id, workspace=self._where.workspace
        )

    async def _privately(self, texts: Texts) -> None:
        """What only the asker sees is said once. What comes of it later is a direct message."""
        answer = self._standing.reply.answer
        if answer is None:
            # That it is looked for, they were told as they asked.
            if self._queued:
                await self._say(f"{self._front}/queued", self._where, Message(texts("queued")))
            return
        await self._withdraw_shared(answer, texts)
        if self._left():
            return
        reader = self._where.workspace, self._where.reader
        if not await self._brain.refs(self._tenant, self._front):
            said = messages.about(self._standing, texts, private=True)
            await self._say(self._front, self._where, await self._alone(reader, said, texts))
            return
        told = await self._brain.refs(self._tenant, self._final)
        if told or messages.is_decided(self._standing) or answer.status in _WITHDRAWN:
            direct = await self._reach.platform.people.direct(*reader)
            said = messages.decided(self._standing, texts, mention="", repeat=True)
            await self._say(self._final, direct, await self._alone(reader, said, texts))

    def _left(self) -> bool:
        return self._standing.asker.disabled_at is not None

    async def _withdraw_shared(self, answer: Answer, texts: Texts) -> None:
        """What was shared stays as it was shared, unless it does not hold any more."""
        key = shared_as(answer.question)
        if answer.status in _WITHDRAWN and await self._brain.refs(self._tenant, key):
            where = replace(self._where, reader="")
            await self._say(key, where, messages.shared(self._standing, texts))

    async def _texts(self, asker: tuple[str, str] | None) -> Texts:
        if asker is None:
            return texts_for("")
        return texts_for(await self._reach.locale(*asker))

"""Accept a question: once this returns, it will be answered, whatever dies next."""

from dataclasses import dataclass
from uuid import uuid4

from brain.domain.attachment import MOST, Attachment, clean
from brain.domain.conversation import REPLY_FOR, Conversation
from brain.domain.crash_points import reached
from brain.domain.errors import Missing, Rejected, TooFast
from brain.domain.events import QuestionAsked, QuestionQueued
from brain.domain.identity import Audience, Department, Principal
from brain.domain.question import ConversationId, Question, QuestionId
from brain.domain.rates import Turns
from brain.ports import Transaction
from brain.ports.talk import TalkStore, TalkTransaction

MAX_CHARACTERS = 8_000
# What somebody asks who only attaches something.
WHAT_IS_THIS = "What does this mean?"


@dataclass(frozen=True, slots=True)
class Asking:
    """`department` is a slug; for `waits_s` the caller answers it itself, before a worker takes it over.

    On a chat platform, `place` is where it was asked, `audience` who reads the answer there (None: the asker
    alone), `overheard` the confidence it needs where nobody asked us, and `reply_to` where a private reply
    may be sent for a while. Without a `text`, the question is what the `attachments` mean.
    """

    text: str
    department: str | None = None
    conversation: ConversationId | None = None
    idempotency_key: str | None = None
    waits_s: float = 0.0
    place: Conversation | None = None
    audience: Audience | None = None
    overheard: float | None = None
    reply_to: str = ""
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class Accept:
    """`turns`: how fast chat platforms may ask; None as they like. HTTP keys have limits of their own."""

    store: TalkStore
    turns: Turns | None = None

    async def __call__(self, principal: Principal, asking: Asking) -> QuestionId:
        """Raises `TooFast`, and nothing is accepted, where the asker would have to wait for very long."""
        text = _text(asking)
        async with self.store.transaction(principal.tenant) as tx:
            audience = asking.audience or principal.audience
            department = await readable_department(tx, audience, asking.department)
            question = Question(
                id=QuestionId(uuid4()),
                conversation=await _conversation(tx, asking),
                asker=principal.member.id,
                text=text,
                audience=audience,
                department=department.id if department else None,
                overheard=asking.overheard,
                attachments=tuple(clean(one) for one in asking.attachments),
            )
            key = asking.idempotency_key or str(question.id)
            accepted = await tx.questions.accept(question, idempotency_key=key)
            if accepted == question.id:
                if asking.reply_to:
                    until = tx.now + REPLY_FOR
                    await tx.talk.messages.reply_to(
                        f"question/{accepted}", to=question.conversation, address=asking.reply_to, until=until
                    )
                wait_s = await self._wait_s(tx, principal) if asking.place else asking.waits_s
                await tx.emit(QuestionAsked(accepted), after_s=wait_s)
                if asking.place and wait_s:
                    await tx.emit(QuestionQueued(accepted))
        reached("question accepted")
        return accepted

    async def _wait_s(self, tx: TalkTransaction, principal: Principal) -> float:
        """Until it is the question's turn, of this member and of all the tenant's."""
        if self.turns is None:
            return 0.0
        own_s = await tx.talk.buckets.take(principal.member.id, self.turns.member)
        if own_s > self.turns.longest_s:
            raise TooFast(own_s)
        return max(own_s, await tx.talk.buckets.take(None, self.turns.tenant))


def _text(asking: Asking) -> str:
    text = asking.text.replace("\x00", "").strip()
    if not text and any(one.text for one in asking.attachments):
        text = WHAT_IS_THIS
    if not text:
        raise Rejected(
            " ".join(("The question is empty.", *(one.problem for one in asking.attachments))).strip()
        )
    if len(text) > MAX_CHARACTERS:
        raise Rejected(f"The question has {len(text):,} characters; the limit is {MAX_CHARACTERS:,}.")
    if len(asking.attachments) > MOST:
        raise Rejected(f"{len(asking.attachments)} files are attached; the limit is {MOST}.")
    return text


async def _conversation(tx: TalkTransaction, asking: Asking) -> ConversationId:
    """Nobody gets into what is said on a platform by knowing its id."""
    if asking.place is not None:
        return await tx.talk.conversations.open(asking.place)
    if asking.conversation is None:
        return ConversationId(uuid4())
    if await tx.talk.conversations.conversation(asking.conversation) is not None:
        raise Missing(f"There is no conversation {asking.conversation} of yours.")
    return asking.conversation


async def readable_department(tx: Transaction, audience: Audience, slug: str | None) -> Department | None:
    """The department of that name, where the audience may read what it knows."""
    if slug is None:
        return None
    for department in await tx.people.departments():
        if department.slug == slug and audience.reads(department):
            return department
    raise Missing(f"There is no department {slug!r} that you may ask; see `expert departments`.")

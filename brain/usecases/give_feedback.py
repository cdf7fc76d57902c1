"""Note what those who got an answer thought of it."""

from uuid import uuid4

from brain.domain.conversation import Conversation
from brain.domain.errors import Missing, Rejected
from brain.domain.identity import Principal
from brain.domain.question import QuestionId
from brain.domain.records import Feedback, FeedbackId, Reason
from brain.ports import Store
from brain.ports.talk import TalkStore
from brain.usecases.standing import seen


async def give_feedback(
    store: Store,
    principal: Principal,
    question: QuestionId,
    *,
    helpful: bool,
    reason: Reason | None = None,
    comment: str = "",
) -> Feedback:
    """By the one who asked. A second opinion on the same answer replaces the first."""
    async with store.transaction(principal.tenant) as tx:
        asked = await tx.questions.question(question)
    if asked is None or asked.asker != principal.member.id:
        raise Missing(f"There is no question {question} of yours.")
    return await _note(store, principal, question, helpful=helpful, reason=reason, comment=comment)


async def give_feedback_here(
    store: TalkStore,
    principal: Principal,
    question: QuestionId,
    *,
    here: Conversation,
    reason: Reason | None = None,
    comment: str = "",
) -> Feedback:
    """By whoever reads the answer in the channel that they are in; with a `reason`, it did not help."""
    await seen(store, principal, question, here=here)
    return await _note(store, principal, question, helpful=reason is None, reason=reason, comment=comment)


async def _note(
    store: Store,
    principal: Principal,
    question: QuestionId,
    *,
    helpful: bool,
    reason: Reason | None,
    comment: str,
) -> Feedback:
    if helpful and reason is not None:
        raise Rejected("A reason says what was wrong; leave it out where the answer helped.")
    async with store.transaction(principal.tenant) as tx:
        asked = await tx.questions.question(question)
        answer = await tx.questions.latest_answer(question)
        if asked is None or answer is None:
            raise Rejected("This question has no answer yet.")
        feedback = Feedback(
            id=FeedbackId(uuid4()),
            question=question,
            answer=answer.id,
            member=principal.member.id,
            helpful=helpful,
            reason=reason,
            comment=comment.replace("\x00", "").strip()[:2_000],
            asked=asked.text,
        )
        await tx.records.save_feedback(feedback)
    return feedback

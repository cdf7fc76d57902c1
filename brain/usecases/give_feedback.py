"""Note what an asker thought of the answer they got."""

from uuid import uuid4

from brain.domain.errors import Missing, Rejected
from brain.domain.identity import Principal
from brain.domain.question import QuestionId
from brain.domain.records import Feedback, FeedbackId, Reason
from brain.ports import Store


async def give_feedback(
    store: Store,
    principal: Principal,
    question: QuestionId,
    *,
    helpful: bool,
    reason: Reason | None = None,
    comment: str = "",
) -> Feedback:
    """A second opinion of the same member on the same answer replaces the first."""
    if helpful and reason is not None:
        raise Rejected("A reason says what was wrong; leave it out where the answer helped.")
    async with store.transaction(principal.tenant) as tx:
        asked = await tx.questions.question(question)
        answer = await tx.questions.latest_answer(question)
        if asked is None or asked.asker != principal.member.id:
            raise Missing(f"There is no question {question} of yours.")
        if answer is None:
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

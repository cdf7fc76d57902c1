"""Ask a person to check an answer that was published, because the one who asked wants it."""

from brain.domain.answer import AnswerStatus
from brain.domain.errors import Conflict, Missing
from brain.domain.events import ReviewJoined
from brain.domain.identity import Principal
from brain.domain.question import QuestionId, wording
from brain.domain.review import ReviewStatus
from brain.domain.sameness import same_question
from brain.ports import Embedder, Store, TextKind
from brain.usecases.request_review import request_review

_LIKE = 5


async def ask_person(store: Store, embedder: Embedder, principal: Principal, id_: QuestionId) -> int:
    """The number of the review. The answer stands while nobody has said otherwise."""
    async with store.transaction(principal.tenant) as tx:
        question = await tx.questions.question(id_)
        if question is None or question.asker != principal.member.id:
            raise Missing(f"There is no question {id_} of yours.")
        history = await tx.questions.history(question.conversation, before=id_)
    said = wording(question, history)
    [vector] = await embedder.embed([said], kind=TextKind.QUESTION)
    async with store.transaction(principal.tenant) as tx:
        # Whoever else asks for a review waits from here on: asked twice at once, it is one.
        like = await tx.reviews.open_like(question.audience, to=vector, limit=_LIKE)
        answer = await tx.questions.latest_answer(id_)
        number, _ = await tx.reviews.for_question(id_)
        known = await tx.reviews.case(number, lock=False) if number else None
        if known is not None and known.review.status is ReviewStatus.OPEN:
            return known.review.number
        if answer is None:
            raise Conflict("This question has no answer yet; it is being worked on.")
        if answer.approval is not None:
            raise Conflict(
                f"{answer.approval.name} has checked this answer. Say what is wrong with it instead."
            )
        if answer.status is not AnswerStatus.PUBLISHED:
            raise Conflict("This answer is not shown any more; ask again.")
        for case, similarity in like:
            wanted = question.department in (None, case.review.department)
            if wanted and same_question(said, case.question, similarity):
                await tx.reviews.join(case.review.id, question=id_, wording=said)
                await tx.emit(ReviewJoined(case.review.id, id_))
                return case.review.number
        department = next(one for one in await tx.people.departments() if one.id == answer.department)
        await request_review(tx, answer, department, wording=said, vector=vector)
        number, _ = await tx.reviews.for_question(id_)
    if number is None:
        raise Conflict("The review could not be opened; ask again.")
    return number

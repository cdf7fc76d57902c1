"""Ask a person to check an answer that was published, because the one who asked wants it."""

from brain.domain.answer import AnswerStatus
from brain.domain.attachment import with_attached
from brain.domain.errors import Conflict, Missing
from brain.domain.identity import Principal
from brain.domain.question import QuestionId
from brain.ports import Embedder, Store, TextKind
from brain.usecases.request_review import request_review


async def ask_person(store: Store, embedder: Embedder, principal: Principal, id_: QuestionId) -> int:
    """The number of the review. The answer stands while nobody has said otherwise."""
    async with store.transaction(principal.tenant) as tx:
        question = await tx.questions.question(id_)
    if question is None or question.asker != principal.member.id:
        raise Missing(f"There is no question {id_} of yours.")
    said = with_attached(question.text, question.attachments)
    [vector] = await embedder.embed([said], kind=TextKind.QUESTION)
    async with store.transaction(principal.tenant) as tx:
        answer = await tx.questions.latest_answer(id_)
        number, _ = await tx.reviews.for_question(id_)
        if number is not None:
            return number
        if answer is None:
            raise Conflict("This question has no answer yet; it is being worked on.")
        if answer.approval is not None:
            raise Conflict(
                f"{answer.approval.name} has checked this answer. Say what is wrong with it instead."
            )
        if answer.status is not AnswerStatus.PUBLISHED:
            raise Conflict("This answer is not shown any more; ask again.")
        department = next(one for one in await tx.people.departments() if one.id == answer.department)
        await request_review(tx, answer, department, wording=said, vector=vector)
        number, _ = await tx.reviews.for_question(id_)
    if number is None:
        raise Conflict("The review could not be opened; ask again.")
    return number

"""Ask a department's reviewers to judge an answer, to give a missing one, or to confirm an article."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import uuid4

from brain.domain.answer import Answer, AnswerId, shown_hash
from brain.domain.article import Article
from brain.domain.assignment import opening
from brain.domain.clock import Step
from brain.domain.errors import Unavailable
from brain.domain.events import ReviewRequested
from brain.domain.identity import Audience, Department
from brain.domain.knowledge import Vector
from brain.domain.question import QuestionId
from brain.domain.review import Occasion, Review, ReviewId, ReviewStatus
from brain.ports import Transaction
from brain.usecases.assign import roster, take_turn, wind


async def request_review(
    tx: Transaction, answer: Answer, department: Department, *, wording: str, vector: Vector | None
) -> None:
    review = _review(tx, answer.question, answer.id, department, shown_hash=answer.shown_hash)
    await tx.reviews.open(review, wording=wording, vector=vector)
    await tx.emit(ReviewRequested(review.id, answer.question))
    await _assign(tx, review.id, department)


async def request_renewal(
    tx: Transaction, article: Article, occasion: Occasion, *, waiting: Sequence[QuestionId]
) -> None:
    """Whether an article still holds; asked once, however often its ground moves until that is decided.

    Those in `waiting` were given its answer, and get the new one.
    """
    department = next(one for one in await tx.people.departments() if one.id == article.department)
    shown = shown_hash(article.text, article.citations, article.scope)
    asked = _review(tx, article.asked, article.answer, department, shown_hash=shown)
    asked = replace(asked, article=article.id, occasion=occasion)
    review = await tx.reviews.open(asked, wording=article.question, vector=None)
    for question in waiting:
        await tx.reviews.join(review.id, question=question, wording=article.question)
    if review.id == asked.id:
        await tx.emit(ReviewRequested(review.id, article.asked))
        await _assign(tx, review.id, department)


def _review(
    tx: Transaction, question: QuestionId, answer: AnswerId, department: Department, *, shown_hash: str
) -> Review:
    return Review(
        id=ReviewId(uuid4()),
        number=0,
        question=question,
        answer=answer,
        department=department.id,
        status=ReviewStatus.OPEN,
        shown_hash=shown_hash,
        opened_at=tx.now,
        due_at=department.clock.expires_at(tx.now, Step.REMIND),
    )


async def _assign(tx: Transaction, review: ReviewId, department: Department) -> None:
    """To whom of those who may decide it has the fewest; then its clock runs."""
    case = await tx.reviews.case(review, lock=False)
    if case is not None:
        wound = await wind(tx, case.review, department.clock, step=Step.REMIND)
        await take_turn(tx, case, wound, opening(case, await roster(tx)))


def readable_first(departments: Sequence[Department], audience: Audience) -> list[Department]:
    """Those the audience may read, its own first: a question that fits nowhere goes to the first of them."""
    readable = [one for one in departments if audience.reads(one)]
    if not readable:
        raise Unavailable("There is no department yet that this asker may ask.")
    return sorted(readable, key=lambda one: one.id not in audience.departments)

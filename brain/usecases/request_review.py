"""Ask a department's reviewers to judge an answer, or to give one where there is none."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import uuid4

from brain.domain.answer import Answer
from brain.domain.errors import Unavailable
from brain.domain.events import ReviewRequested
from brain.domain.identity import Audience, Department, Visibility
from brain.domain.review import Review, ReviewId, ReviewStatus
from brain.ports import Transaction, Vector


async def request_review(
    tx: Transaction, answer: Answer, department: Department, *, wording: str, vector: Vector | None
) -> None:
    review = Review(
        id=ReviewId(uuid4()),
        number=0,
        question=answer.question,
        answer=answer.id,
        department=department.id,
        status=ReviewStatus.OPEN,
        shown_hash=answer.shown_hash,
        opened_at=tx.now,
        due_at=tx.now + timedelta(hours=department.review_hours),
    )
    await tx.reviews.open(review, wording=wording, vector=vector)
    await tx.emit(ReviewRequested(review.id, answer.question))


def readable_first(departments: Sequence[Department], audience: Audience) -> list[Department]:
    """Those the audience may read, its own first: a question that fits nowhere goes to the first of them."""
    readable = [
        one for one in departments if one.visibility is Visibility.TENANT or one.id in audience.departments
    ]
    if not readable:
        raise Unavailable("There is no department yet that this asker may ask.")
    return sorted(readable, key=lambda one: one.id not in audience.departments)

"""Routes of those who check: reviews and the verdicts on them."""

from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Path, Query

from brain.api import present, schemas
from brain.api.access import Shared, Speaker
from brain.api.errors import problems
from brain.usecases import read
from brain.usecases.decide import Judgement

router = APIRouter(tags=["reviews"])

# What a PostgreSQL integer holds.
Number = Annotated[int, Path(ge=1, le=2**31 - 1, examples=[12])]


class Shown(StrEnum):
    OPEN = "open"
    ALL = "all"


@router.get(
    "/v1/reviews", summary="Reviews of the departments you review for, newest first", responses=problems(422)
)
async def reviews(
    principal: Speaker, shared: Shared, status: Annotated[Shown, Query()] = Shown.OPEN
) -> list[schemas.ReviewSummary]:
    store = shared.services.store
    cases = await read.reviews(store, principal, open_only=status is Shown.OPEN)
    known = present.slugs(await read.departments(store, principal))
    return [present.review_summary(case, known) for case in cases]


@router.get(
    "/v1/reviews/{number}", summary="A review, with all that a verdict needs", responses=problems(404, 422)
)
async def review(number: Number, principal: Speaker, shared: Shared) -> schemas.ReviewShown:
    store = shared.services.store
    case = await read.review(store, principal, number)
    return present.review(case, present.slugs(await read.departments(store, principal)))


@router.post(
    "/v1/reviews/{number}/verdict",
    summary="Decide a review: the first verdict wins",
    description="Approve, amend or reject. What is approved becomes knowledge, and all who wait get it.",
    responses=problems(400, 403, 404, 409, 413, 422),
)
async def decide(
    number: Number, body: schemas.NewVerdict, principal: Speaker, shared: Shared
) -> schemas.ReviewShown:
    judgement = Judgement(
        number=number,
        kind=body.kind,
        shown_hash=body.shown_hash,
        text=body.text,
        reason=body.reason,
        days=body.days,
        without_sources=body.without_sources,
    )
    case = await shared.services.decide(principal, judgement)
    return present.review(case, present.slugs(await read.departments(shared.services.store, principal)))

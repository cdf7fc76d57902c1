"""Routes of those who check: reviews and the verdicts on them."""

from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Path, Query

from brain.api import present, review_schemas
from brain.api.access import Shared, Speaker
from brain.api.errors import problems
from brain.usecases import hand_on, read
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
    principal: Speaker,
    shared: Shared,
    status: Annotated[Shown, Query()] = Shown.OPEN,
    mine: Annotated[bool, Query(description="Only those that it is your turn to decide.")] = False,
) -> list[review_schemas.ReviewSummary]:
    store = shared.services.store
    cases = await read.reviews(store, principal, open_only=status is Shown.OPEN)
    known = present.slugs(await read.departments(store, principal))
    me = principal.member.id
    return [
        present.review_summary(case, known, me) for case in cases if not mine or case.review.assignee == me
    ]


@router.get(
    "/v1/reviews/{number}",
    summary="A review, with all that a verdict needs",
    description="That you were shown it is remembered: a verdict is refused on what you were not shown.",
    responses=problems(404, 422),
)
async def review(number: Number, principal: Speaker, shared: Shared) -> review_schemas.ReviewShown:
    store = shared.services.store
    case = await read.review(store, principal, number)
    return present.review(case, present.slugs(await read.departments(store, principal)), principal.member.id)


@router.post(
    "/v1/reviews/{number}/pass",
    summary="Not for me: hand a review on",
    description="To the next reviewer, or from the last one to the department's owner. The clock runs on.",
    responses=problems(400, 403, 404, 409, 413, 422),
)
async def pass_on(
    number: Number, body: review_schemas.NewPass, principal: Speaker, shared: Shared
) -> review_schemas.ReviewSummary:
    store = shared.services.store
    case = await hand_on.pass_on(store, principal, number, reason=body.reason)
    known = present.slugs(await read.departments(store, principal))
    return present.review_summary(case, known, principal.member.id)


@router.post(
    "/v1/reviews/{number}/verdict",
    summary="Decide a review: the first verdict wins",
    description="Approve, amend or reject what you were shown (`GET /v1/reviews/{number}`)."
    " What is approved becomes knowledge, and all who wait get it.",
    responses=problems(400, 403, 404, 409, 413, 422),
)
async def decide(
    number: Number, body: review_schemas.NewVerdict, principal: Speaker, shared: Shared
) -> review_schemas.ReviewShown:
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
    known = present.slugs(await read.departments(shared.services.store, principal))
    return present.review(case, known, principal.member.id)

"""Routes of those who look after approved answers: their history, taking them back, their readers."""

from uuid import UUID

from fastapi import APIRouter

from brain.api import article_schemas, present, schemas
from brain.api.access import Shared, Speaker
from brain.api.errors import problems
from brain.domain.knowledge import ArticleId
from brain.usecases import read
from brain.usecases.retract import retract
from brain.usecases.roll_back import Return
from brain.usecases.widen import Widening, widen

router = APIRouter(tags=["knowledge"], prefix="/v1/articles/{id}")


@router.get(
    "/versions",
    summary="Every version of an approved answer, newest first (reviewers and admins)",
    responses=problems(403, 404, 422),
)
async def versions(
    id: UUID,  # noqa: A002  # the path's name
    principal: Speaker,
    shared: Shared,
) -> list[article_schemas.ArticleVersionShown]:
    article, found = await read.article_versions(shared.services.store, principal, ArticleId(id))
    return [present.article_version(one, article) for one in found]


@router.post(
    "/retract",
    summary="Take an approved answer back (reviewers and admins)",
    description="It is not served any more, and every answer that it gave is withdrawn with your reason.",
    responses=problems(400, 403, 404, 409, 413, 422),
)
async def take_back(
    id: UUID,  # noqa: A002  # the path's name
    body: article_schemas.Retraction,
    principal: Speaker,
    shared: Shared,
) -> schemas.ArticleShown:
    store = shared.services.store
    article = await retract(store, principal, ArticleId(id), reason=body.reason)
    return present.article(article, present.slugs(await read.departments(store, principal)))


@router.post(
    "/roll-back",
    summary="Put an earlier version in force again (reviewers and admins)",
    description=(
        "As a new version on your word. Its citations are checked against the sources of today; where those"
        " do not say it any more, this is refused with status 409."
    ),
    responses=problems(400, 403, 404, 409, 413, 422),
)
async def roll_back(
    id: UUID,  # noqa: A002  # the path's name
    body: article_schemas.RollBackBody,
    principal: Speaker,
    shared: Shared,
) -> schemas.ArticleShown:
    article = await shared.services.roll_back(principal, Return(ArticleId(id), body.to, body.reason))
    return present.article(article, present.slugs(await read.departments(shared.services.store, principal)))


@router.post(
    "/widen",
    summary="Let more people read it than may read its sources (admins of all of them)",
    description=(
        "A new version that says the same, on your word. Its new readers get the text without the quotes."
        " A later verdict on it gives it back to those who may read its sources."
    ),
    responses=problems(400, 403, 404, 409, 413, 422),
)
async def let_read(
    id: UUID,  # noqa: A002  # the path's name
    body: article_schemas.WideningBody,
    principal: Speaker,
    shared: Shared,
) -> schemas.ArticleShown:
    store = shared.services.store
    article = await widen(store, principal, Widening(ArticleId(id), body.to, body.reason))
    return present.article(article, present.slugs(await read.departments(store, principal)))

"""Routes about what The Expert knows: departments, documents and articles."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, File, Form, Response, UploadFile
from starlette.exceptions import HTTPException

from brain.api import present, schemas
from brain.api.access import Shared, Speaker
from brain.api.envelope import DOCUMENT_BYTES
from brain.api.errors import problems
from brain.domain.errors import Rejected
from brain.domain.knowledge import ArticleId, DocumentId, DocumentStatus
from brain.usecases import read, read_again
from brain.usecases.forget import forget
from brain.usecases.ingest import Outcome, Upload

router = APIRouter(tags=["knowledge"])

_PIECE = 1024**2


@router.get("/v1/departments", summary="The departments you may ask")
async def departments(principal: Speaker, shared: Shared) -> list[schemas.DepartmentShown]:
    return [present.department(one) for one in await read.departments(shared.services.store, principal)]


@router.get("/v1/documents", summary="The documents you may read", responses=problems(422))
async def documents(
    principal: Speaker, shared: Shared, status: DocumentStatus | None = None
) -> list[schemas.DocumentShown]:
    store = shared.services.store
    known = present.slugs(await read.departments(store, principal))
    found = await read.documents(store, principal)
    return [present.document(one, known) for one in found if status in (None, one.status)]


@router.post(
    "/v1/documents",
    status_code=201,
    summary="Take in a document, or its new version",
    description=(
        "Markdown, text, HTML, PDF, DOCX, PPTX, XLSX, CSV; at most 50 MB. The same source in the same"
        " department is the same document: an unchanged one costs nothing, a changed one replaces its"
        " passages. What cannot be read is kept in quarantine with the reason; what says the same"
        " as another document of the department is linked to that one. Status 201 where the document"
        " is new, 200 otherwise."
    ),
    responses={
        200: {"model": schemas.IngestedShown, "description": "Changed, unchanged, linked or quarantined."},
        **problems(400, 403, 404, 409, 413, 422),
    },
)
async def add(
    *,
    response: Response,
    principal: Speaker,
    shared: Shared,
    file: Annotated[UploadFile, File(description="The document itself.")],
    department: Annotated[schemas.Slug, Form(description="Slug of the department whose knowledge it is.")],
    source: Annotated[
        schemas.Text | None,
        Form(max_length=1_000, description="Names the document across versions; default: the file's name."),
    ] = None,
) -> schemas.IngestedShown:
    upload = Upload(
        department=department,
        source=source or file.filename or "",
        content=await _content(file),
        media_type=_media_type(file.content_type),
    )
    ingested = await shared.services.ingest(principal, upload)
    if ingested.outcome is not Outcome.ADDED:
        response.status_code = 200
    known = present.slugs(await read.departments(shared.services.store, principal))
    return schemas.IngestedShown(
        document=present.document(ingested.document, known), outcome=ingested.outcome
    )


@router.post(
    "/v1/documents/{id}/retry",
    summary="Try to read a document in quarantine again",
    description=(
        "The file is kept for it. Of use after an upgrade, or where reading took too long on a busy machine;"
        " a file that was mended is sent again instead. A document outside quarantine is left as it is."
    ),
    responses=problems(403, 404, 409, 422),
)
async def retry(
    id: UUID,  # noqa: A002  # the path's name
    principal: Speaker,
    shared: Shared,
) -> schemas.IngestedShown:
    services = shared.services
    ingested = await read_again.retry(services.store, services.ingest, principal, DocumentId(id))
    known = present.slugs(await read.departments(services.store, principal))
    return schemas.IngestedShown(
        document=present.document(ingested.document, known), outcome=ingested.outcome
    )


async def _content(file: UploadFile) -> bytes:
    content = bytearray()
    while piece := await file.read(_PIECE):
        content += piece
        if len(content) > DOCUMENT_BYTES:
            raise HTTPException(413, f"The document is larger than {DOCUMENT_BYTES // _PIECE} MB.")
    return bytes(content)


def _media_type(declared: str | None) -> str | None:
    if declared is None:
        return None
    if not (declared.isascii() and declared.isprintable() and len(declared) <= 200):
        raise Rejected("The media type of the file is not one.")
    return declared


@router.delete(
    "/v1/documents/{id}",
    status_code=204,
    summary="Forget a document and everything derived from it",
    responses=problems(403, 404, 422),
)
async def remove(id: UUID, principal: Speaker, shared: Shared) -> None:  # noqa: A002  # the path's name
    await forget(shared.services.store, principal, DocumentId(id))


@router.get(
    "/v1/articles",
    summary="Approved answers that you may read, newest first",
    description=(
        "Those that hold. Reviewers and admins of a department also get its suspended and retracted ones,"
        " without text and citations."
    ),
)
async def articles(principal: Speaker, shared: Shared) -> list[schemas.ArticleShown]:
    store = shared.services.store
    known = present.slugs(await read.departments(store, principal))
    return [present.article(one, known) for one in await read.articles(store, principal)]


@router.get("/v1/articles/{id}", summary="An approved answer", responses=problems(404, 422))
async def article(id: UUID, principal: Speaker, shared: Shared) -> schemas.ArticleShown:  # noqa: A002  # the path's name
    store = shared.services.store
    found = await read.article(store, principal, ArticleId(id))
    return present.article(found, present.slugs(await read.departments(store, principal)))

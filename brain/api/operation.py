"""Routes that need no key: whether it lives, whether it is ready, what it counts, and its pages."""

from fastapi import APIRouter, Request, Response
from starlette.responses import HTMLResponse

from brain.api import pages, present, schemas
from brain.api.access import Shared
from brain.api.probes import measured

router = APIRouter(tags=["operation"])


@router.get("/health", summary="Is this process alive? Asks nothing else")
async def health(shared: Shared) -> schemas.Alive:
    return schemas.Alive(status="alive", version=shared.services.version)


@router.get(
    "/ready",
    summary="Can questions be accepted? Names each dependency",
    responses={503: {"model": schemas.Ready, "description": "Not ready; `checks` says why."}},
)
async def ready(response: Response, shared: Shared) -> schemas.Ready:
    readiness = await shared.services.ready()
    if not readiness.ok:
        response.status_code = 503
    return present.ready(readiness, version=shared.services.version)


@router.get(
    "/metrics",
    summary="Counters for Prometheus",
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "The metrics."}
    },
)
async def metrics(shared: Shared) -> Response:
    return await measured(shared.metrics, shared.services)


@router.get("/", include_in_schema=False)
async def home(shared: Shared) -> HTMLResponse:
    return pages.home(version=shared.services.version)


@router.get("/docs", include_in_schema=False)
async def docs(request: Request) -> HTMLResponse:
    return pages.docs(request.app.openapi())

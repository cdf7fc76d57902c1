"""The HTTP API, put together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRouter

from brain.api import (
    administration,
    articles,
    calibration,
    errors,
    knowledge,
    operation,
    privacy,
    questions,
    reviews,
    schemas,
)
from brain.api.access import Access, Context
from brain.api.answering import Answering
from brain.api.envelope import Envelope
from brain.api.metrics import Metrics
from brain.api.services import Services

_DESCRIPTION = "Answers questions from your own documents, with citations, and asks a person when unsure."
_TAGS = [
    {"name": "questions", "description": "Ask, and read what became of it."},
    {"name": "feedback", "description": "Whether answers helped."},
    {"name": "reviews", "description": "Check what the machine was not sure of."},
    {"name": "knowledge", "description": "Departments, documents and approved answers."},
    {"name": "administration", "description": "Members, keys and background work."},
    {"name": "privacy", "description": "Who did what, and what is kept of a person."},
    {"name": "operation", "description": "For whoever runs it; no key needed."},
]


def create_app(services: Services) -> FastAPI:
    answering = Answering(services)
    metrics = services.metrics or Metrics(None)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await answering.stop()

    app = FastAPI(
        title="The Expert",
        description=_DESCRIPTION,
        version=services.version,
        openapi_tags=_TAGS,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app.state.context = Context(services, answering, metrics)
    app.include_router(operation.router, responses=errors.problems(500))
    for theme in (questions, reviews, knowledge, articles, administration, calibration, privacy):
        _include(app, theme.router)
    errors.install(app)
    app.add_middleware(Access, services=services, metrics=metrics)
    app.add_middleware(Envelope, metrics=metrics)  # added last: it is the outermost
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]  # https://fastapi.tiangolo.com/how-to/extending-openapi/
    return app


def _include(app: FastAPI, router: APIRouter) -> None:
    app.include_router(router, responses=errors.problems(401, 429, 500, 503))


def _openapi(app: FastAPI) -> dict[str, Any]:
    """As FastAPI draws it up, with the problem documents that every route refers to."""
    if app.openapi_schema is None:
        described = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            tags=app.openapi_tags,
            routes=app.routes,
        )
        components = described["components"]["schemas"]
        problem = schemas.Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        components |= problem.pop("$defs") | {"Problem": problem}
        app.openapi_schema = described
    return app.openapi_schema

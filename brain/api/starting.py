"""What is served before the product is whole: whether it lives, how it stands, and what platforms deliver."""

from collections.abc import Awaitable, Callable, Sequence

from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST

from brain.api import errors, present, schemas
from brain.api.envelope import Envelope
from brain.api.metrics import Metrics
from brain.api.services import Readiness
from brain.domain.circuit import Circuit
from brain.domain.errors import Unavailable

_RETRY_AFTER_S = 2.0


def create_starting_app(
    ready: Callable[[], Awaitable[Readiness]],
    *,
    metrics: Metrics,
    circuits: Sequence[Circuit],
    version: str,
    take_in_at: Callable[[FastAPI], None],
) -> FastAPI:
    """`take_in_at` adds where platforms deliver to; all else is answered with 503."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    async def alive() -> schemas.Alive:
        return schemas.Alive(status="alive", version=version)

    async def readiness(response: Response) -> schemas.Ready:
        known = await ready()
        if not known.ok:
            response.status_code = 503
        return present.ready(known, version=version)

    async def counted() -> Response:
        known = await ready()
        return Response(
            metrics.render_starting(circuits, known.rung.level), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )

    async def later(path: str) -> Response:
        raise Unavailable(f"The Expert is starting, and does not serve /{path[:60]} yet.", _RETRY_AFTER_S)

    app.add_api_route("/health", alive)
    app.add_api_route("/ready", readiness)
    app.add_api_route("/metrics", counted)
    take_in_at(app)
    app.add_api_route("/{path:path}", later, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    errors.install(app)
    app.add_middleware(Envelope, metrics=metrics)
    return app

"""Errors as RFC 9457 problem documents: one table from what went wrong to what the caller is told."""

import json
import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from uuid import UUID

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from brain.api.limits import Excess, rate_headers
from brain.domain.errors import Conflict, Denied, ExpertError, Missing, Rejected, Unavailable

MEDIA_TYPE = "application/problem+json"

# The first that fits, so the narrow ones come first: kind, status, title.
_TABLE: tuple[tuple[type[ExpertError], str, int, str], ...] = (
    (Unavailable, "unavailable", 503, "Not available right now"),
    (Denied, "denied", 403, "Not allowed"),
    (Missing, "missing", 404, "Not found"),
    (Conflict, "conflict", 409, "Somebody else was first"),
    (Rejected, "rejected", 422, "Cannot be used as it is"),
)

_DESCRIPTIONS = {
    400: "The body cannot be read.",
    401: "The API key is missing, unknown or revoked.",
    403: "This key's member may not do this.",
    404: "There is no such thing, or this key's member may not see it.",
    409: "Somebody else was first, or what you saw has changed since.",
    413: "The body is too large.",
    422: "The input cannot be used as it is; `errors` names the fields.",
    429: "This key or address asks for too much; try again after `Retry-After` seconds.",
    500: "A bug; `instance` is the incident to report.",
    503: "Something this needs is not answering; try again after `Retry-After` seconds.",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a route declares to OpenAPI about the ways it fails."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": _DESCRIPTIONS[status], "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in sorted(statuses)
    }


def problem(
    status: int,
    kind: str,
    title: str,
    detail: str,
    *,
    extra: Mapping[str, str | int | list[dict[str, str]]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    body = {"type": f"urn:expert:{kind}", "title": title, "status": status, "detail": detail, **(extra or {})}
    # ASCII: what a client sent may come back as the name of a field, lone surrogates and all.
    return Response(json.dumps(body), status_code=status, headers=headers, media_type=MEDIA_TYPE)


def expert_problem(error: ExpertError) -> Response:
    kind, status, title = next((k, s, t) for known, k, s, t in _TABLE if isinstance(error, known))
    headers = {}
    if isinstance(error, Unavailable):
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after_s)))
    return problem(status, kind, title, str(error), headers=headers)


def unauthorized(detail: str) -> Response:
    return problem(
        401, "unauthorized", "API key needed", detail, headers={"WWW-Authenticate": 'Bearer realm="expert"'}
    )


def too_large(limit: int) -> Response:
    detail = f"The body is larger than {limit // 1024**2} MB."
    return problem(413, "too-large", "Too large", detail, headers={"Connection": "close"})


def limited(excess: Excess) -> Response:
    """429 where it is the caller's doing, 503 where the whole server has too much to do."""
    wait_s = max(1, math.ceil(excess.retry_after_s))
    headers = {"Retry-After": str(wait_s)} | (
        rate_headers(excess.kind, excess.bucket) if excess.bucket else {}
    )
    extra: dict[str, str | int | list[dict[str, str]]] = {"retry_after_s": wait_s}
    if excess.kind == "in_process":
        return problem(503, "overloaded", "Too much to do", excess.detail, extra=extra, headers=headers)
    return problem(429, "too-many-requests", "Too many requests", excess.detail, extra=extra, headers=headers)


def oversized_head(status: HTTPStatus) -> Response:
    part = "address" if status is HTTPStatus.REQUEST_URI_TOO_LONG else "header"
    detail = f"The {part} of this request is too long."
    return problem(status, "too-large", status.phrase, detail, headers={"Connection": "close"})


def bug(incident: UUID) -> Response:
    detail = f"A bug in The Expert, not in your request. The log has it as incident {incident}."
    return problem(500, "bug", "A bug", detail, extra={"instance": incident.urn})


def install(app: FastAPI) -> None:
    @app.exception_handler(ExpertError)
    async def expert(_: Request, error: ExpertError) -> Response:
        return expert_problem(error)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        fields = [_field(one["loc"], _wrong(one)) for one in error.errors()]
        detail = "; ".join(f"{one['field']}: {one['message']}" for one in fields[:3])
        return problem(422, "invalid", "Invalid input", f"{detail}.", extra={"errors": fields})

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        """What the framework itself refuses: unknown paths and methods, unreadable bodies."""
        status = HTTPStatus(error.status_code)
        details = {
            400: "The body of this request cannot be read.",
            404: f"There is nothing at {request.url.path[:200]!a}; /docs lists what there is.",
            405: f"{request.method[:20]!a} is not possible here; see the Allow header.",
        }
        detail = details.get(status, str(error.detail))
        kind = status.phrase.lower().replace(" ", "-")
        headers = {**(error.headers or {}), **_allowed(app, request, status)}
        return problem(status, kind, status.phrase, detail, headers=headers)


def _allowed(app: FastAPI, request: Request, status: HTTPStatus) -> dict[str, str]:
    """All methods of the path: the framework names those of the first route only."""
    path = getattr(request.scope.get("route"), "path", None)
    if status is not HTTPStatus.METHOD_NOT_ALLOWED or path not in app.openapi()["paths"]:
        return {}
    return {"Allow": ", ".join(sorted(verb.upper() for verb in app.openapi()["paths"][path]))}


def _wrong(error: Mapping[str, Any]) -> str:
    """Pydantic counts the characters of a text that was looked at before as items."""
    limits = error.get("ctx", {})
    if error["type"] == "too_short" and isinstance(error["input"], str):
        least = limits["min_length"]
        return f"It needs {least} characters at least" if least > 1 else "It is empty"
    if error["type"] == "too_long" and isinstance(error["input"], str):
        return f"It may have {limits['max_length']} characters at most"
    return str(error["msg"])


def _field(place: Sequence[str | int], message: str) -> dict[str, str]:
    """Never the value: it may be a secret in the wrong place."""
    name = ".".join(str(part)[:60] for part in place)
    return {"field": name[:200], "message": message.removeprefix("Value error, ").rstrip(".")}

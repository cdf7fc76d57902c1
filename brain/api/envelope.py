"""What every request passes: an id, a size limit, safe headers, one log line, metrics, the last handler."""

import asyncio
import re
import traceback
from http import HTTPStatus
from time import perf_counter
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from brain.api.errors import bug, oversized_head, too_large
from brain.api.metrics import Metrics

DOCUMENT_BYTES = 50 * 1024**2
_BODY_BYTES = 1024**2
# A document travels with the names of its parts.
_UPLOAD_BYTES = DOCUMENT_BYTES + 1024**2
_URL_BYTES = 8 * 1024
_HEADER_BYTES = 32 * 1024
_BODY_PIECE_S = 20
_UPLOADS = ("POST", "/v1/documents")

_OWN_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_PROBES = ("/health", "/ready", "/metrics")
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Envelope:
    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, receive, send)
        try:
            if exchange.oversized is not None:
                await oversized_head(exchange.oversized)(scope, receive, exchange.send)
            elif exchange.declared > exchange.limit:
                await too_large(exchange.limit)(scope, receive, exchange.send)
            else:
                await self._app(scope, exchange.receive, exchange.send)
        except Exception as error:  # the API's last handler: whoever asked gets an answer
            incident = uuid4()
            log.error(  # noqa: TRY400  # `exception` would log the message, and it may quote what was asked
                "incident", incident=str(incident), request_id=exchange.id, **_without_values(error)
            )
            if exchange.status:  # too late for another answer: the connection is cut
                raise
            await bug(incident)(scope, receive, exchange.send)
        finally:
            self._record(exchange)

    def _record(self, exchange: "_Exchange") -> None:
        scope = exchange.scope
        # The pattern, not the path: ids there would make a metric of each, and a path may hold a secret.
        route = getattr(scope.get("route"), "path", "unknown")
        self._metrics.request(scope["method"], route, exchange.status, exchange.seconds)
        details = {"question_id": str(question)} if (question := scope["state"].get("question")) else {}
        routine = route in _PROBES or scope["state"].get("routine", False)
        write = log.debug if routine else log.info
        write(
            "request",
            request_id=exchange.id,
            method=scope["method"][:20],
            route=route,
            status=exchange.status,
            ms=round(exchange.seconds * 1000, 1),
            **details,
        )


class _Exchange:
    """One request and its response, on the way through."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        wanted = headers.get("x-request-id", "")
        length = headers.get("content-length", "")
        scope.setdefault("state", {})
        self.scope = scope
        self.id = wanted if _OWN_ID.fullmatch(wanted) else uuid4().hex
        self.limit = _UPLOAD_BYTES if (scope["method"], scope["path"]) == _UPLOADS else _BODY_BYTES
        self.oversized = _oversized(scope)
        self.declared = int(length) if length.isascii() and length.isdigit() else 0
        self.status = 0
        self.seconds = 0.0
        self._received = 0
        self._complete = False
        self._receive = receive
        self._send = send
        self._started = perf_counter()

    async def receive(self) -> Message:
        """Counts what really comes: a length may be missing or wrong."""
        message = await self._in_time()
        self._received += len(message.get("body", b""))
        if self._received > self.limit:
            raise HTTPException(413, f"The body is larger than {self.limit // 1024**2} MB.")
        return message

    async def _in_time(self) -> Message:
        """A body must not trickle in for ever; once it is there, only the caller's leaving is awaited."""
        if self._complete:
            return await self._receive()
        try:
            async with asyncio.timeout(_BODY_PIECE_S):
                message = await self._receive()
        except TimeoutError as error:
            raise HTTPException(408, f"Nothing more of the body came for {_BODY_PIECE_S} s.") from error
        self._complete = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.seconds = perf_counter() - self._started
            headers = MutableHeaders(scope=message)
            headers["X-Request-Id"] = self.id
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await self._send(message)


def _oversized(scope: Scope) -> HTTPStatus | None:
    if len(scope.get("raw_path") or scope["path"]) + len(scope["query_string"]) > _URL_BYTES:
        return HTTPStatus.REQUEST_URI_TOO_LONG
    if sum(len(name) + len(value) for name, value in scope["headers"]) > _HEADER_BYTES:
        return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
    return None


def _without_values(error: BaseException) -> dict[str, str | list[str]]:
    """Kinds and places of an error and its causes."""
    kinds: list[str] = []
    places: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(kinds) < 5:
        kinds.append(type(cause).__qualname__)
        places += [
            f"{one.filename}:{one.lineno} {one.name}"
            for one in traceback.extract_tb(cause.__traceback__)[-8:]
        ]
        cause = cause.__cause__ or cause.__context__
    return {"error": " from ".join(kinds), "places": places}

"""Who is asking: every path under /v1/ needs an API key before anything of the request is read."""

from dataclasses import dataclass
from typing import Annotated, NamedTuple, cast

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from brain.api.answering import Answering
from brain.api.errors import expert_problem, limited, unauthorized
from brain.api.limits import Allowance, Excess, Turnstile, rate_headers
from brain.api.metrics import Metrics
from brain.api.services import Services
from brain.domain.errors import Denied, Unavailable
from brain.domain.identity import Principal
from brain.usecases.authenticate import authenticate

_PROTECTED = "/v1/"


class Access:
    """Finds the principal; a route that forgets to ask for one is closed all the same."""

    def __init__(self, app: ASGIApp, services: Services, metrics: Metrics) -> None:
        self._app = app
        self._services = services
        self._metrics = metrics
        self._turnstile = Turnstile(services.limits)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(_PROTECTED):
            await self._app(scope, receive, send)
        elif excess := self._turnstile.full():
            await self._limited(excess)(scope, receive, send)
        else:
            with self._turnstile.counted():
                await self._enter(scope, receive, send)

    async def _enter(self, scope: Scope, receive: Receive, send: Send) -> None:
        scheme, _, rest = Headers(scope=scope).get("authorization", "").partition(" ")
        key = rest.strip()
        if scheme.lower() != "bearer" or not key:
            refusal = unauthorized("Send your API key in the header `Authorization: Bearer expk_…`.")
            await refusal(scope, receive, send)
            return
        wants = _Wants.of(scope)
        allowance = self._turnstile.known(key)
        principal = None
        if allowance is None:  # its limits follow once it proved to be right
            principal = await self._proven(key, scope, receive, send)
            if principal is None:
                return
            allowance = self._turnstile.known(key) or self._turnstile.admit(key)
        if excess := self._turnstile.refuses(allowance, asks=wants.asks, streams=wants.streams):
            await self._limited(excess)(scope, receive, send)
            return
        with allowance.counted(streams=wants.streams):
            principal = principal or await self._proven(key, scope, receive, send)
            if principal is not None:
                scope.setdefault("state", {})["principal"] = principal
                await self._app(scope, receive, _told(send, allowance, wants))

    async def _proven(self, key: str, scope: Scope, receive: Receive, send: Send) -> Principal | None:
        """Who holds the key. Where nobody does, that is answered here."""
        address = (scope.get("client") or ("",))[0]
        if self._turnstile.known(key) is None and (excess := self._turnstile.suspects(address)):
            await self._limited(excess)(scope, receive, send)
            return None
        try:
            return await authenticate(self._services.store, key)
        except Denied as error:
            self._turnstile.failed(address, key)
            await unauthorized(str(error))(scope, receive, send)
        except Unavailable as error:
            await expert_problem(error)(scope, receive, send)
        return None

    def _limited(self, excess: Excess) -> Response:
        self._metrics.limited(excess.kind)
        return limited(excess)


class _Wants(NamedTuple):
    """What of the limited things a request is."""

    asks: bool
    streams: bool

    @classmethod
    def of(cls, scope: Scope) -> "_Wants":
        path = scope["path"]
        return cls(
            asks=scope["method"] == "POST" and path == "/v1/questions",
            streams=path.startswith("/v1/questions/") and path.endswith("/events"),
        )


def _told(send: Send, allowance: Allowance, wants: _Wants) -> Send:
    """With what is left, so that a client can slow down before it is refused."""

    async def with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            name, bucket = (
                ("questions", allowance.questions) if wants.asks else ("requests", allowance.requests)
            )
            MutableHeaders(scope=message).update(rate_headers(name, bucket))
        await send(message)

    return with_headers


@dataclass(frozen=True, slots=True)
class Context:
    """What routes share."""

    services: Services
    answering: Answering
    metrics: Metrics


def context(request: Request) -> Context:
    return cast(Context, request.app.state.context)


# For OpenAPI alone: `Access` has done the work before any route runs.
_bearer = HTTPBearer(
    scheme_name="key",
    auto_error=False,
    description="An API key of a member (`expert key add`). Tenant and rights come from it.",
)


def principal(
    request: Request, _key: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]
) -> Principal:
    return cast(Principal, request.state.principal)


Shared = Annotated[Context, Depends(context)]
Speaker = Annotated[Principal, Depends(principal)]

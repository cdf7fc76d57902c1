"""Who is asking: every path under /v1/ needs an API key before anything of the request is read."""

from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from brain.api.answering import Answering
from brain.api.errors import expert_problem, unauthorized
from brain.api.metrics import Metrics
from brain.api.services import Services
from brain.domain.errors import Denied, Unavailable
from brain.domain.identity import Principal
from brain.usecases.authenticate import authenticate

_PROTECTED = "/v1/"


class Access:
    """Finds the principal; a route that forgets to ask for one is closed all the same."""

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self._app = app
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(_PROTECTED):
            await self._app(scope, receive, send)
            return
        scheme, _, key = Headers(scope=scope).get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            refusal = unauthorized("Send your API key in the header `Authorization: Bearer expk_…`.")
            await refusal(scope, receive, send)
            return
        try:
            principal = await authenticate(self._services.store, key.strip())
        except Denied as error:
            await unauthorized(str(error))(scope, receive, send)
            return
        except Unavailable as error:
            await expert_problem(error)(scope, receive, send)
            return
        scope.setdefault("state", {})["principal"] = principal
        await self._app(scope, receive, send)


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

"""How the rest of the folder calls Slack, without knowing the SDK."""

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from brain.domain import tracing
from brain.domain.errors import Rejected, Unavailable

# How long to leave Slack alone where it does not say.
AWAY_S = 2.0


class Refused(Rejected):
    """Slack says no. `code` is its word for why."""

    def __init__(self, code: str, method: str) -> None:
        super().__init__(f"Slack refused {method}: {code}.")
        self.code = code


class Unreachable(Unavailable):
    """Nobody answered, or not as Slack does."""


def why(response: object) -> str:
    """Slack's word for what went wrong; empty where it was not Slack that answered."""
    data = getattr(response, "data", None)
    return str(data.get("error", "")) if isinstance(data, dict) else ""


class Later(Unavailable):
    """Slack has had enough of it for the moment."""


class Calls(Protocol):
    async def call(self, workspace: str, method: str, **arguments: Any) -> dict[str, Any]:
        """Raises `Unavailable` where it did not happen, `Refused` where Slack says no, and `Unknown` where it
        may have happened."""

    async def respond(self, address: str, body: dict[str, Any]) -> None:
        """Send a private reply; raises as `call`, and `Rejected` where the address is not one of Slack's."""

    async def download(self, workspace: str, address: str, *, most: int) -> bytes:
        """Up to `most` bytes; raises `Rejected` where there are more."""


@dataclass(frozen=True, slots=True)
class TracedCalls:
    """Each call as a span: https://opentelemetry.io/docs/specs/semconv/http/http-spans/"""

    calls: Calls

    async def call(self, workspace: str, method: str, **arguments: Any) -> dict[str, Any]:
        with _called(f"/api/{method}"):
            return await self.calls.call(workspace, method, **arguments)

    async def respond(self, address: str, body: dict[str, Any]) -> None:
        with _called("/commands"):
            await self.calls.respond(address, body)

    async def download(self, workspace: str, address: str, *, most: int) -> bytes:
        with _called("/files", http_method="GET"):
            return await self.calls.download(workspace, address, most=most)


def _called(template: str, *, http_method: str = "POST") -> AbstractContextManager[None]:
    facts = {"http.request.method": http_method, "url.template": template, "peer.service": "slack"}
    return tracing.span(f"{http_method} {template}", kind=tracing.Kind.CLIENT, facts=facts)


def retry_after_s(headers: Mapping[str, Any] | None) -> float:
    """An absent or unreadable one is taken for a moment. An HTTP date is not what Slack sends."""
    value = str((headers or {}).get("Retry-After", "")).strip()
    return min(3600.0, max(1.0, float(value))) if value.isdigit() else 30.0 if value else AWAY_S


def encoded(arguments: dict[str, Any]) -> dict[str, Any]:
    """As a form takes them."""
    return {
        name: json.dumps(value)
        if isinstance(value, dict | list)
        else ("true" if value else "false")
        if isinstance(value, bool)
        else value
        for name, value in arguments.items()
    }

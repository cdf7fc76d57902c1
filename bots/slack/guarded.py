"""Slack, left alone while it keeps failing: what waits to be posted is tried again when it is back."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bots.chat_platform import Unknown
from bots.slack.calls import Calls, Later, Refused, Unreachable
from brain.domain.circuit import Circuit


@dataclass(frozen=True, slots=True)
class GuardedCalls:
    """A refusal, or "later", says that Slack is there; silence, or an error of its own, that it is not."""

    calls: Calls
    circuit: Circuit

    async def call(self, workspace: str, method: str, **arguments: Any) -> dict[str, Any]:
        with self._watched():
            return await self.calls.call(workspace, method, **arguments)

    async def respond(self, address: str, body: dict[str, Any]) -> None:
        with self._watched():
            await self.calls.respond(address, body)

    async def download(self, workspace: str, address: str, *, most: int) -> bytes:
        with self._watched():
            return await self.calls.download(workspace, address, most=most)

    @contextmanager
    def _watched(self) -> Iterator[None]:
        with self.circuit.attempt() as attempt:
            try:
                yield
            except (Unreachable, Unknown) as error:
                attempt.failed(str(error))
                raise
            except (Refused, Later):
                attempt.succeeded()
                raise
            attempt.succeeded()

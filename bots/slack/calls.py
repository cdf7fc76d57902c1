"""How the rest of the folder calls Slack, without knowing the SDK."""

from typing import Any, Protocol

from brain.domain.errors import Rejected


class Refused(Rejected):
    """Slack says no. `code` is its word for why."""

    def __init__(self, code: str, method: str) -> None:
        super().__init__(f"Slack refused {method}: {code}.")
        self.code = code


class Calls(Protocol):
    async def call(self, workspace: str, method: str, **arguments: Any) -> dict[str, Any]:
        """Raises `Unavailable` where it did not happen, `Refused` where Slack says no, and `Unknown` where it
        may have happened."""

    async def respond(self, address: str, body: dict[str, Any]) -> None:
        """Send a private reply; raises as `call`, and `Rejected` where the address is not one of Slack's."""

    async def download(self, workspace: str, address: str, *, most: int) -> bytes:
        """Up to `most` bytes; raises `Rejected` where there are more."""

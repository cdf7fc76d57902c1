"""The one place where commands talk to the HTTP API.

Plain `http.client`: `expert ask` should not wait for a larger library to load.
"""

import http.client
import json
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode
from uuid import uuid4

from brain.domain.errors import Rejected, Unavailable
from config.commands.output import complain
from config.keys import choose_key
from config.location import Location, locate

ASKER = ("asker", "admin")
REVIEWER = ("reviewer", "admin")
ADMIN = ("admin", "reviewer")
_TIMEOUT_S = 150.0
# How often a pause that the API asks for is kept, and the longest that is.
_PATIENCE = 2
_LONGEST_PAUSE_S = 30


class Refused(Rejected):
    """The API refused the request."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Upload:
    """A file and the fields that go with it, as a multipart form."""

    name: str
    content: bytes
    fields: Mapping[str, str]

    def encode(self) -> tuple[str, bytes]:
        boundary = uuid4().hex
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
            for name, value in self.fields.items()
        ]
        # As browsers do: a file name may hold anything but what would end it.
        name = self.name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        parts.append(f"{head}Content-Type: application/octet-stream\r\n\r\n".encode() + self.content)
        parts.append(f"\r\n--{boundary}--\r\n".encode())
        return f"multipart/form-data; boundary={boundary}", b"".join(parts)


@dataclass(frozen=True, slots=True)
class Speaker:
    """Whose key to use: `wanted` is what `--as` says, else the first of `usual` that there is."""

    usual: tuple[str, ...]
    wanted: str | None = None
    timeout_s: float = field(default=_TIMEOUT_S)

    def get(self, path: str, **query: str | int | None) -> Any:
        given = {name: value for name, value in query.items() if value is not None}
        return self.call("GET", f"{path}?{urlencode(given)}" if given else path)

    def post(
        self, path: str, body: Mapping[str, object] | Upload | None = None, *, once: bool = False
    ) -> Any:
        """With `once`, the API carries the request out a single time however often it arrives."""
        return self.call("POST", path, body, {"Idempotency-Key": uuid4().hex} if once else {})

    def lines(self, path: str, **query: str | None) -> Iterator[str]:
        """The reply line by line, as it comes; the same is raised as by `call`."""
        given = {name: value for name, value in query.items() if value is not None}
        location = locate()
        key = choose_key(location.home, wanted=self.wanted, usual=self.usual)
        with _connection(location, self.timeout_s) as connection:
            asked = f"{path}?{urlencode(given)}" if given else path
            connection.request("GET", asked, headers={"Authorization": f"Bearer {key.key}"})
            reply = connection.getresponse()
            if reply.status >= 400:
                _read(location, reply.status, reply.read())
            for line in reply:
                yield line.decode()

    def delete(self, path: str) -> Any:
        return self.call("DELETE", path)

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | Upload | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """The decoded reply. Raises `Refused` with the API's reason, `Unavailable` where nothing answers."""
        location = locate()
        key = choose_key(location.home, wanted=self.wanted, usual=self.usual)
        sent = {"Authorization": f"Bearer {key.key}", **(headers or {})}
        encoded = _encoded(body, sent)
        for _ in range(_PATIENCE):
            status, content = exchange(location, method, path, encoded, sent, timeout_s=self.timeout_s)
            wait_s = _asked_to_wait_s(status, content)
            if wait_s is None:
                return _read(location, status, content)
            complain(f"The Expert asks for a pause; going on in {wait_s} s.")
            time.sleep(wait_s)
        status, content = exchange(location, method, path, encoded, sent, timeout_s=self.timeout_s)
        return _read(location, status, content)


def exchange(
    location: Location,
    method: str,
    path: str,
    body: bytes | None,
    headers: Mapping[str, str],
    *,
    timeout_s: float = _TIMEOUT_S,
) -> tuple[int, bytes]:
    """Status and body of the reply, whatever they are."""
    with _connection(location, timeout_s) as connection:
        connection.request(method, path, body, {"Accept": "application/json", **headers})
        reply = connection.getresponse()
        return reply.status, reply.read()


@contextmanager
def _connection(location: Location, timeout_s: float) -> Iterator[http.client.HTTPConnection]:
    """What goes wrong on it is `Unavailable`, in words."""
    connection = http.client.HTTPConnection(location.host_to_call, location.port, timeout=timeout_s)
    try:
        yield connection
    except TimeoutError as error:
        raise Unavailable(f"{location.url} did not answer within {timeout_s:.0f} s.") from error
    except (ConnectionRefusedError, socket.gaierror) as error:
        raise Unavailable(f"Nothing answers on {location.url}. Start it with `make up`.") from error
    except http.client.IncompleteRead as error:
        raise Unavailable(f"The connection to {location.url} broke off in the middle. Try again.") from error
    except http.client.HTTPException as error:
        raise Unavailable(
            f"What answers on {location.url} does not speak HTTP; is EXPERT_PORT right?"
        ) from error
    except OSError as error:
        raise Unavailable(f"The connection to {location.url} broke off ({error}). Try again.") from error
    finally:
        connection.close()


def _asked_to_wait_s(status: int, content: bytes) -> int | None:
    """Seconds, where the API refused for now, before it did anything, and the pause is bearable."""
    if status not in (429, 503):
        return None
    try:
        wait_s = json.loads(content)["retry_after_s"]
    except (ValueError, TypeError, KeyError):
        return None
    return wait_s if isinstance(wait_s, int) and 0 < wait_s <= _LONGEST_PAUSE_S else None


def _encoded(body: Mapping[str, object] | Upload | None, headers: dict[str, str]) -> bytes | None:
    if body is None:
        return None
    if isinstance(body, Upload):
        headers["Content-Type"], content = body.encode()
        return content
    headers["Content-Type"] = "application/json"
    return json.dumps(body).encode()


def _read(location: Location, status: int, content: bytes) -> Any:
    try:
        answer = json.loads(content) if content else None
    except ValueError as error:
        raise Unavailable(
            f"What answers on {location.url} is not The Expert; is EXPERT_PORT right?"
        ) from error
    if status < 400:
        return answer
    problem = answer if isinstance(answer, dict) else {}
    reason = str(problem.get("detail") or problem.get("title") or f"The API answered with status {status}.")
    if status == 401:
        reason += f" (The key comes from keys.toml in {location.home}; --as NAME chooses another.)"
    raise Refused(reason, status)


def path_segment(value: str) -> str:
    """What a person typed, as one part of a path."""
    return quote(value, safe="")

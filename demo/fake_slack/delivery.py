"""How what happens reaches the app: over sockets or signed HTTP, again where it was not acknowledged.

https://docs.slack.dev/apis/events-api/#retries and /authentication/verifying-requests-from-slack
"""

import asyncio
import hashlib
import hmac
import json
import random
import time
from collections.abc import Coroutine, Generator
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlencode

import aiohttp

from demo.fake_slack.records import App, Json
from demo.fake_slack.sockets import Sockets

Kind = Literal["events_api", "slash_commands", "interactive"]


@dataclass
class Attempt:
    """`ack_s` is how long the acknowledgement took; `failure` is Slack's word for why there was none."""

    number: int
    ack_s: float = 0.0
    failure: str = ""
    final: bool = False
    body: Any = None


@dataclass(eq=False)
class Delivery:
    """Wait for it to have the attempt that was acknowledged, or the last one where none was."""

    kind: Kind
    payload: Json
    done: asyncio.Future[Attempt]
    attempts: list[Attempt] = field(default_factory=list)

    def __await__(self) -> Generator[Any, None, Attempt]:
        return asyncio.shield(self.done).__await__()


@dataclass
class Mischief:
    """How badly things are delivered. `copies` in all of each of `kinds`; each waits up to `window_s`.

    `marked` copies say that they are retries. `twins` is which of the two events of a mention goes first, and
    `twin_gap_s` by how much. The next `lost` attempts never arrive.
    """

    copies: int = 1
    window_s: float = 0.0
    delay_s: float = 0.0
    kinds: frozenset[str] = frozenset({"events_api"})
    marked: bool = True
    twins: Literal["message", "mention"] = "message"
    twin_gap_s: float = 0.0
    lost: int = 0
    seed: int = 7

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def pause_s(self) -> float:
        return self.delay_s + self._random.uniform(0, self.window_s)


def signature(secret: str, timestamp: str, body: str) -> str:
    base = f"v0:{timestamp}:{body}".encode()
    return "v0=" + hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()


def http_body(kind: Kind, payload: Json) -> tuple[str, str]:
    """Media type and body, which differ by what is delivered."""
    if kind == "events_api":
        return "application/json", json.dumps(payload)
    form = payload if kind == "slash_commands" else {"payload": json.dumps(payload)}
    return "application/x-www-form-urlencoded", urlencode(form)


class Deliveries:
    """`urls` are where the app listens; without any it is told over sockets."""

    def __init__(self, app: App, sockets: Sockets) -> None:
        self._app = app
        self._sockets = sockets
        self._tasks: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None
        self._turn = 0
        self.urls: list[str] = []
        self.within_s = 3.0
        self.retries_s: tuple[float, ...] = (0.0, 60.0, 300.0)
        self.mischief = Mischief()
        self.all: list[Delivery] = []

    def deliver(self, kind: Kind, payload: Json, *, after_s: float = 0.0) -> Delivery:
        delivery = Delivery(kind, payload, asyncio.get_running_loop().create_future())
        self.all.append(delivery)
        copies = self.mischief.copies if kind in self.mischief.kinds else 1
        for copy in range(copies):
            self._start(self._carry(delivery, copy, after_s + self.mischief.pause_s()))
        return delivery

    def deliver_twins(self, of_message: Json, of_mention: Json) -> None:
        pair = [of_message, of_mention]
        if self.mischief.twins == "mention":
            pair.reverse()
        self.deliver("events_api", pair[0])
        self.deliver("events_api", pair[1], after_s=self.mischief.twin_gap_s)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, delivery: Delivery, copy: int, after_s: float) -> None:
        await asyncio.sleep(after_s)
        retries = self.retries_s if delivery.kind == "events_api" else ()
        reason = "http_timeout" if copy and self.mischief.marked else ""
        for number, pause_s in enumerate((0.0, *retries)):
            await asyncio.sleep(pause_s)
            first = copy if self.mischief.marked else 0
            attempt = await self._attempt(delivery, first + number, reason)
            delivery.attempts.append(attempt)
            if not attempt.failure or attempt.final:
                break
            reason = attempt.failure
        if not delivery.done.done():
            delivery.done.set_result(attempt)

    async def _attempt(self, delivery: Delivery, number: int, reason: str) -> Attempt:
        attempt = Attempt(number)
        if self.mischief.lost > 0:
            self.mischief.lost -= 1
            attempt.failure = "http_timeout"
            return attempt
        began = time.monotonic()
        retry = (number, reason) if number else None
        try:
            if self.urls:
                await self._over_http(delivery, retry, attempt)
            else:
                attempt.body = await self._sockets.send(
                    delivery.kind, delivery.payload, retry=retry, within_s=self.within_s
                )
        except TimeoutError:
            attempt.failure = "http_timeout" if self.urls else "timeout"
        except (ConnectionError, aiohttp.ClientError):
            attempt.failure = "connection_failed"
        attempt.ack_s = time.monotonic() - began
        return attempt

    async def _over_http(self, delivery: Delivery, retry: tuple[int, str] | None, attempt: Attempt) -> None:
        media_type, body = http_body(delivery.kind, delivery.payload)
        headers = {}
        if retry is not None and delivery.kind == "events_api":
            headers = {"X-Slack-Retry-Num": str(retry[0]), "X-Slack-Retry-Reason": retry[1]}
        status, answered, text = await self.send(media_type, body, headers)
        if not 200 <= status < 300:
            attempt.failure = "http_error"
            attempt.final = answered.get("X-Slack-No-Retry") == "1"
        attempt.body = _read(text)

    async def send(
        self, media_type: str, body: str, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], str]:
        """One signed request to one of the addresses."""
        if self._session is None:
            self._session = aiohttp.ClientSession()
        now = str(int(time.time()))
        signed = {
            "Content-Type": media_type,
            "X-Slack-Request-Timestamp": now,
            "X-Slack-Signature": signature(self._app.signing_secret, now, body),
            "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
        }
        url = self.urls[self._turn % len(self.urls)]
        self._turn += 1
        sent = self._session.post(
            url,
            data=body.encode(),
            headers=signed | (headers or {}),
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=self.within_s),
        )
        async with sent as response:
            return response.status, dict(response.headers), await response.text()

    async def idle(self) -> None:
        """When everything has been acknowledged, or given up."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    async def close(self) -> None:
        for task in set(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()


def _read(text: str) -> Any:
    """What came back: JSON, text, or nothing."""
    if not text:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text

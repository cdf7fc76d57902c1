"""Misbehaviour on demand: what the fake does instead of answering as it should."""

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

from aiohttp import web

from demo.fake_slack.records import Json

ALWAYS = -1


@dataclass(frozen=True)
class Fault:
    """With `processed` the call has its effect first, and it is the answer that goes wrong."""

    processed: bool = False
    status: int = 200
    body: str = ""
    json: Json | None = None
    media_type: str = "text/html"
    headers: dict[str, str] = field(default_factory=dict)
    hangs: bool = False
    cuts: bool = False
    delay_s: float = 0.0

    def retry_after_s(self, now: float) -> float:
        """For how long it says not to come again."""
        said = self.headers.get("Retry-After", "0")
        try:
            return float(said)
        except ValueError:
            return max(0.0, parsedate_to_datetime(said).timestamp() - now)


def rate_limited(retry_after: float | str | None = 1) -> Fault:
    """`retry_after` may be seconds, a date as HTTP writes them, or None for no such header at all."""
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return Fault(status=429, json={"ok": False, "error": "ratelimited"}, headers=headers)


def status(code: int, body: str = "", *, processed: bool = False) -> Fault:
    return Fault(processed, status=code, body=body, media_type="text/plain")


def html_page(code: int = 200, *, processed: bool = False) -> Fault:
    """What a proxy or a sign-in page says in place of the answer."""
    return Fault(processed, status=code, body="<!doctype html><title>Slack</title><p>Please wait</p>")


def hang(*, processed: bool = False) -> Fault:
    """No answer until `release`; a call that was not processed before never is."""
    return Fault(processed, hangs=True)


def cut(*, processed: bool) -> Fault:
    """The connection breaks: before the call was processed, or after."""
    return Fault(processed, cuts=True)


def slow(seconds: float, *, processed: bool = True) -> Fault:
    """The right answer, late: with the effect at once, or late as well."""
    return Fault(processed, delay_s=seconds)


def error(code: str, *, processed: bool = False) -> Fault:
    """One of Slack's own error codes."""
    return Fault(processed, json={"ok": False, "error": code})


class Faults:
    """What is to go wrong next, method by method; `*` stands for any."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[tuple[Fault, int]]] = defaultdict(list)
        self._released = asyncio.Event()
        self.hanging = 0

    def add(self, method: str, fault: Fault, times: int = 1) -> None:
        self._waiting[method].append((fault, times))

    def clear(self) -> None:
        self._waiting.clear()
        self.release()

    def release(self) -> None:
        """Lets go of every call that hangs."""
        self._released.set()
        self._released = asyncio.Event()

    def take(self, method: str) -> Fault | None:
        for name in (method, "*"):
            queue = self._waiting[name]
            if queue:
                fault, times = queue[0]
                if times == 1:
                    queue.pop(0)
                elif times > 1:
                    queue[0] = (fault, times - 1)
                return fault
        return None

    async def before(self, fault: Fault | None) -> None:
        """The part of a fault that comes before the call has its effect."""
        if fault is not None and not fault.processed and fault.delay_s:
            await asyncio.sleep(fault.delay_s)

    def prevents(self, fault: Fault | None) -> bool:
        return fault is not None and not fault.processed and not fault.delay_s

    async def answer(
        self, fault: Fault | None, request: web.Request, right: web.StreamResponse | None
    ) -> web.StreamResponse:
        """The answer as the fault has it; `right` is the one that it would have been."""
        if fault is None:
            return right or web.Response(status=500)
        if fault.hangs:
            await self._hang()
        if fault.cuts or (fault.hangs and right is None):
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=500)
        if fault.processed and fault.delay_s:
            await asyncio.sleep(fault.delay_s)
        if right is not None and (fault.delay_s or fault.hangs):
            return right
        if fault.json is not None:
            return web.json_response(fault.json, status=fault.status, headers=fault.headers)
        return web.Response(
            text=fault.body, status=fault.status, content_type=fault.media_type, headers=fault.headers
        )

    async def _hang(self) -> None:
        self.hanging += 1
        try:
            await self._released.wait()
        finally:
            self.hanging -= 1

"""How much one key, one address and this process may ask for, decided before any work is done.

Counted in this process: two servers on one database allow twice as much.
"""

import hashlib
import math
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv6Network, ip_address
from time import monotonic
from typing import Generic, TypeVar

from brain.domain.rates import Bucket, Rate

# Who has not been seen for longest makes room; an attacker's million addresses cost no memory.
_KEPT = 10_000
_K = TypeVar("_K")
_V = TypeVar("_V")


@dataclass(frozen=True, slots=True)
class Limits:
    """`at_once` requests and `streams` of one key, `in_process` of all, `failures` of one address."""

    requests: Rate = Rate(burst=200, per_s=50)
    questions: Rate = Rate(burst=20, per_s=5)
    at_once: int = 32
    streams: int = 8
    in_process: int = 512
    failures: Rate = Rate(burst=20, per_s=0.2)


@dataclass(frozen=True, slots=True)
class Excess:
    """Why not now. `kind` is what there is too much of; `bucket` the rate that is used up, if one is."""

    kind: str
    detail: str
    retry_after_s: float
    bucket: Bucket | None = None


@dataclass(slots=True)
class Allowance:
    """What one key has left."""

    requests: Bucket
    questions: Bucket
    running: int = 0
    streaming: int = 0

    @contextmanager
    def counted(self, *, streams: bool) -> Iterator[None]:
        self.running += 1
        self.streaming += streams
        try:
            yield
        finally:
            self.running -= 1
            self.streaming -= streams


@dataclass(slots=True)
class _Recent(Generic[_K, _V]):
    """The last so many, by what they were used."""

    known: OrderedDict[_K, _V] = field(default_factory=OrderedDict)

    def get(self, key: _K) -> _V | None:
        if key in self.known:
            self.known.move_to_end(key)
        return self.known.get(key)

    def put(self, key: _K, value: _V) -> None:
        self.known[key] = value
        while len(self.known) > _KEPT:
            self.known.popitem(last=False)


class Turnstile:
    """Belongs to one event loop. Keys are known by their hash, and only once they proved to be right."""

    def __init__(self, limits: Limits, clock: Callable[[], float] = monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._keys: _Recent[bytes, Allowance] = _Recent()
        self._addresses: _Recent[str, Bucket] = _Recent()
        self._running = 0

    @contextmanager
    def counted(self) -> Iterator[None]:
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1

    def full(self) -> Excess | None:
        if self._running < self._limits.in_process:
            return None
        return Excess("in_process", "This server has as much to do as it can; try again shortly.", 2.0)

    def known(self, key: str) -> Allowance | None:
        return self._keys.get(_digest(key))

    def admit(self, key: str) -> Allowance:
        """A key that proved to be right."""
        now, limits = self._clock(), self._limits
        allowance = Allowance(Bucket.full(limits.requests, now), Bucket.full(limits.questions, now))
        self._keys.put(_digest(key), allowance)
        return allowance

    def failed(self, address: str, key: str) -> None:
        """A key from there was wrong, perhaps for some minutes only: revoked."""
        self._keys.known.pop(_digest(key), None)
        address = _network(address)
        bucket = self._addresses.get(address) or Bucket.full(self._limits.failures, self._clock())
        bucket.wait_s(self._clock())
        bucket.take()
        self._addresses.put(address, bucket)

    def suspects(self, address: str) -> Excess | None:
        """Whether an unknown key from there is looked up at all."""
        bucket = self._addresses.get(_network(address))
        wait_s = bucket.wait_s(self._clock()) if bucket else 0.0
        return (
            Excess("wrong_keys", "Too many wrong API keys came from your address.", wait_s)
            if wait_s
            else None
        )

    def refuses(self, allowance: Allowance, *, asks: bool, streams: bool) -> Excess | None:
        """Takes one of the allowance where it does not refuse."""
        limits, now = self._limits, self._clock()
        if allowance.running >= limits.at_once:
            return Excess(
                "at_once", f"This key has {limits.at_once} requests running, which is all it may.", 1.0
            )
        if streams and allowance.streaming >= limits.streams:
            return Excess(
                "streams", f"This key watches {limits.streams} questions, which is all it may.", 5.0
            )
        buckets = {"requests": allowance.requests} | ({"questions": allowance.questions} if asks else {})
        for name, bucket in buckets.items():
            if wait_s := bucket.wait_s(now):
                rate = f"{bucket.rate.per_s:g} a second, and {bucket.rate.burst} at a time"
                return Excess(
                    name, f"This key asks for too much: it may send {rate} of {name}.", wait_s, bucket
                )
        for bucket in buckets.values():
            bucket.take()
        return None


def rate_headers(name: str, bucket: Bucket) -> dict[str, str]:
    """https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/"""
    rate = bucket.rate
    left = max(0, math.floor(bucket.left))
    return {
        "RateLimit-Policy": f'"{name}";q={rate.burst};w={rate.window_s}',
        "RateLimit": f'"{name}";r={left};t={math.ceil((rate.burst - bucket.left) / rate.per_s)}',
    }


def _network(address: str) -> str:
    """Of IPv6, who has one address has 2^64."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    return str(parsed) if parsed.version == 4 else str(IPv6Network((int(parsed) >> 64 << 64, 64)))


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()

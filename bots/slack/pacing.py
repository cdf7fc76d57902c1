"""How fast Slack may be called: each method in each workspace, and posts in each channel.

https://docs.slack.dev/apis/web-api/rate-limits
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from brain.domain.conversation import LONGEST_WAIT_S
from brain.domain.errors import NotYet

# Calls a minute by tier; what is not listed is of tier 3.
_TIERS = {1: 1, 2: 20, 3: 50, 4: 100}
_TIER = {
    "apps.connections.open": 1,
    "chat.startStream": 2,
    "chat.stopStream": 2,
    "conversations.info": 3,
    "users.list": 2,
    "chat.appendStream": 4,
    "chat.getPermalink": 4,
    "conversations.members": 4,
    "files.info": 4,
    "users.info": 4,
    "views.open": 4,
    "views.publish": 4,
}
_POST = "chat.postMessage"
_POSTS_A_MINUTE = 300
# A short burst is allowed everywhere.
_BURST = 5


@dataclass(slots=True)
class Bucket:
    per_s: float
    burst: float
    level: float
    at: float

    def wait_s(self, now: float) -> float:
        """How long to wait until there is one to take."""
        self.level = min(self.burst, self.level + (now - self.at) * self.per_s)
        self.at = now
        return max(0.0, (1 - self.level) / self.per_s)


@dataclass(slots=True)
class Pace:
    """Raises `NotYet` rather than let anybody wait for long."""

    clock: Callable[[], float] = time.monotonic
    _buckets: dict[tuple[str, ...], Bucket] = field(default_factory=dict)
    _closed_until: dict[tuple[str, ...], float] = field(default_factory=dict)

    async def wait(self, workspace: str, method: str, *, channel: str = "") -> None:
        now = self.clock()
        keys: list[tuple[str, ...]] = [(workspace, method)]
        if method == _POST and channel:
            keys.append((workspace, method, channel))
        closed_s = self._closed_s(keys)
        buckets = [self._bucket(key, now) for key in keys]
        wait_s = max([closed_s, *(bucket.wait_s(now) for bucket in buckets)])
        if wait_s > LONGEST_WAIT_S:
            raise NotYet("Slack takes no more of this for the moment.", wait_s)
        for bucket in buckets:
            bucket.level -= 1
        if wait_s > 0:
            await asyncio.sleep(wait_s)
            if (closed_s := self._closed_s(keys)) > 0:  # somebody else was told so meanwhile
                raise NotYet("Slack takes no more of this for the moment.", closed_s)

    def close(self, workspace: str, method: str, *, channel: str = "", for_s: float) -> None:
        """Slack has said when to come back."""
        key = (workspace, method, channel) if method == _POST and channel else (workspace, method)
        self._closed_until[key] = max(self._closed_until.get(key, 0.0), self.clock() + for_s)

    def _closed_s(self, keys: Sequence[tuple[str, ...]]) -> float:
        now = self.clock()
        return max(self._closed_until.get(key, 0.0) - now for key in keys)

    def _bucket(self, key: tuple[str, ...], now: float) -> Bucket:
        if key not in self._buckets:
            by_channel = len(key) > 2
            a_minute = 60 if by_channel else _a_minute(key[1])
            burst = 1 if by_channel else max(_BURST, a_minute / 10)
            self._buckets[key] = Bucket(a_minute / 60, burst, burst, now)
        return self._buckets[key]


def _a_minute(method: str) -> int:
    return _POSTS_A_MINUTE if method == _POST else _TIERS[_TIER.get(method, 3)]

"""How often methods may be called: https://docs.slack.dev/apis/web-api/rate-limits"""

import math
from collections import Counter
from dataclasses import dataclass, field

from demo.fake_slack.methods import METHODS, PER_MINUTE
from demo.fake_slack.records import Json

Key = tuple[str, ...]


@dataclass
class Bucket:
    """`room` calls at once, refilled with `per_s` a second."""

    per_s: float
    room: float
    left: float
    at: float

    def take(self, now: float) -> float:
        """Nothing to wait for where there was room, or else the seconds until there is."""
        self.left = min(self.room, self.left + (now - self.at) * self.per_s)
        self.at = now
        if self.left >= 1:
            self.left -= 1
            return 0.0
        return (1 - self.left) / self.per_s


@dataclass
class Limits:
    """Off unless switched on. `per_minute` overrides a method's tier; `posts_per_s` is for each channel.

    `limited` counts the refusals by method, `impatient` are calls made before their Retry-After had passed.
    """

    on: bool = False
    per_minute: dict[str, float] = field(default_factory=dict)
    tiers: dict[str, str] = field(default_factory=dict)
    posts_per_s: float = 1.0
    post_burst: int = 3
    limited: Counter[str] = field(default_factory=Counter)
    impatient: list[tuple[str, float]] = field(default_factory=list)
    _buckets: dict[Key, Bucket] = field(default_factory=dict)
    _until: dict[Key, float] = field(default_factory=dict)

    def came(self, method: str, team: str, arguments: Json, now: float) -> None:
        """Takes down a call that should have waited, for a limit or for what a fault said."""
        if method in METHODS:
            waits = [self._until.get(key, 0) - now for key, _, _ in self._rules(method, team, arguments)]
            if max(waits) > 0:
                self.impatient.append((method, max(waits)))

    def told(self, method: str, team: str, arguments: Json, until: float) -> None:
        """A fault said not to come before `until`."""
        if method in METHODS:
            key, _, _ = self._rules(method, team, arguments)[-1]
            self._until[key] = until

    def wait_s(self, method: str, team: str, arguments: Json, now: float) -> int:
        """Whole seconds as Retry-After says them; nothing where the call may go on."""
        if not self.on:
            return 0
        waits = []
        for key, per_s, room in self._rules(method, team, arguments):
            bucket = self._buckets.setdefault(key, Bucket(per_s, room, room, now))
            if wait := bucket.take(now):
                waits.append(math.ceil(wait))
                self._until[key] = now + waits[-1]
        if waits:
            self.limited[method] += 1
        return max(waits, default=0)

    def _rules(self, method: str, team: str, arguments: Json) -> list[tuple[Key, float, float]]:
        tier = self.tiers.get(method) or METHODS[method].tier
        per_minute = self.per_minute.get(method, PER_MINUTE[tier])
        rules: list[tuple[Key, float, float]] = [((method, team), per_minute / 60, per_minute)]
        if method == "chat.postMessage":
            key = (method, team, str(arguments.get("channel")))
            rules.append((key, self.posts_per_s, self.post_burst))
        return rules

"""How much of something may be asked for: so much at once, and then so much a second. Time is passed in."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rate:
    """So many at once, and then so many a second."""

    burst: int
    per_s: float

    @property
    def window_s(self) -> int:
        """How long a whole burst takes to come back."""
        return math.ceil(self.burst / self.per_s)


@dataclass(slots=True)
class Bucket:
    """Filled at a steady rate, emptied by whoever takes. Who takes what is not there yet waits for it, and
    whoever comes next waits longer."""

    rate: Rate
    left: float
    at_s: float

    @classmethod
    def full(cls, rate: Rate, now_s: float) -> "Bucket":
        return cls(rate, float(rate.burst), now_s)

    def wait_s(self, now_s: float) -> float:
        """0 where one can be taken."""
        self.left = min(self.rate.burst, self.left + (now_s - self.at_s) * self.rate.per_s)
        self.at_s = now_s
        return max(0.0, (1 - self.left) / self.rate.per_s)

    def take(self) -> None:
        self.left -= 1


@dataclass(frozen=True, slots=True)
class Turns:
    """How fast questions are taken up that come from chat platforms: a tenant's, and one person's.

    Faster ones wait their turn; a person who would have to wait for longer than `longest_s` is told to slow
    down instead.
    """

    tenant: Rate = Rate(burst=20, per_s=5)
    member: Rate = Rate(burst=10, per_s=0.5)
    longest_s: float = 60.0

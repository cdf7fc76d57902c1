"""How long one question may wait for models, however many are asked for it and however often.

Whoever answers a question sets the deadline; every call made for it, in whatever layer, spends from it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

# Less is no time to answer in: what is asked at all may be silent for so long.
LEAST_S = 1.0


@dataclass(slots=True)
class Deadline:
    """`silence_s`: how long nothing may come, taken together; what failed counts as silence from its
    beginning. A model that writes may go on until `until`. `clock` gives seconds that only grow."""

    clock: Callable[[], float]
    silence_s: float
    until: float

    @property
    def left_s(self) -> float:
        return max(0.0, self.until - self.clock())

    def spend(self, seconds: float) -> None:
        self.silence_s = max(0.0, self.silence_s - seconds)


@dataclass(frozen=True, slots=True)
class Patience:
    """What a question is given to begin with."""

    silence_s: float = 4.0
    total_s: float = 60.0


_CURRENT: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


def current() -> Deadline | None:
    """None where nobody who asked is waiting."""
    return _CURRENT.get()


@contextmanager
def within(patience: Patience, clock: Callable[[], float]) -> Iterator[None]:
    """Calls made in the block share this much."""
    token = _CURRENT.set(Deadline(clock, patience.silence_s, clock() + patience.total_s))
    try:
        yield
    finally:
        _CURRENT.reset(token)


@contextmanager
def sharing(of: int, *, least_s: float = 0.0) -> Iterator[None]:
    """Calls made in the block may be silent for one part of `of` of what is left, at least for `least_s`."""
    whole = _CURRENT.get()
    if whole is None:
        yield
        return
    part = Deadline(whole.clock, max(least_s, whole.silence_s / of), whole.until)
    given = part.silence_s
    token = _CURRENT.set(part)
    try:
        yield
    finally:
        _CURRENT.reset(token)
        whole.spend(given - part.silence_s)

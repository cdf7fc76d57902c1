"""When to leave a backend alone that keeps failing, and when to try it again. Time and chance are passed in
and calls stay outside, so that one circuit serves a model, an index or anything else that can be away."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum

from brain.domain.errors import Unavailable

# Opens after so many failures in a row, or where half of at least so many calls of the last while failed.
IN_A_ROW = 5
LEAST_CALLS = 20
WINDOW_S = 30.0
# Once open, one call is let through about so often to see whether it is back.
PROBE_S = 10.0
# Nobody is left alone for longer than this, whatever it asks for.
LONGEST_REST_S = 3600.0
# A repeated call costs one token; each first call earns a tenth, so that retries stay below a tenth of calls.
RETRIES_EARNED = 0.1
RETRIES_KEPT = 10.0


class State(StrEnum):
    CLOSED = "closed"
    HALF_OPEN = "half_open"
    OPEN = "open"


@dataclass(slots=True)
class Attempt:
    """One call's outcome; neither good nor bad where the caller went away or the request itself was wrong."""

    ok: bool | None = None
    reason: str = ""
    rest_s: float = 0.0
    opens: bool = False

    def succeeded(self) -> None:
        self.ok = True

    def failed(self, reason: str = "", *, rest_s: float = 0.0, opens: bool = False) -> None:
        """`rest_s`: how long the backend asked to be left alone; `opens`: more calls are pointless now."""
        self.ok, self.reason, self.rest_s, self.opens = False, reason, rest_s, opens


@dataclass(slots=True)
class Circuit:
    """`clock` gives seconds that only grow; `jitter` numbers from 0 to 1, lest processes probe in step.

    `reason` is why the last call that failed did so, for those who run it; `refused` counts calls not made.
    """

    name: str
    clock: Callable[[], float]
    jitter: Callable[[], float]
    _calls: deque[tuple[float, bool]] = field(default_factory=deque)
    _in_a_row: int = 0
    _open: bool = False
    _probing: bool = False
    _not_before: float = 0.0
    _retries: float = RETRIES_KEPT
    reason: str = ""
    refused: int = 0
    # Why nobody may call it yet, whatever it would answer.
    held: str = ""

    @property
    def state(self) -> State:
        if self.held:
            return State.OPEN
        if self._open:
            return State.HALF_OPEN if self._probing or self.clock() >= self._not_before else State.OPEN
        return State.OPEN if self.clock() < self._not_before else State.CLOSED

    @property
    def failing(self) -> bool:
        """Whether the last call that said anything about the backend failed."""
        return self._in_a_row > 0

    @property
    def wait_s(self) -> float:
        """How long until a call may be let through; 0: now."""
        return max(0.0, self._not_before - self.clock())

    @contextmanager
    def attempt(self) -> Iterator[Attempt]:
        """Around one call. Raises `Unavailable` where the backend is to be left alone."""
        self._admit()
        probe = self._probing = self._open
        attempt = Attempt()
        try:
            yield attempt
        finally:
            if probe:
                self._probing = False
            self._record(attempt, probe=probe)

    def found_back(self) -> None:
        """Somebody who has asked the backend outside of this circuit got an answer."""
        self._open = self._probing = False
        self._in_a_row, self._not_before = 0, 0.0
        self._calls.clear()

    def may_repeat(self) -> bool:
        """Whether a failed call may be tried again; asking spends."""
        if self._open or self._retries < 1:
            return False
        self._retries -= 1
        return True

    def _admit(self) -> None:
        if self.held:
            self.refused += 1
            raise Unavailable(self.held, 1.0)
        if self._probing or self.wait_s > 0:
            self.refused += 1
            raise Unavailable(
                f"{self.name} keeps failing and is left alone for now.", max(1.0, self.wait_s or PROBE_S)
            )
        self._retries = min(RETRIES_KEPT, self._retries + RETRIES_EARNED)

    def _record(self, attempt: Attempt, *, probe: bool) -> None:
        if attempt.ok is None:
            return
        now = self.clock()
        self._calls.append((now, attempt.ok))
        while self._calls[0][0] <= now - WINDOW_S:
            self._calls.popleft()
        if attempt.ok:
            self._in_a_row = 0
            if probe:
                self._open = False
                self._calls.clear()
            return
        self._in_a_row += 1
        self.reason = attempt.reason
        if probe or (not self._open and (attempt.opens or self._is_failing())):
            self._open = True
            self._rest(now, PROBE_S * (1 + 0.4 * self.jitter()))
        self._rest(now, attempt.rest_s)

    def _is_failing(self) -> bool:
        failures = sum(not ok for _, ok in self._calls)
        often = len(self._calls) >= LEAST_CALLS and 2 * failures >= len(self._calls)
        return often or self._in_a_row >= IN_A_ROW

    def _rest(self, now: float, seconds: float) -> None:
        self._not_before = max(self._not_before, now + min(seconds, LONGEST_REST_S))

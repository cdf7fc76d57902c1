"""When the next step of a review is due: hours that run only while a department is at work."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import IntEnum
from zoneinfo import ZoneInfo


class Step(IntEnum):
    """What is done about a review that nobody has decided, in this order."""

    REMIND = 0
    HAND_ON = 1
    OWNER = 2
    EXPIRE = 3


# Where a department says nothing else: at which part of its `review_hours` each step comes.
_SHARES = {Step.REMIND: 1 / 2, Step.HAND_ON: 2 / 3, Step.OWNER: 5 / 6, Step.EXPIRE: 1.0}


@dataclass(frozen=True, slots=True)
class WorkingHours:
    """Minutes count from midnight in the time zone, days from Monday, which is 0."""

    time_zone: str
    opens_minute: int = 8 * 60
    closes_minute: int = 17 * 60
    days: frozenset[int] = frozenset(range(5))


@dataclass(frozen=True, slots=True)
class Clock:
    """Hours after the opening of a review; None: the usual part of `review_hours`, at which it expires.

    Without working hours the clock never stands still.
    """

    review_hours: int = 24
    remind_after_h: float | None = None
    hand_on_after_h: float | None = None
    owner_after_h: float | None = None
    working_hours: WorkingHours | None = None

    def mark_h(self, step: Step) -> float:
        told = (self.remind_after_h, self.hand_on_after_h, self.owner_after_h, None)[step]
        return self.review_hours * _SHARES[step] if told is None else told

    def next_at(self, now: datetime, step: Step) -> datetime:
        """When `step` is due, if the one before it was taken now.

        Counted from there, not from the opening: after a long halt of the machine nobody's turn is skipped.
        """
        return self._after(now, self.mark_h(step) - self._begun_h(step))

    def expires_at(self, now: datetime, step: Step) -> datetime:
        """When the review expires, if the step before `step` was taken now."""
        return self._after(now, self.mark_h(Step.EXPIRE) - self._begun_h(step))

    def _begun_h(self, step: Step) -> float:
        return self.mark_h(Step(step - 1)) if step else 0.0

    def _after(self, now: datetime, hours: float) -> datetime:
        return moment_after(now, timedelta(hours=hours), self.working_hours)


def moment_after(start: datetime, worked: timedelta, hours: WorkingHours | None) -> datetime:
    """When that much working time has passed since `start`: always a moment at which somebody is at work."""
    if hours is None:
        return start + worked
    left = worked
    for opens, closes in _shifts(start, hours):
        begins = max(opens, start)
        if begins + left < closes:
            return begins + left
        left -= max(closes - begins, timedelta())
    raise ValueError("working hours need a day")


def _shifts(start: datetime, hours: WorkingHours) -> Iterator[tuple[datetime, datetime]]:
    """In UTC, where a day on which the clocks change has the length that it really has."""
    zone = ZoneInfo(hours.time_zone)
    day = start.astimezone(zone).date()
    while hours.days:
        if day.weekday() in hours.days:
            yield _moment(day, hours.opens_minute, zone), _moment(day, hours.closes_minute, zone)
        day += timedelta(days=1)


def _moment(day: date, minute: int, zone: ZoneInfo) -> datetime:
    wall = datetime.combine(day, time()) + timedelta(minutes=minute)
    return wall.replace(tzinfo=zone).astimezone(UTC)

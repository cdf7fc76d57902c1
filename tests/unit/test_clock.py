"""When a review's next step is due: by day and night, over weekends, and when the clocks change."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brain.domain.clock import Clock, Step, WorkingHours, moment_after

OSLO = WorkingHours("Europe/Oslo")
ZONE = ZoneInfo("Europe/Oslo")


def _oslo(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


def _hours(count: float) -> timedelta:
    return timedelta(hours=count)


def test_without_working_hours_the_clock_never_stands_still() -> None:
    opened = _oslo("2026-11-20T23:00")
    clock = Clock(24)
    due = opened
    for step, share in zip(Step, (12, 16, 20, 24), strict=True):
        assert clock.expires_at(due, step) == opened + _hours(24)
        due = clock.next_at(due, step)
        assert due == opened + _hours(share)


def test_what_a_department_says_goes_before_the_usual_shares() -> None:
    clock = Clock(48, remind_after_h=4, owner_after_h=47)
    assert [clock.mark_h(step) for step in Step] == [4, 32, 47, 48]


@pytest.mark.parametrize(
    ("start", "hours", "due"),
    [
        ("2026-11-18T10:00", 3, "2026-11-18T13:00"),
        ("2026-11-18T15:00", 3, "2026-11-19T09:00"),
        ("2026-11-18T03:00", 1, "2026-11-18T09:00"),
        ("2026-11-18T22:00", 0, "2026-11-19T08:00"),
        ("2026-11-20T16:00", 2, "2026-11-23T09:00"),  # Friday, to Monday
        ("2026-11-21T12:00", 0, "2026-11-23T08:00"),  # Saturday
        ("2026-11-18T08:00", 9, "2026-11-19T08:00"),  # a whole day ends when the next one begins
        ("2026-11-18T08:00", 45, "2026-11-25T08:00"),  # and a whole week
        ("2026-03-27T16:00", 2, "2026-03-30T09:00"),  # the clocks go forward on Sunday
        ("2026-10-23T16:00", 2, "2026-10-26T09:00"),  # and back
    ],
)
def test_nothing_is_due_at_night_or_at_the_weekend(start: str, hours: float, due: str) -> None:
    assert moment_after(_oslo(start), _hours(hours), OSLO) == _oslo(due)


def test_the_night_in_which_an_hour_is_missing_or_doubled_has_the_length_it_has() -> None:
    always = WorkingHours("Europe/Oslo", 0, 24 * 60, frozenset(range(7)))
    for start in ("2026-03-28T12:00", "2026-10-24T12:00"):
        begins = _oslo(start)
        assert moment_after(begins, _hours(24), always) == begins.astimezone(UTC) + _hours(24)


def test_a_shift_that_begins_in_the_missing_hour_is_only_shorter() -> None:
    early = WorkingHours("Europe/Oslo", 2 * 60 + 30, 5 * 60, frozenset(range(7)))
    due = moment_after(_oslo("2026-03-29T00:00"), _hours(3), early)
    # 02:30 does not exist that night and is taken for 03:30: an hour and a half, the rest the next day.
    assert due == _oslo("2026-03-30T04:00")


ZONES = ("UTC", "Europe/Oslo", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia")
SHIFTS = st.builds(
    lambda zone, opens, length, days: WorkingHours(zone, opens, min(opens + length, 24 * 60), days),
    st.sampled_from(ZONES),
    st.integers(0, 22 * 60),
    st.integers(60, 24 * 60),
    st.frozensets(st.integers(0, 6), min_size=1),
)
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001  # hypothesis adds the zone
MINUTES = st.integers(0, 60 * 60)


def _at_work(moment: datetime, hours: WorkingHours) -> bool:
    local = moment.astimezone(ZoneInfo(hours.time_zone))
    minute = local.hour * 60 + local.minute + (local.second + local.microsecond / 1e6) / 60
    return local.weekday() in hours.days and hours.opens_minute <= minute < hours.closes_minute


@settings(max_examples=300, deadline=None)
@given(SHIFTS, MOMENTS, MINUTES)
def test_what_is_due_is_due_while_somebody_is_at_work(
    hours: WorkingHours, start: datetime, worked: int
) -> None:
    due = moment_after(start, timedelta(minutes=worked), hours)
    assert due >= start + timedelta(minutes=worked)
    assert _at_work(due, hours)


@settings(max_examples=300, deadline=None)
@given(SHIFTS, MOMENTS, MINUTES, MINUTES)
def test_two_waits_are_as_long_as_one(hours: WorkingHours, start: datetime, one: int, other: int) -> None:
    first, second = timedelta(minutes=one), timedelta(minutes=other)
    assert moment_after(moment_after(start, first, hours), second, hours) == moment_after(
        start, first + second, hours
    )


@settings(max_examples=100, deadline=None)
@given(SHIFTS, MOMENTS, st.integers(1, 20 * 60))
def test_as_many_minutes_are_worked_as_were_asked_for(
    hours: WorkingHours, start: datetime, worked: int
) -> None:
    """Counted minute by minute, which is slow and cannot be wrong."""
    start = start.replace(second=0, microsecond=0)
    due = moment_after(start, timedelta(minutes=worked), hours)
    minutes = (start + timedelta(minutes=n) for n in range(int((due - start) / timedelta(minutes=1))))
    assert sum(_at_work(minute, hours) for minute in minutes) == worked


@given(st.integers(1, 720), MOMENTS)
def test_steps_come_in_order_and_end_with_the_review(review_hours: int, start: datetime) -> None:
    clock = Clock(review_hours, working_hours=OSLO)
    at, expires = start, clock.expires_at(start, Step.REMIND)
    for step in Step:
        due = clock.next_at(at, step)
        assert due >= at
        at = due
    assert abs(at - expires) < timedelta(seconds=1)

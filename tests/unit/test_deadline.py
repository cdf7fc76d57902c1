"""How the calls of one question share the time that somebody waits."""

import pytest

from brain.domain.deadline import Patience, current, sharing, within


def test_outside_of_a_question_nobody_waits() -> None:
    assert current() is None
    with sharing(2):
        assert current() is None


def test_what_one_call_spends_the_next_lacks() -> None:
    with within(Patience(4.0, 60.0), lambda: 100.0):
        deadline = current()
        assert deadline is not None
        assert (deadline.silence_s, deadline.left_s) == (4.0, 60.0)
        with sharing(2):
            part = current()
            assert part is not None
            assert part.silence_s == 2.0
            part.spend(1.5)
        assert deadline.silence_s == 2.5
        with sharing(1):
            rest = current()
            assert rest is not None
            rest.spend(99)
        assert deadline.silence_s == 0
        with sharing(1, least_s=1.0):
            judge = current()
            assert judge is not None
            assert judge.silence_s == 1.0
    assert current() is None


def spend_and_fail() -> None:
    with sharing(4):
        part = current()
        assert part is not None
        part.spend(1.0)
        raise ValueError("away")


def test_a_part_that_fails_has_spent_all_the_same() -> None:
    with within(Patience(4.0, 60.0), lambda: 0.0):
        with pytest.raises(ValueError, match="away"):
            spend_and_fail()
        left = current()
        assert left is not None
        assert left.silence_s == 3.0


def test_time_runs_out() -> None:
    now = 0.0
    with within(Patience(4.0, 60.0), lambda: now):
        now = 61.0
        deadline = current()
        assert deadline is not None
        assert deadline.left_s == 0

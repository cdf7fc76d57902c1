"""What one key, one address and one process may ask for: pure counting, with the clock passed in."""

import pytest

from brain.api.limits import _KEPT, Allowance, Limits, Turnstile, rate_headers
from brain.domain.rates import Rate


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def turnstile(clock: Clock) -> Turnstile:
    limits = Limits(
        requests=Rate(10, 5), questions=Rate(3, 1), at_once=2, streams=1, in_process=3, failures=Rate(2, 0.1)
    )
    return Turnstile(limits, clock)


def passed(turnstile: Turnstile, allowance: Allowance, tries: int, *, asks: bool = False) -> int:
    return sum(turnstile.refuses(allowance, asks=asks, streams=False) is None for _ in range(tries))


def test_a_burst_passes_and_then_the_rate(turnstile: Turnstile, clock: Clock) -> None:
    allowance = turnstile.admit("a")
    assert passed(turnstile, allowance, 100) == 10
    clock.now += 1
    assert passed(turnstile, allowance, 100) == 5
    clock.now += 1_000
    assert passed(turnstile, allowance, 100) == 10


def test_questions_have_a_rate_of_their_own_and_what_is_refused_costs_nothing(
    turnstile: Turnstile, clock: Clock
) -> None:
    allowance = turnstile.admit("a")
    assert passed(turnstile, allowance, 50, asks=True) == 3
    excess = turnstile.refuses(allowance, asks=True, streams=False)
    assert excess is not None
    assert (excess.kind, excess.retry_after_s) == ("questions", 1.0)
    assert "1 a second, and 3 at a time" in excess.detail
    assert passed(turnstile, allowance, 100) == 7


def test_one_key_at_ten_times_its_rate_leaves_others_theirs(turnstile: Turnstile, clock: Clock) -> None:
    greedy, modest = turnstile.admit("greedy"), turnstile.admit("modest")
    served = 0
    for _ in range(60):
        passed(turnstile, greedy, 50)
        served += passed(turnstile, modest, 5)
        clock.now += 1
    assert served == 300


def test_running_requests_and_streams_are_counted_and_given_back(turnstile: Turnstile) -> None:
    allowance = turnstile.admit("a")
    with allowance.counted(streams=True):
        excess = turnstile.refuses(allowance, asks=False, streams=True)
        assert excess is not None
        assert excess.kind == "streams"
        with allowance.counted(streams=False):
            excess = turnstile.refuses(allowance, asks=False, streams=False)
            assert excess is not None
            assert excess.kind == "at_once"
    assert turnstile.refuses(allowance, asks=False, streams=True) is None


def test_the_whole_process_has_a_limit(turnstile: Turnstile) -> None:
    with turnstile.counted(), turnstile.counted():
        assert turnstile.full() is None
        with turnstile.counted():
            excess = turnstile.full()
            assert excess is not None
            assert excess.kind == "in_process"
    assert turnstile.full() is None


@pytest.mark.parametrize(
    ("guessing", "other"), [("192.0.2.7", "192.0.2.8"), ("2001:db8::1", "2001:db8:0:1::1"), ("", "x")]
)
def test_an_address_that_guesses_keys_has_to_wait(
    turnstile: Turnstile, clock: Clock, guessing: str, other: str
) -> None:
    for number in range(2):
        assert turnstile.suspects(guessing) is None
        turnstile.failed(guessing, f"wrong-{number}")
    excess = turnstile.suspects(guessing)
    assert excess is not None
    assert excess.retry_after_s == pytest.approx(10)
    assert turnstile.suspects(other) is None
    clock.now += 10
    assert turnstile.suspects(guessing) is None


def test_a_network_of_ipv6_is_one_address(turnstile: Turnstile) -> None:
    for number in range(2):
        turnstile.failed(f"2001:db8::{number}", "wrong")
    assert turnstile.suspects("2001:db8::ffff") is not None


def test_a_key_that_was_revoked_is_unknown_again(turnstile: Turnstile) -> None:
    turnstile.admit("a")
    assert turnstile.known("a") is not None
    turnstile.failed("192.0.2.7", "a")
    assert turnstile.known("a") is None


def test_memory_is_bounded(turnstile: Turnstile) -> None:
    kept = turnstile.admit("kept")
    for number in range(_KEPT + 50):
        turnstile.admit(str(number))
        turnstile.failed(f"192.0.2.{number}", "x")
        assert turnstile.known("kept") is kept
    assert turnstile.known("0") is None
    assert len(turnstile._keys.known) == len(turnstile._addresses.known) == _KEPT


def test_the_headers_say_what_is_left(turnstile: Turnstile, clock: Clock) -> None:
    allowance = turnstile.admit("a")
    passed(turnstile, allowance, 4)
    assert rate_headers("requests", allowance.requests) == {
        "RateLimit-Policy": '"requests";q=10;w=2',
        "RateLimit": '"requests";r=6;t=1',
    }

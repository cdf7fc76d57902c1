"""The circuit as a state machine: what opens it, what it lets through meanwhile, what closes it again."""

from dataclasses import dataclass, field

import pytest

from brain.domain.circuit import LONGEST_REST_S, PROBE_S, WINDOW_S, Circuit, State
from brain.domain.errors import Unavailable


@dataclass
class Backend:
    """Behind a circuit whose clock the test moves."""

    now: float = 1000.0
    jitter: float = 0.0
    calls: list[float] = field(default_factory=list)
    circuit: Circuit = field(init=False)

    def __post_init__(self) -> None:
        self.circuit = Circuit("The backend", clock=lambda: self.now, jitter=lambda: self.jitter)

    def call(self, ok: bool | None, *, rest_s: float = 0.0, opens: bool = False) -> bool:
        """False where the call was not let through."""
        try:
            with self.circuit.attempt() as attempt:
                self.calls.append(self.now)
                if ok is not None:
                    attempt.succeeded() if ok else attempt.failed(rest_s=rest_s, opens=opens)
        except Unavailable:
            return False
        return True

    def stands(self, state: State) -> bool:
        return self.circuit.state is state

    def break_down(self) -> None:
        for _ in range(5):
            assert self.call(ok=False)
        assert self.stands(State.OPEN)


@pytest.fixture
def backend() -> Backend:
    return Backend()


def test_five_failures_in_a_row_open_it(backend: Backend) -> None:
    for _ in range(4):
        assert backend.call(ok=False)
    assert backend.stands(State.CLOSED)
    assert backend.call(ok=False)
    assert backend.stands(State.OPEN)
    assert not backend.call(ok=True)
    assert len(backend.calls) == 5


def test_a_success_between_them_starts_the_count_anew(backend: Backend) -> None:
    for _ in range(3):
        for _ in range(4):
            backend.call(ok=False)
        backend.call(ok=True)
    assert len(backend.calls) == 15
    assert backend.stands(State.CLOSED)


def test_half_of_twenty_calls_open_it(backend: Backend) -> None:
    for index in range(19):
        assert backend.call(ok=index % 2 == 0)
    assert backend.stands(State.CLOSED)
    assert backend.call(ok=False)
    assert backend.stands(State.OPEN)


def test_failures_of_long_ago_do_not_count(backend: Backend) -> None:
    for index in range(19):
        backend.call(ok=index % 2 == 0)
    backend.now += WINDOW_S + 1
    backend.call(ok=False)
    assert backend.stands(State.CLOSED)


def test_one_probe_each_ten_seconds_while_it_is_down(backend: Backend) -> None:
    backend.break_down()
    backend.calls.clear()
    began = backend.now
    for _ in range(1200):
        backend.now += 0.1
        backend.call(ok=False)
    assert len(backend.calls) <= (backend.now - began) / PROBE_S
    gaps = [later - earlier for earlier, later in zip(backend.calls, backend.calls[1:], strict=False)]
    assert min(gaps) >= PROBE_S
    assert max(gaps) <= PROBE_S + 0.2


def test_probes_of_several_processes_are_spread(backend: Backend) -> None:
    early, late = Backend(jitter=0.0), Backend(jitter=1.0)
    for one in (early, late):
        one.break_down()
    assert early.circuit.wait_s == pytest.approx(PROBE_S)
    assert late.circuit.wait_s == pytest.approx(1.4 * PROBE_S)


def test_only_one_call_at_a_time_probes(backend: Backend) -> None:
    backend.break_down()
    backend.now += PROBE_S
    assert backend.stands(State.HALF_OPEN)
    with backend.circuit.attempt() as probe:
        assert backend.stands(State.HALF_OPEN)
        assert not backend.call(ok=True)
        probe.succeeded()
    assert backend.stands(State.CLOSED)
    assert backend.call(ok=False)
    assert backend.stands(State.CLOSED)


def test_a_failed_probe_opens_it_again(backend: Backend) -> None:
    backend.break_down()
    backend.now += PROBE_S
    backend.call(ok=False)
    assert backend.stands(State.OPEN)
    assert backend.circuit.wait_s == pytest.approx(PROBE_S)


def test_a_probe_whose_caller_went_away_leaves_the_place_to_the_next(backend: Backend) -> None:
    backend.break_down()
    backend.now += PROBE_S
    with pytest.raises(KeyboardInterrupt), backend.circuit.attempt():
        raise KeyboardInterrupt
    assert backend.call(ok=True)
    assert backend.stands(State.CLOSED)


def test_no_credit_opens_it_at_once(backend: Backend) -> None:
    backend.call(ok=False, opens=True)
    assert backend.stands(State.OPEN)


def test_nobody_calls_before_the_backend_said(backend: Backend) -> None:
    backend.call(ok=False, rest_s=120.0)
    for _ in range(119):
        backend.now += 1.0
        assert not backend.call(ok=True)
    backend.now += 1.0
    assert backend.call(ok=True)
    assert backend.stands(State.CLOSED)


def test_no_backend_is_left_alone_for_ever(backend: Backend) -> None:
    backend.call(ok=False, rest_s=1e9)
    assert backend.circuit.wait_s == LONGEST_REST_S


def test_the_refusal_says_when_to_try_again(backend: Backend) -> None:
    backend.break_down()
    with pytest.raises(Unavailable, match="The backend") as raised, backend.circuit.attempt():
        pass
    assert raised.value.retry_after_s == pytest.approx(PROBE_S)
    assert backend.circuit.refused == 1


def test_a_request_that_is_itself_wrong_says_nothing_of_the_backend(backend: Backend) -> None:
    for _ in range(50):
        assert backend.call(ok=None)
    assert backend.stands(State.CLOSED)


def test_retries_stay_below_a_tenth_of_calls(backend: Backend) -> None:
    saved = 0
    while backend.circuit.may_repeat():
        saved += 1
    assert saved == 10
    retries = 0
    for index in range(1000):
        backend.call(ok=index % 3 > 0)
        retries += backend.circuit.may_repeat()
    assert 90 <= retries <= 100


def test_nothing_is_repeated_while_it_is_open(backend: Backend) -> None:
    backend.break_down()
    assert not backend.circuit.may_repeat()

"""Which level the product stands on, by what is known to be away."""

import pytest

from brain.domain.circuit import IN_A_ROW, Circuit
from brain.domain.ladder import TOLD, Known, Level, Part, Rung, Seen, rung

FIRST, SECOND = Part("openai/first"), Part("openai/second")
GONE = Part("openai/first", "it refused the connection")
GONE_TOO = Part("openai/second", "no credit")


@pytest.mark.parametrize(
    ("known", "level", "reason"),
    [
        (Known(), Level.FULL, ""),
        (Known(writers=(FIRST, SECOND), others=(FIRST,)), Level.FULL, ""),
        (Known(writers=(GONE, SECOND)), Level.STAND_IN, "openai/first: it refused the connection"),
        (Known(writers=(FIRST, GONE_TOO)), Level.FULL, ""),
        (Known(writers=(FIRST,), others=(GONE_TOO,)), Level.STAND_IN, "openai/second: no credit"),
        (Known(others=(GONE,)), Level.STAND_IN, "openai/first: it refused the connection"),
        (Known(writers=(GONE,)), Level.NO_MODEL, "openai/first: it refused the connection"),
        (Known(writers=(GONE, GONE_TOO)), Level.NO_MODEL, "openai/first: it refused the connection"),
        (Known(writers=(FIRST,), others=(GONE,), backlog="61 s old"), Level.NO_MODEL, "61 s old"),
        (Known(writers=(GONE,), search="no embedder"), Level.NO_SEARCH, "no embedder"),
        (Known(search="no embedder", database="it is away"), Level.NO_DATABASE, "it is away"),
        (Known(database="it is away", overload="12 s old"), Level.OVERLOADED, "12 s old"),
    ],
)
def test_the_lowest_that_is_known_counts(known: Known, level: Level, reason: str) -> None:
    assert rung(known) == Rung(level, reason)


def test_a_backend_is_away_from_its_first_failure_until_a_call_succeeds() -> None:
    now = 0.0
    circuit = Circuit("model", clock=lambda: now, jitter=lambda: 0.0)
    assert Part.behind(circuit) == Part("model")
    for _ in range(IN_A_ROW):
        with circuit.attempt() as attempt:
            attempt.failed("refused")
        assert Part.behind(circuit) == Part("model", "refused")
    now = 3600.0
    assert Part.behind(circuit).away, "nobody has seen it answer"
    with circuit.attempt() as attempt:
        attempt.succeeded()
    assert Part.behind(circuit) == Part("model")


def test_what_has_no_circuit_is_away_until_it_is_seen_again() -> None:
    seen = Seen()
    seen.failed("")
    assert seen.failing
    seen.succeeded()
    assert not seen.failing


def test_people_are_told_of_every_level_that_still_answers() -> None:
    answering = {level for level in Level if Level.FULL < level < Level.NO_DATABASE}
    assert set(TOLD) == answering

"""Signals and what they are worth."""

from uuid import UUID

import pytest

from brain.domain.confidence import Calibration, confidence, numeric, signals
from brain.domain.doubts import Doubt, lowered
from brain.domain.evidence import check
from brain.domain.identity import DepartmentId
from brain.domain.knowledge import DocumentId, Found, Passage, PassageId
from brain.domain.ranking import fuse

TEXT = "Application passwords of Redis are rotated every 90 days. Ask the Platform team for the window."


def found(text: str = TEXT, number: int = 1, dense: float = 0.6) -> Found:
    passage = Passage(
        id=PassageId(UUID(int=number)),
        department=DepartmentId(UUID(int=1)),
        title="Redis operations",
        heading_path=("Rotate the password",),
        text=text,
        content_hash="",
        document=DocumentId(UUID(int=number)),
    )
    return Found(passage, dense, 1, 5.0, 1)


def value(
    question: str, answer: str = "Application passwords of Redis are rotated every 90 days. [1]"
) -> float:
    ranked = fuse(question, [found(), found("Badges are blocked by reception.", 2, 0.1)])
    return confidence(signals(question, ranked, check(answer, ranked)), Calibration.load()).value


def test_a_missing_system_costs_confidence() -> None:
    covered = value("How often are the Redis passwords rotated?")
    assert covered > value("How often are the MongoDB passwords rotated?") + 0.1


def test_an_answer_of_another_shape_costs_confidence() -> None:
    assert value("How often are the Redis passwords rotated?") > value(
        "Who are the Redis passwords rotated by?"
    )


def test_no_draft_is_no_confidence() -> None:
    ranked = fuse("How often?", [found()])
    result = confidence(signals("How often?", ranked, check("", ranked)), Calibration.load())
    assert result.value == 0
    assert "No passage answers the question." in result.reasons


def test_reasons_name_what_is_unknown() -> None:
    ranked = fuse("How often?", [found()])
    answer = check("Application passwords of Redis are rotated every 90 days. [1]", ranked)
    result = confidence(
        signals("How often are MongoDB passwords rotated?", ranked, answer), Calibration.load()
    )
    assert "No passage mentions “MongoDB”." in result.reasons


def test_reasons_say_what_is_good() -> None:
    ranked = fuse("How often?", [found()])
    answer = check("Application passwords of Redis are rotated every 90 days. [1]", ranked)
    result = confidence(signals("How often are Redis passwords rotated?", ranked, answer), Calibration.load())
    assert "The cited passage names every key term of the question." in result.reasons


def test_signals_stay_in_their_range() -> None:
    ranked = fuse("How often?", [found()])
    read = signals("How often are Redis passwords rotated?", ranked, check(TEXT, ranked))
    assert all(0 <= number <= 1 for number in numeric(read).values())


def test_the_fitted_calibration_never_punishes_a_good_signal() -> None:
    calibration = Calibration.load()
    known = numeric(signals("", (), check("", ())))
    assert {name for name, _ in calibration.coefficients} <= set(known)
    assert all(weight >= 0 for _, weight in calibration.coefficients)


def test_a_past_answer_is_weighed_as_it_would_be_today() -> None:
    ranked = fuse(
        "How often are Redis passwords rotated?", [found(), found("Badges are blocked by reception.", 2, 0.1)]
    )
    answer = check("Application passwords of Redis are rotated every 90 days. [1]", ranked)
    calibration = Calibration.load()
    weighed = confidence(signals("How often are Redis passwords rotated?", ranked, answer), calibration)
    kept = numeric(weighed.signals)
    assert calibration.again(0.3, kept) == pytest.approx(weighed.value)
    doubted = lowered(weighed, [Doubt(0.01, "Hm.")])
    assert calibration.again(0.3, numeric(doubted.signals)) == doubted.value == 0.01
    assert calibration.again(0.0, kept) == 0.0
    assert calibration.again(0.3, {"likeness": 1.0}) is None


@pytest.mark.parametrize("question", ["", "?", "the", "🙂"])
def test_odd_questions_are_weighed_too(question: str) -> None:
    assert 0 <= value(question) <= 1

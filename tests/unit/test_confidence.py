"""Signals and what they are worth."""

import math
from dataclasses import replace
from uuid import UUID

import pytest

from brain.domain.confidence import Calibration, Regression, Signals, confidence, numeric, signals
from brain.domain.doubts import Doubt, lowered
from brain.domain.evidence import check
from brain.domain.identity import DepartmentId
from brain.domain.knowledge import ArticleId, DocumentId, Found, Passage, PassageId
from brain.domain.ranking import fuse
from brain.domain.reading import names_share

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


def test_an_article_is_one_source_however_many_passages_it_has() -> None:
    parts = [
        Found(replace(one.passage, document=None, article=ArticleId(UUID(int=9))), 0.6, 1, 5.0, 1)
        for one in (found("QS-4107 is a lost label.", 1), found("HR-42 is the form.", 2))
    ]
    assert names_share("Where do QS-4107 and HR-42 come from?", parts) == [1.0, 1.0]


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
    for one in (calibration.among, calibration.alone):
        assert {name for name, _ in one.coefficients} <= set(known)
        assert all(weight >= 0 for _, weight in one.coefficients)


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
    # What is held is held at any threshold, so that no lower one may count it among what goes out.
    held = lowered(weighed, [Doubt(0.01, "Hm.", holds=True)])
    assert (held.value, calibration.again(0.01, numeric(held.signals))) == (0.01, 0.0)
    assert calibration.again(0.0, kept) == 0.0
    assert calibration.again(0.3, {"likeness": 1.0}) is None


ASKED = "How often are the Redis passwords rotated?"


def read(
    *ranked: Found, answer: str = "Application passwords of Redis are rotated every 90 days. [1]"
) -> Signals:
    return signals(ASKED, ranked, check(answer, ranked))


def test_a_rival_costs_until_it_is_clearly_behind() -> None:
    best = replace(found(), score=0.8)
    rivals = [replace(found("Badges.", 2), score=score) for score in (0.9, 0.75, 0.6, 0.1)]
    margins = [read(best, rival).margin for rival in rivals]
    assert margins == sorted(margins)
    assert margins[0] < margins[1] < margins[2] == margins[3] == 1.0
    assert (
        "Another document fits the question better."
        in confidence(read(best, rivals[0]), Calibration.load()).reasons
    )


def test_words_that_many_documents_share_settle_nothing() -> None:
    scores = (9.0, 8.9, 8.8, 8.7, 8.6, 8.5)
    shared = [replace(found(number=number), lexical_score=score) for number, score in enumerate(scores, 1)]
    one_has_them = [
        replace(one, lexical_score=one.lexical_score if n == 0 else 2.0) for n, one in enumerate(shared)
    ]
    assert read(*shared).settled < 0.5
    assert read(*one_has_them).settled == 1.0
    assert read(*(replace(one, lexical_score=0.0) for one in shared)).settled < 0.5


def test_what_a_heading_says_already_is_not_told() -> None:
    ranked = (found(),)
    said = check("Application passwords of Redis are rotated every 90 days. [1]", ranked)
    asked_for = signals("How often are the application passwords of Redis rotated in Oslo?", ranked, said)
    assert 0 < asked_for.told < asked_for.covered < 1
    assert (read(found()).told, read(found()).covered) == (0.0, 1.0)


def test_a_passage_that_is_alone_is_weighed_by_its_own_rule() -> None:
    assert (read(found()).alone, read(found(), found("Badges.", 2)).alone) == (1.0, 0.0)
    values = numeric(read(found()))
    calibration = Calibration(Regression(-9.0, ()), Regression(0.0, (("near", 1.0),)))
    assert calibration.chance(values) == pytest.approx(1 / (1 + math.exp(-0.6)))
    assert calibration.chance(values | {"alone": 0.0}) < 0.001


@pytest.mark.parametrize("question", ["", "?", "the", "🙂"])
def test_odd_questions_are_weighed_too(question: str) -> None:
    assert 0 <= value(question) <= 1

"""The threshold that keeps a promise, and that it is kept as often as is said."""

import numpy as np
import pytest

from brain.domain.guarantee import Past, Promise, choose, too_lax_by_chance

PROMISE = Promise(risk=0.05, sure=0.95)


def past(right: int, wrong: int, confidence: float) -> list[Past]:
    return [Past(confidence, True)] * right + [Past(confidence, False)] * wrong


def test_the_binomial_tail_as_tables_have_it() -> None:
    assert too_lax_by_chance(0, 10, 0.1) == pytest.approx(0.9**10)
    assert too_lax_by_chance(2, 10, 0.5) == pytest.approx((1 + 10 + 45) / 1024)
    assert too_lax_by_chance(10, 10, 0.5) == 1.0


def test_with_too_few_verdicts_it_says_how_many_are_missing() -> None:
    # 0.95 ** 59 is the first power below 0.05.
    chosen = choose([*past(40, 0, 0.9), *[Past(0.95)] * 100], PROMISE)
    assert (chosen.publish, chosen.judged, chosen.missing) == (None, 40, 19)
    assert choose([], PROMISE).missing == 59
    assert choose(past(59, 0, 0.9), PROMISE).publish == 0.9


def test_the_lowest_threshold_that_keeps_the_promise() -> None:
    chosen = choose([*past(200, 2, 0.9), *past(100, 2, 0.7), *past(20, 30, 0.4)], PROMISE)
    assert (chosen.publish, chosen.judged, chosen.wrong) == (0.7, 304, 4)
    assert chosen.share == pytest.approx(304 / 354)


def test_a_stricter_promise_has_a_higher_threshold() -> None:
    answers = [*past(400, 0, 0.9), *past(100, 12, 0.6)]
    assert choose(answers, PROMISE).publish == 0.6
    assert choose(answers, Promise(risk=0.01)).publish == 0.9


def test_a_threshold_goes_no_lower_than_the_verdicts_and_what_is_offered_at_all() -> None:
    assert choose(past(200, 0, 0.653), PROMISE).publish == 0.65
    assert choose([*past(200, 0, 0.9), *past(200, 0, 0.1)], PROMISE, least=0.15).publish == 0.9


def test_no_threshold_where_even_the_surest_are_too_often_wrong() -> None:
    chosen = choose(past(180, 20, 0.9), PROMISE)
    assert (chosen.publish, chosen.judged, chosen.wrong, chosen.missing) == (None, 200, 20, 0)


def test_what_nobody_judged_counts_for_the_share_alone() -> None:
    chosen = choose([*past(100, 0, 0.8), *[Past(0.9)] * 50, *[Past(0.2)] * 50], PROMISE)
    assert (chosen.publish, chosen.judged, chosen.share) == (0.8, 100, 0.75)


def chance(confidence: float) -> float:
    """Of being wrong: falls from two in three to one in a hundred."""
    return 0.01 + 0.65 * (1 - confidence) ** 2


@pytest.mark.parametrize("seen", [1.0, 0.1])
@pytest.mark.parametrize("answers", [150, 400, 1200])
def test_the_promise_is_kept_as_often_as_is_said(answers: int, seen: float) -> None:
    """In departments whose true risk is known. Of what went out unseen before, from 0.85 on, people judged
    the share `seen`."""
    random = np.random.default_rng(answers)
    rounds, broken = 100, 0
    for _ in range(rounds):
        asked = [float(one) for one in random.uniform(0, 1, answers)]
        judged = [one < 0.85 or random.uniform() < seen for one in asked]
        told = [
            Past(one, bool(random.uniform() >= chance(one)) if known else None)
            for one, known in zip(asked, judged, strict=True)
        ]
        publish = choose(told, PROMISE).publish
        if publish is not None:
            out = [publish + (1 - publish) * part / 100 for part in range(101)]
            broken += sum(map(chance, out)) / len(out) > PROMISE.risk
    assert broken <= 0.05 * rounds


def test_a_good_confidence_gets_answers_out() -> None:
    random = np.random.default_rng(3)
    asked = [float(one) for one in random.uniform(0, 1, 1200)]
    chosen = choose([Past(one, bool(random.uniform() >= chance(one))) for one in asked], PROMISE)
    assert chosen.publish is not None
    assert chosen.share > 0.1

"""From which confidence on answers may go out unseen, so that few of them are wrong: a threshold chosen on
what people said of past answers, with a promise that allows for how few those are.

Learn then test, with fixed-sequence testing (Angelopoulos et al. 2021, https://arxiv.org/abs/2110.01052): for
each threshold, strictest first, an exact binomial test of whether too much of what it lets out is wrong. The
first one that may be too lax ends the sequence, so that the chance that any accepted before is too lax stays
below what was agreed to. Sequences that start at different places share that chance.
"""

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

from brain.domain.review import VerdictKind

# Strictest first; less than a hundredth of confidence makes no difference to anyone.
THRESHOLDS = tuple(hundredth / 100 for hundredth in range(99, 0, -1))
# A sequence starts where so many wrong answers are borne. One that bears none is ended by a single mistake,
# one that bears many needs many verdicts. Chosen on departments made up as in tests/unit/test_guarantee.py.
BORNE = (0, 2, 6)


@dataclass(frozen=True, slots=True)
class Promise:
    """At most `risk` of what goes out unseen is wrong; with a probability of `sure` this is so."""

    risk: float = 0.05
    sure: float = 0.95


@dataclass(frozen=True, slots=True)
class Past:
    """An answer from the documents, and whether it was right; None where nobody said."""

    confidence: float
    right: bool | None = None


@dataclass(frozen=True, slots=True)
class PastAnswer:
    """One as it is on record: `verdict` is a reviewer's, `helpful` what the asker said of it; what was
    approved may have been `taken_back` since."""

    confidence: float
    signals: Mapping[str, float]
    verdict: VerdictKind | None = None
    helpful: bool | None = None
    taken_back: bool = False

    @property
    def right(self) -> bool | None:
        """What had to be amended was not right. An asker's opinion counts where no reviewer gave theirs."""
        if self.verdict is None:
            return self.helpful
        return self.verdict is VerdictKind.APPROVE and not self.taken_back


@dataclass(frozen=True, slots=True)
class Chosen:
    """`publish` keeps the promise; None where no threshold was shown to.

    `share` of the past answers would have gone out at it; of those `judged` were judged, `wrong` wrong.
    Without a threshold, of all; `missing` is how many verdicts are needed at least before there can be one.
    """

    publish: float | None
    share: float
    judged: int
    wrong: int
    missing: int = 0


def choose(past: Sequence[Past], promise: Promise, *, least: float = 0.0) -> Chosen:
    """The lowest threshold, not below `least`, that was shown to keep the promise."""
    known = sorted(
        (one for one in past if one.right is not None and one.confidence >= least),
        key=lambda one: -one.confidence,
    )
    doubts = [-one.confidence for one in known]
    wrong = [0, *accumulate(one.right is False for one in known)]
    starts, chance = _sequences(len(known), promise)
    best = Chosen(None, 0.0, len(known), wrong[-1], max(0, _enough(0, promise.risk, chance) - len(known)))
    for start in starts:
        judged = 0
        for threshold in THRESHOLDS:
            count = bisect_right(doubts, -threshold)
            # Further down, a threshold that no verdict speaks for is not taken.
            if threshold < least or count < start or count == judged:
                continue
            judged = count
            if too_lax_by_chance(wrong[judged], judged, promise.risk) > chance:
                break
            if best.publish is None or threshold < best.publish:
                share = sum(one.confidence >= threshold for one in past) / len(past)
                best = Chosen(threshold, share, judged, wrong[judged])
    return best


def _sequences(judged: int, promise: Promise) -> tuple[list[int], float]:
    """From how many verdicts on each sequence tests, and the chance of a mistake that each is given.

    As many as there are verdicts for: their number does not tell which answers were wrong.
    """
    for count in range(len(BORNE), 0, -1):
        chance = (1 - promise.sure) / count
        starts = [_enough(borne, promise.risk, chance) for borne in BORNE[:count]]
        if starts[-1] <= judged:
            return starts, chance
    return [], 1 - promise.sure


@lru_cache(maxsize=256)
def _enough(wrong: int, risk: float, chance: float) -> int:
    """The fewest verdicts that pass with so many wrong ones among them."""
    count = wrong + 1
    while too_lax_by_chance(wrong, count, risk) > chance:
        count += 1
    return count


def too_lax_by_chance(wrong: int, judged: int, risk: float) -> float:
    """How likely no more than `wrong` of `judged` are wrong where `risk` of all are: the binomial tail."""
    if wrong >= judged:
        return 1.0
    terms = (
        math.lgamma(judged + 1)
        - math.lgamma(one + 1)
        - math.lgamma(judged - one + 1)
        + one * math.log(risk)
        + (judged - one) * math.log1p(-risk)
        for one in range(wrong + 1)
    )
    return min(1.0, math.fsum(map(math.exp, terms)))

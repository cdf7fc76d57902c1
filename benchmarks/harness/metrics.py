"""What is measured of a ranking, and how far chance goes: bootstrap intervals over clusters of questions."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

RESAMPLES = 10_000
_SEED = 20_261_121
_BLOCK = 500

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Result:
    """`low` and `high` bound 95 of 100 resamples; `n` questions. `set` is `macro` for the mean over sets."""

    set: str
    task: str
    system: str
    metric: str
    value: float
    low: float
    high: float
    n: int


def ndcg(ranking: Sequence[str], gold: Mapping[str, int], at: int = 10) -> float:
    """Grades as gains, discounted by log2 of the place, over that of the best ranking, as trec_eval does."""

    def gained(grades: Sequence[int]) -> float:
        return sum(grade / math.log2(place + 1) for place, grade in enumerate(grades, start=1))

    ideal = gained(sorted(gold.values(), reverse=True)[:at])
    return gained([gold.get(one, 0) for one in ranking[:at]]) / ideal


def recall(ranking: Sequence[str], gold: Mapping[str, int], at: int = 10) -> float:
    return len(gold.keys() & set(ranking[:at])) / len(gold)


def reciprocal_rank(ranking: Sequence[str], gold: Mapping[str, int], at: int = 10) -> float:
    return next((1 / place for place, one in enumerate(ranking[:at], start=1) if one in gold), 0.0)


def hit(ranking: Sequence[str], gold: Mapping[str, int], at: int = 3) -> float:
    return float(any(one in gold for one in ranking[:at]))


RANKING: Mapping[str, Callable[[Sequence[str], Mapping[str, int]], float]] = {
    "nDCG@10": ndcg,
    "Recall@10": recall,
    "MRR@10": reciprocal_rank,
    "hit@3": hit,
    "MRR@3": lambda ranking, gold: reciprocal_rank(ranking, gold, 3),
    "top-1": lambda ranking, gold: hit(ranking, gold, 1),
}


def clusters(golds: Sequence[frozenset[str]]) -> Array:
    """The same number for questions that share a document, also by way of others."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while (above := parent.setdefault(name, name)) != name:
            name = above
        return name

    for gold in golds:
        first, *others = sorted(gold)
        for other in others:
            parent[root(other)] = root(first)
    roots = [root(min(gold)) for gold in golds]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(roots))}
    return np.array([numbers[name] for name in roots])


Statistic = Callable[[Array], Array]


def resampled(statistic: Statistic, clustered: Array, *, resamples: int = RESAMPLES) -> Array:
    """The statistic of each resample. It is given weights, a row for each resample with how often each
    question is in it. The seed is always the same, so that two systems are compared on the same resamples."""
    generator = np.random.default_rng(_SEED)
    count = int(clustered.max()) + 1
    parts = []
    for start in range(0, resamples, _BLOCK):
        size = min(_BLOCK, resamples - start)
        drawn = generator.multinomial(count, np.full(count, 1 / count), size=size)
        parts.append(statistic(drawn[:, clustered].astype(np.float64)))
    return np.concatenate(parts)


def means(values: Array) -> Statistic:
    """Of each column of `values`, which has a row for each question."""
    return lambda weights: (weights @ values) / weights.sum(axis=1, keepdims=True)


def whole(statistic: Statistic, count: int) -> Array:
    """The statistic of the questions as they are."""
    found: Array = statistic(np.ones((1, count)))[0]
    return found


def bounds(samples: Array) -> tuple[float, float]:
    low, high = np.nanquantile(samples, (0.025, 0.975))
    return float(low), float(high)

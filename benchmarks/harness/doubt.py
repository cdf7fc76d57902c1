"""Figures of a confidence: whether it tells right from wrong, and whether it means what it says. Each is a
statistic of weighted questions, as metrics.resampled draws them."""

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold

from benchmarks.harness.metrics import Array, Statistic

BINS = 10
FOLDS = 10
_SEED = 20_261_121


def auroc(scores: Array, labels: Array) -> Statistic:
    """How often a true one has the higher score of a pair of a true and a false one; even counts half."""
    yes, no = np.flatnonzero(labels), np.flatnonzero(~labels.astype(bool))
    above = (scores[yes, None] > scores[None, no]) + 0.5 * (scores[yes, None] == scores[None, no])

    def statistic(weights: Array) -> Array:
        true, false = weights[:, yes], weights[:, no]
        pairs = true.sum(axis=1) * false.sum(axis=1)
        won = ((true @ above) * false).sum(axis=1)
        share: Array = np.divide(won, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)
        return share

    return statistic


def aurc(scores: Array, wrong: Array) -> Statistic:
    """The mean share of wrong ones among all that are at least as sure. Equally sure ones go together."""
    order = np.argsort(-scores, kind="stable")
    starts = np.flatnonzero(np.diff(scores[order], prepend=np.inf))

    def statistic(weights: Array) -> Array:
        mass = np.add.reduceat(weights[:, order], starts, axis=1)
        lost = np.add.reduceat((weights * wrong)[:, order], starts, axis=1)
        total = mass.cumsum(axis=1)
        risk = np.divide(lost.cumsum(axis=1), total, out=np.zeros_like(total), where=total > 0)
        area: Array = (mass * risk).sum(axis=1) / mass.sum(axis=1)
        return area

    return statistic


def calibration_error(chances: Array, right: Array) -> Statistic:
    """How far a bin's mean chance is from its share of right ones, over bins of equally many questions."""
    order = np.argsort(chances, kind="stable")
    sizes = [len(part) for part in np.array_split(order, min(BINS, len(order)))]
    starts = np.cumsum([0, *sizes[:-1]])
    gap = (chances - right)[order]

    def statistic(weights: Array) -> Array:
        own = weights[:, order]
        error: Array = np.abs(np.add.reduceat(own * gap, starts, axis=1)).sum(axis=1) / own.sum(axis=1)
        return error

    return statistic


def perfect_calibration_error(chances: Array, *, rounds: int = 400) -> Array:
    """What chance alone makes of the calibration error where every chance means exactly what it says: answers
    are drawn right as often as that. Bins of few questions are never met exactly."""
    random = np.random.default_rng(_SEED)
    every = np.ones((1, len(chances)))
    drawn = random.uniform(size=(rounds, len(chances))) < chances
    return np.array([calibration_error(chances, one.astype(float))(every)[0] for one in drawn])


def wrong_among_surest(scores: Array, wrong: Array, share: float) -> Statistic:
    """The share of wrong ones among that share of the questions that is surest."""
    order = np.argsort(-scores, kind="stable")

    def statistic(weights: Array) -> Array:
        own = _first(weights[:, order], share)
        lost: Array = (own * wrong[order]).sum(axis=1) / own.sum(axis=1)
        return lost

    return statistic


def caught_among_unsure(scores: Array, wanted: Array, share: float) -> Statistic:
    """The share of the wanted ones that is among that share of the questions that is least sure."""
    order = np.argsort(scores, kind="stable")

    def statistic(weights: Array) -> Array:
        own = weights[:, order]
        total = own @ wanted[order]
        caught = _first(own, share) @ wanted[order]
        found: Array = np.divide(caught, total, out=np.full(len(total), np.nan), where=total > 0)
        return found

    return statistic


def _first(weights: Array, share: float) -> Array:
    """The weights of the first ones that make up that share of each row; the last of them in part."""
    before = weights.cumsum(axis=1) - weights
    room: Array = share * weights.sum(axis=1, keepdims=True) - before
    return np.clip(room, 0.0, weights)


def on_own_verdicts(chances: Array, right: Array, together: Array) -> Array:
    """Each chance after an offset and a slope fitted to verdicts on questions about other documents: what a
    department's own verdicts can make of the confidence, cross-validated."""
    logits = np.log(np.clip(chances, 1e-6, 1 - 1e-6) / np.clip(1 - chances, 1e-6, 1 - 1e-6))[:, None]
    refitted = np.zeros(len(chances))
    folds = min(FOLDS, len(set(together.tolist())))
    for train, test in StratifiedGroupKFold(folds).split(logits, right, together):
        if 0 < right[train].mean() < 1:
            model = LogisticRegression().fit(logits[train], right[train])
            refitted[test] = model.predict_proba(logits[test])[:, 1]
        else:
            refitted[test] = right[train].mean()
    return refitted


def macro_f1(predicted: Array, labels: Array) -> Statistic:
    """The mean over both classes of F1."""
    hits = [(predicted == one) & (labels == one) for one in (True, False)]
    sizes = [(predicted == one).astype(float) + (labels == one) for one in (True, False)]

    def statistic(weights: Array) -> Array:
        scores: Array = np.mean(
            [
                2 * (weights @ hit) / np.maximum(weights @ size, 1)
                for hit, size in zip(hits, sizes, strict=True)
            ],
            axis=0,
        )
        return scores

    return statistic

"""Figures of a confidence: whether it tells right from wrong, and whether it means what it says. Each is a
statistic of weighted questions, as metrics.resampled draws them."""

import numpy as np

from benchmarks.harness.metrics import Array, Statistic

BINS = 10


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

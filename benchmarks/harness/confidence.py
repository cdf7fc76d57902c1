"""How honest the product's doubt is: on each set of questions, against the nearest passage's cosine."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from uuid import NAMESPACE_URL, uuid5

import numpy as np
from rich.console import Console
from rich.progress import track

from benchmarks.harness.doubt import (
    aurc,
    auroc,
    calibration_error,
    caught_among_unsure,
    on_own_verdicts,
    perfect_calibration_error,
    wrong_among_surest,
)
from benchmarks.harness.drafts import Draft, drafted
from benchmarks.harness.metrics import Array, Result, Statistic, bounds, clusters, resampled, whole
from benchmarks.harness.ranking import Prepared
from benchmarks.harness.sets import Query

TASK = "confidence"


@dataclass(frozen=True, slots=True)
class Doubts:
    """A row for each question: whether it has an answer, whether the first document found is a right one and
    whether the answer drafted is (it cites a right document, and holds the phrase where one is known).
    `sure` is the confidence; `near` the cosine of the nearest passage, `nearest` whether it is right. `took`
    is how long search, draft, check and confidence took, and `took_near` a search by cosine, in milliseconds;
    both in memory, and without embedding the question."""

    name: str
    together: Array
    answerable: Array
    first: Array
    right: Array
    drafted: Array
    sure: Array
    near: Array
    nearest: Array
    took: Array
    took_near: Array


async def doubts(prepared: Prepared) -> Doubts:
    rows = []
    queries = prepared.found.queries
    title = f"Answering {len(queries)} questions"
    for query, vector in track(
        list(zip(queries, prepared.asked, strict=True)), title, console=Console(stderr=True)
    ):
        began = perf_counter()
        draft = await drafted(query.text, vector, prepared.index)
        answered = perf_counter()
        close = prepared.index.vectors @ vector
        nearest = prepared.found.documents[int(close.argmax())]
        ended = perf_counter()
        first = prepared.found.document_of[draft.ranked[0].passage.id]
        rows.append(
            (
                bool(query.gold),
                first in query.gold,
                is_right(query, draft),
                bool(draft.checked.text),
                draft.confidence,
                float(close.max()),
                nearest in query.gold,
                (answered - began) * 1000,
                (ended - answered) * 1000,
            )
        )
    golds = [frozenset(one.gold) or frozenset((one.id,)) for one in queries]
    columns = np.array(rows, dtype=float).T
    return Doubts(prepared.found.name, clusters(golds), *columns)


def is_right(query: Query, draft: Draft) -> bool:
    wanted = {uuid5(NAMESPACE_URL, document) for document in query.gold}
    if not any(found.passage.document in wanted for _, found, _ in draft.checked.citations):
        return False
    plain = " ".join(draft.checked.text.lower().split())
    return not query.phrases or any(" ".join(one.lower().split()) in plain for one in query.phrases)


def results(one: Doubts) -> Iterator[Result]:
    yield from compared(one.name, TASK, _pair(one), one.together)
    # The least that these mistakes allow: whoever is sure exactly where the first document is right.
    yield from alone(one.name, "oracle", ("AURC", aurc(one.first, 1 - one.first)), one.together)
    said = one.drafted.astype(bool)
    if said.any():
        yield from calibrated(one.name, one.sure[said], one.right[said], one.together[said])


def _pair(one: Doubts) -> tuple[dict[str, Statistic], dict[str, Statistic]]:
    """The product's statistics and those of the cosine."""
    pair: tuple[dict[str, Statistic], dict[str, Statistic]] = ({}, {})
    known = ((one.sure, one.first, one.right), (one.near, one.nearest, one.nearest))
    for found, (sure, first, right) in zip(pair, known, strict=True):
        found["AURC"] = aurc(sure, 1 - first)
        found["wrong-at-50"] = wrong_among_surest(sure, 1 - right, 0.5)
        if 0 < one.first.mean() < 1 and 0 < one.nearest.mean() < 1:
            found["AUROC-top1"] = auroc(sure, first)
        if 0 < one.answerable.mean() < 1:
            found["AUROC-answerable"] = auroc(sure, one.answerable)
            found["caught-at-45"] = caught_among_unsure(sure, 1 - one.answerable, 0.45)
    return pair


def calibrated(name: str, sure: Array, right: Array, together: Array) -> Iterator[Result]:
    """The error as shipped; what it would be if the confidence meant just what it says; and that of what
    the set's own verdicts make of it, cross-validated."""
    _, numbers = np.unique(together, return_inverse=True)
    yield from alone(name, "expert", ("ECE", calibration_error(sure, right)), numbers)
    perfect = perfect_calibration_error(sure)
    yield Result(name, TASK, "perfect", "ECE", float(perfect.mean()), *bounds(perfect), len(sure))
    if numbers.max() > 0:
        own = on_own_verdicts(sure, right, numbers)
        yield from alone(name, "own verdicts", ("ECE", calibration_error(own, right)), numbers)


def elsewhere(sets: Sequence[Doubts]) -> Iterator[Result]:
    """With the threshold that lets out half the questions of the other sets, each counting the same: how much
    goes out, and how much of that is wrong."""
    for one in sets:
        others = [other for other in sets if other is not one]
        if not others:
            continue
        threshold = _median(others)
        out = (one.sure >= threshold).astype(float)
        yield from alone(
            one.name, "expert", ("covered-elsewhere", _share(np.ones_like(out), out)), one.together
        )
        yield from alone(one.name, "expert", ("wrong-elsewhere", _share(out, 1 - one.right)), one.together)


def _median(sets: Sequence[Doubts]) -> float:
    sure = np.concatenate([one.sure for one in sets])
    weight = np.concatenate([np.full(len(one.sure), 1 / len(one.sure)) for one in sets])
    order = np.argsort(-sure, kind="stable")
    return float(sure[order][np.searchsorted(weight[order].cumsum(), weight.sum() / 2)])


def _share(among: Array, of: Array) -> Statistic:
    def statistic(weights: Array) -> Array:
        total = weights @ among
        found: Array = np.divide(
            weights @ (among * of), total, out=np.full(len(total), np.nan), where=total > 0
        )
        return found

    return statistic


def alone(name: str, system: str, named: tuple[str, Statistic], together: Array) -> Iterator[Result]:
    metric, statistic = named
    point = float(whole(statistic, len(together)))
    yield Result(name, TASK, system, metric, point, *bounds(resampled(statistic, together)), len(together))


def compared(
    name: str, task: str, pair: tuple[Mapping[str, Statistic], Mapping[str, Statistic]], together: Array
) -> Iterator[Result]:
    """The product's statistics, those of `dense`, and the difference of the two on the same resamples."""
    ours, theirs = pair
    count = len(together)
    for metric, statistic in ours.items():
        both = (statistic, theirs[metric])
        own, other = (resampled(one, together) for one in both)
        points = [float(whole(one, count)) for one in both]
        yield Result(name, task, "expert", metric, points[0], *bounds(own), count)
        yield Result(name, task, "dense", metric, points[1], *bounds(other), count)
        lead = points[0] - points[1]
        yield Result(name, task, "expert", f"{metric}-dense", lead, *bounds(own - other), count)

"""How honest the product's doubt is: on each set of questions, against the nearest passage's cosine."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from uuid import NAMESPACE_URL, uuid5

import numpy as np
from rich.console import Console
from rich.progress import track

from benchmarks.harness.doubt import aurc, auroc, calibration_error
from benchmarks.harness.drafts import Draft, drafted
from benchmarks.harness.metrics import Array, Result, Statistic, bounds, clusters, resampled, whole
from benchmarks.harness.ranking import Prepared
from benchmarks.harness.sets import Query
from benchmarks.harness.vectors import KeptEmbedder

TASK = "confidence"


@dataclass(frozen=True, slots=True)
class Doubts:
    """A row for each question: whether it has an answer, whether the first document found is a right one and
    whether the answer drafted is (it cites a right document, and holds the phrase where one is known).
    `sure` is the confidence; `near` the cosine of the nearest passage, `nearest` whether it is right."""

    name: str
    together: Array
    answerable: Array
    first: Array
    right: Array
    drafted: Array
    sure: Array
    near: Array
    nearest: Array


async def doubts(prepared: Prepared, embedder: KeptEmbedder) -> Doubts:
    rows = []
    queries = prepared.found.queries
    title = f"Answering {len(queries)} questions"
    for query, vector in track(
        list(zip(queries, prepared.asked, strict=True)), title, console=Console(stderr=True)
    ):
        draft = await drafted(query.text, vector, prepared.index, embedder)
        close = prepared.index.vectors @ vector
        nearest = prepared.found.documents[int(close.argmax())]
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
    ours = {"AURC": aurc(one.sure, 1 - one.first)}
    cosine = {"AURC": aurc(one.near, 1 - one.nearest)}
    if 0 < one.first.mean() < 1 and 0 < one.nearest.mean() < 1:
        ours["AUROC-top1"] = auroc(one.sure, one.first)
        cosine["AUROC-top1"] = auroc(one.near, one.nearest)
    if 0 < one.answerable.mean() < 1:
        ours["AUROC-answerable"] = auroc(one.sure, one.answerable)
        cosine["AUROC-answerable"] = auroc(one.near, one.answerable)
    yield from compared(one.name, TASK, (ours, cosine), one.together)
    # The least that these mistakes allow: whoever is sure exactly where the first document is right.
    yield from alone(one.name, "oracle", ("AURC", aurc(one.first, 1 - one.first)), one.together)
    said = one.drafted.astype(bool)
    if said.any():
        error = calibration_error(one.sure[said], one.right[said])
        _, together = np.unique(one.together[said], return_inverse=True)
        yield from alone(one.name, "expert", ("ECE", error), together)


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

"""The product's ranking beside what people would otherwise use, on the same passages and questions."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import bm25s
import numpy as np
import Stemmer

from benchmarks.harness.metrics import RANKING, Array, Result, bounds, clusters, means, resampled, whole
from benchmarks.harness.sets import MACRO, Query, RetrievalSet
from benchmarks.harness.vectors import KeptEmbedder
from benchmarks.memory_index import MemoryIndex
from brain.domain.knowledge import Embedded, Found, Passage
from brain.ports import TextKind
from brain.usecases.embedding import embed_passages
from brain.usecases.searching import CANDIDATES

EXPERT = "expert"
# Of each ranking that a baseline fuses; folded to documents.
DEPTH = 300
RRF = 60
CC = {"cc0.5": 0.5, "cc0.6": 0.6}
BASELINES = ("bm25", "dense", "rrf60", *CC)
TASK = "retrieval"

Rankings = dict[str, list[list[str]]]


@dataclass(frozen=True, slots=True)
class Prepared:
    """One set ready to be searched; `asked` has a vector for each question."""

    found: RetrievalSet
    index: MemoryIndex
    asked: Array


@dataclass(frozen=True, slots=True)
class Ranked:
    """One set ranked by every system: of each answerable question, the documents, best first."""

    found: RetrievalSet
    rankings: Rankings


async def prepared(found: RetrievalSet, embedder: KeptEmbedder) -> Prepared:
    """Pieces are embedded only of passages that a question finds: no other has them looked at."""
    asked = await embedder.matrix([one.text for one in found.queries], kind=TextKind.QUESTION)
    texts = [one.indexed_text for one in found.passages]
    vectors = await embedder.embed(texts, kind=TextKind.PASSAGE)
    index = MemoryIndex([Embedded(one, own) for one, own in zip(found.passages, vectors, strict=True)])
    one = Prepared(found, index, asked)
    pairs = zip(found.queries, asked, strict=True)
    met = {hit.passage.id: hit.passage for pair in pairs for hit in search(one, *pair)}
    whole = {own.passage.id: own for own in await embed_passages(embedder, list(met.values()))}
    index.embedded = [whole.get(own.passage.id, own) for own in index.embedded]
    return one


def search(one: Prepared, query: Query, vector: Array) -> list[Found]:
    """As the product ranks: its candidates, its fusion."""
    itself = [found for found, name in one.found.document_of.items() if name == query.itself]
    return one.index.search(query.text, vector, limit=CANDIDATES, apart_from=itself)


def ranked(one: Prepared) -> Ranked:
    pairs = [pair for pair in zip(one.found.queries, one.asked, strict=True) if pair[0].gold]
    rankings = baselines(one.found, one.index.vectors, np.array([vector for _, vector in pairs]))
    found = [search(one, query, vector) for query, vector in pairs]
    document_of = one.found.document_of
    rankings[EXPERT] = [list(dict.fromkeys(document_of[hit.passage.id] for hit in hits)) for hits in found]
    return Ranked(one.found, rankings)


def baselines(found: RetrievalSet, passages: Array, questions: Array) -> Rankings:
    words = _Bm25(found.passages)
    rankings: Rankings = {name: [] for name in BASELINES}
    for query, vector in zip(found.answerable, questions, strict=True):
        lexical = _folded(words.best(query.text), found.documents, query.itself)
        nearest = passages @ vector
        order = np.argsort(-nearest, kind="stable")[:DEPTH]
        dense = _folded(((int(one), float(nearest[one])) for one in order), found.documents, query.itself)
        rankings["bm25"].append(_best_first(lexical))
        rankings["dense"].append(_best_first(dense))
        rankings["rrf60"].append(_best_first(_reciprocal(lexical, dense)))
        for name, share in CC.items():
            rankings[name].append(_best_first(_convex(dense, lexical, share)))
    return rankings


class _Bm25:
    """bm25s as people set it up: Lucene's formula, English stop words and stemmer, title and heading too."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._stemmer = Stemmer.Stemmer("english")
        self._index = bm25s.BM25(method="lucene", k1=1.2, b=0.75)
        self._index.index(
            self._tokens([" ".join((one.title, *one.heading_path, one.text)) for one in passages]),
            show_progress=False,
        )
        self._depth = min(DEPTH, len(passages))

    def best(self, question: str) -> list[tuple[int, float]]:
        tokens = self._tokens([question])
        numbers, scores = self._index.retrieve(tokens, k=self._depth, show_progress=False)
        return [
            (int(number), float(score))
            for number, score in zip(numbers[0], scores[0], strict=True)
            if score > 0
        ]

    def _tokens(self, texts: list[str]) -> Any:
        return bm25s.tokenize(texts, stopwords="en", stemmer=self._stemmer, show_progress=False)


def _folded(
    hits: Iterable[tuple[int, float]], documents: Sequence[str], itself: str | None
) -> dict[str, float]:
    """Each document with its best passage's score."""
    best: dict[str, float] = {}
    for number, score in hits:
        name = documents[number]
        if name != itself:
            best[name] = max(score, best.get(name, score))
    return best


def _best_first(scores: Mapping[str, float]) -> list[str]:
    return sorted(scores, key=lambda name: (-scores[name], name))


def _reciprocal(*rankings: Mapping[str, float]) -> dict[str, float]:
    fused: dict[str, float] = {}
    for ranking in rankings:
        for place, name in enumerate(_best_first(ranking), start=1):
            fused[name] = fused.get(name, 0.0) + 1 / (RRF + place)
    return fused


def _convex(dense: Mapping[str, float], lexical: Mapping[str, float], share: float) -> dict[str, float]:
    """What a ranking does not have counts as its last."""
    near, said = _stretched(dense), _stretched(lexical)
    return {
        name: share * near.get(name, 0.0) + (1 - share) * said.get(name, 0.0) for name in {**near, **said}
    }


def _stretched(scores: Mapping[str, float]) -> dict[str, float]:
    if not scores:
        return {}
    low, high = min(scores.values()), max(scores.values())
    return {name: (score - low) / (high - low) if high > low else 1.0 for name, score in scores.items()}


def results(sets: Sequence[Ranked]) -> Iterator[Result]:
    """Each system's figures and the product's lead over each baseline; of MACRO the means over sets, too."""
    samples, points = {}, {}
    for one in sets:
        values = table(one)
        name, count = one.found.name, len(one.found.answerable)
        points[name] = whole(means(values), count)
        samples[name] = resampled(means(values), _clustered(one.found))
        yield from _rows(name, points[name], samples[name], count)
    if all(name in points for name in MACRO):
        count = sum(len(one.found.answerable) for one in sets if one.found.name in MACRO)
        mean = np.mean([points[name] for name in MACRO], axis=0)
        yield from _rows("macro", mean, np.mean([samples[name] for name in MACRO], axis=0), count)


def _clustered(found: RetrievalSet) -> Array:
    return clusters([frozenset(one.gold) | {one.itself or min(one.gold)} for one in found.answerable])


def columns() -> list[tuple[str, str]]:
    systems = (EXPERT, *BASELINES)
    own = [(system, metric) for system in systems for metric in RANKING]
    return own + [(EXPERT, f"{metric}-{other}") for other in BASELINES for metric in RANKING]


def table(one: Ranked) -> Array:
    """A row for each question, a column for each of `columns()`."""
    of: dict[tuple[str, str], Array] = {
        (system, metric): np.array(
            [
                measure(ranking, query.gold)
                for ranking, query in zip(rankings, one.found.answerable, strict=True)
            ]
        )
        for system, rankings in one.rankings.items()
        for metric, measure in RANKING.items()
    }
    for other in BASELINES:
        for metric in RANKING:
            of[EXPERT, f"{metric}-{other}"] = of[EXPERT, metric] - of[other, metric]
    return np.column_stack([of[column] for column in columns()])


def _rows(name: str, points: Array, samples: Array, count: int) -> Iterator[Result]:
    for number, (system, metric) in enumerate(columns()):
        low, high = bounds(samples[:, number])
        yield Result(name, TASK, system, metric, float(points[number]), low, high, count)

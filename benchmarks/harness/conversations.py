"""Whether the product answers, asks back or declines as people would, at the last turn of conversations."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations, permutations
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from benchmarks.harness.drafts import drafted
from benchmarks.harness.metrics import Array, Result, Statistic, bounds, clusters, resampled, whole
from benchmarks.harness.sets import rows, sampled, to_passage
from benchmarks.harness.vectors import KeptEmbedder
from benchmarks.memory_index import MemoryIndex
from brain.domain.clarity import Unclear, unclear
from brain.domain.identity import Thresholds
from brain.domain.knowledge import Embedded, Passage
from brain.domain.policy import Decision, decide
from brain.domain.question import Turn, standalone
from brain.ports import TextKind
from brain.usecases.embedding import embed_passages

TASK = "clarifying"
ANSWER, CLARIFY, DECLINE = range(3)
LABELS = ("answer", "clarify", "decline")
_WANTED = {"ANSWERABLE": ANSWER, "PARTIAL": ANSWER, "UNDERSPECIFIED": CLARIFY, "UNANSWERABLE": DECLINE}
_FOLDS = 5
# Of the cosines, as many are tried as thresholds.
_STEPS = 24
_PLACE = re.compile(r"-\d+-\d+(?:-\d+-\d+)?$")


@dataclass(frozen=True, slots=True)
class Task:
    """`given`: the passages that annotators found for it, none where nothing answers. `collection` names the
    documents that it was asked of."""

    name: str
    question: str
    history: tuple[Turn, ...]
    given: tuple[Passage, ...]
    collection: str
    wanted: int


def read_tasks(folder: Path, *, sample: int | None = None) -> list[Task]:
    files = sorted(folder.glob("*.jsonl.gz"))
    return [_task(row) for path in files for row in sampled(rows(path), sample)]


def _task(row: Mapping[str, Any]) -> Task:
    *before, last = row["input"]
    return Task(
        str(row["conversation_id"]),
        str(last["text"]).strip(),
        tuple(_turns(before)),
        tuple({one.id: one for one in map(_passage, row["contexts"])}.values()),
        str(row["Collection"]),
        _WANTED[row["answerability"][0]],
    )


def _turns(said: Sequence[Mapping[str, Any]]) -> Iterator[Turn]:
    question = ""
    for one in said:
        if one["speaker"] == "user":
            question = str(one["text"])
        elif question:
            yield Turn(question, str(one["text"]))
            question = ""


def _passage(row: Mapping[str, Any]) -> Passage:
    """A document is told by its title, else by its id without the place."""
    text = str(row["text"])
    name = str(row["document_id"])
    given = " ".join(str(row.get("title") or "").split())
    title = given or text.strip().split("\n")[0][:80]
    document = given or _PLACE.sub("", name)
    place = _PLACE.search(name)
    ordinal = int(place[0].split("-")[1]) if place else 0
    return to_passage({"title": title, "text": text}, document, ordinal)


async def results(folder: str, tasks: Sequence[Task], embedder: KeptEmbedder) -> list[Result]:
    """With the passages given to each task, then as the product finds them among those of all tasks."""
    pools: dict[str, dict[Any, Embedded]] = {}
    for collection in dict.fromkeys(one.collection for one in tasks):
        passages = {p.id: p for one in tasks if one.collection == collection for p in one.given}
        embedded = await embed_passages(embedder, list(passages.values()))
        pools[collection] = {one.passage.id: one for one in embedded}
        embedder.save()
    found: list[Result] = []
    for name in (folder, f"{folder}/searched"):
        outcomes = []
        for one in track(tasks, f"Deciding {len(tasks)} questions", console=Console(stderr=True)):
            pool = pools[one.collection]
            known = list(pool.values()) if name != folder else [pool[own.id] for own in one.given]
            outcomes.append(await _decided(one, known, embedder))
        decided, near = (np.array(column) for column in zip(*outcomes, strict=True))
        found += _rows(name, tasks, decided, near)
    return found


async def _decided(task: Task, known: Sequence[Embedded], embedder: KeptEmbedder) -> tuple[int, float]:
    """What becomes of the question, in the steps of brain/usecases/ask.py, and the cosine of the nearest."""
    wording = standalone(task.question, task.history)
    if not known:
        return _outcome(Decision.ABSTAIN, unclear(task.question, task.history, ())), 0.0
    [vector] = await embedder.matrix([wording], kind=TextKind.QUESTION)
    index = MemoryIndex(known)
    draft = await drafted(wording, vector, index)
    decision = decide(draft.confidence, Thresholds(), has_draft=bool(draft.checked.text))
    open_ = unclear(task.question, task.history, draft.found)
    return _outcome(decision, open_), float((index.vectors @ vector).max())


def _outcome(decision: Decision, open_: Unclear | None) -> int:
    answered = decision is not Decision.ABSTAIN
    if open_ is not None and open_.matters(answered=answered):
        return CLARIFY
    return ANSWER if answered else DECLINE


def _rows(name: str, tasks: Sequence[Task], decided: Array, near: Array) -> Iterator[Result]:
    wanted = np.array([one.wanted for one in tasks])
    together = clusters([frozenset((one.name,)) for one in tasks])
    said = {
        "expert": decided,
        "majority": np.full(len(wanted), np.bincount(wanted).argmax()),
        "cosine": by_cosine(near, wanted, together),
    }
    metrics: dict[str, Callable[[Array, Array], Statistic]] = {"macro-F1": macro_f1}
    metrics |= {f"F1-{label}": partial(class_f1, label=number) for number, label in enumerate(LABELS)}
    for metric, figure in metrics.items():
        samples = {system: resampled(figure(own, wanted), together) for system, own in said.items()}
        points = {system: float(whole(figure(own, wanted), len(wanted))) for system, own in said.items()}
        for system, drawn in samples.items():
            yield Result(name, TASK, system, metric, points[system], *bounds(drawn), len(wanted))
        for other in ("majority", "cosine"):
            lead, drawn = points["expert"] - points[other], samples["expert"] - samples[other]
            yield Result(name, TASK, "expert", f"{metric}-{other}", lead, *bounds(drawn), len(wanted))


def class_f1(said: Array, wanted: Array, label: int) -> Statistic:
    hit = ((said == label) & (wanted == label)).astype(float)
    size = (said == label).astype(float) + (wanted == label)

    def statistic(weights: Array) -> Array:
        score: Array = 2 * (weights @ hit) / np.maximum(weights @ size, 1)
        return score

    return statistic


def macro_f1(said: Array, wanted: Array) -> Statistic:
    each = [class_f1(said, wanted, label) for label in range(len(LABELS))]

    def statistic(weights: Array) -> Array:
        scores: Array = np.mean([one(weights) for one in each], axis=0)
        return scores

    return statistic


def by_cosine(near: Array, wanted: Array, together: Array) -> Array:
    """Two thresholds and what lies below, between and above them, all picked on the other conversations."""
    said = np.zeros(len(wanted), dtype=int)
    for fold in range(_FOLDS):
        held = together % _FOLDS == fold
        places = np.unique(np.quantile(near[~held], np.linspace(0, 1, _STEPS)))
        every = np.ones((1, int((~held).sum())))
        chosen = max(
            ((low, high, order) for low, high in combinations(places, 2) for order in permutations(range(3))),
            key=lambda rule: float(macro_f1(_ruled(near[~held], rule), wanted[~held])(every)[0]),
            default=(0.0, 0.0, (DECLINE, CLARIFY, ANSWER)),
        )
        said[held] = _ruled(near[held], chosen)
    return said


def _ruled(near: Array, rule: tuple[float, float, Sequence[int]]) -> Array:
    low, high, order = rule
    places: Array = (near >= low).astype(int) + (near >= high)
    return np.take(np.array(order), places)

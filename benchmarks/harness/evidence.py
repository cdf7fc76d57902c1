"""Whether the product points at the sentences that carry an answer, and knows claims that nothing carries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from benchmarks.harness.confidence import compared
from benchmarks.harness.doubt import auroc, macro_f1
from benchmarks.harness.drafts import drafted
from benchmarks.harness.metrics import (
    Array,
    Result,
    Statistic,
    bounds,
    clusters,
    means,
    resampled,
    whole,
)
from benchmarks.harness.sets import rows, sampled, to_passage
from benchmarks.harness.vectors import KeptEmbedder
from benchmarks.memory_index import MemoryIndex
from brain.domain.evidence import Checked, check, nearness, quotable_sentences, requoted
from brain.domain.knowledge import Found, Passage
from brain.domain.quoting import Span, telling
from brain.ports import TextKind
from brain.usecases.embedding import embed_passages

TASK = "evidence"


@dataclass(frozen=True, slots=True)
class Case:
    """A question with the passage to answer it from, its sentences, and which of them carry the answer."""

    question: str
    passage: Passage
    sentences: Sequence[str]
    gold: frozenset[int]
    answerable: bool


def read_cases(folder: Path, *, sample: int | None = None) -> list[Case]:
    return [
        _case(row, answerable=name == "answerable")
        for name in ("answerable", "unanswerable")
        for row in sampled(rows(folder / f"{name}.jsonl.gz"), sample)
    ]


def _case(row: dict[str, Any], *, answerable: bool) -> Case:
    [given] = row["passages"]
    said = {sentence for answer in row["output"] for sentence in answer["selected_sentences"]}
    sentences = [str(one) for one in given["sentences"]]
    gold = frozenset(number for number, one in enumerate(sentences) if one in said)
    return Case(str(row["input"]), to_passage(given, str(row["id"]), 0), sentences, gold, answerable)


async def sentence_results(name: str, cases: Sequence[Case], embedder: KeptEmbedder) -> list[Result]:
    """Best sentences where there are some, and whether the confidence tells where there are none."""
    values, sure, near, verbatim = [], [], [], []
    for one in track(cases, f"Answering {len(cases)} questions", console=Console(stderr=True)):
        [vector] = await embedder.matrix([one.question], kind=TextKind.QUESTION)
        index = MemoryIndex(await embed_passages(embedder, [one.passage]))
        draft = await drafted(one.question, vector, index)
        closely = await _read_closely(one.question, vector, draft.checked, embedder)
        checked = requoted(one.question, draft.checked, closely)
        verbatim += [quote in found.passage.text for _, found, quote in checked.citations]
        sure.append(draft.confidence)
        near.append(float(index.vectors[0] @ vector))
        if one.gold:
            similar = await embedder.matrix(one.sentences, kind=TextKind.PASSAGE) @ vector
            ours = by_product(one, checked, closely)
            theirs = np.argsort(-similar, kind="stable").tolist()
            values.append([*_figures(ours, one.gold), *_figures(theirs, one.gold)])
    table, answerable = np.array(values), np.array([one.answerable for one in cases])
    both = [
        {metric: _mean(table[:, at + by]) for at, metric in enumerate(METRICS)} for by in (0, len(METRICS))
    ]
    found = list(compared(name, TASK, (both[0], both[1]), np.arange(len(table))))
    found.append(_share(name, "citations-verbatim", verbatim))
    if 0 < answerable.mean() < 1:
        pair = tuple({"AUROC-answerable": auroc(np.array(scores), answerable)} for scores in (sure, near))
        found += compared(name, "confidence", (pair[0], pair[1]), np.arange(len(cases)))
    return found


METRICS = ("evidence-P@1", "evidence-R-precision")


def _figures(order: Sequence[int], gold: frozenset[int]) -> tuple[float, float]:
    """Whether the best one is right, and of as many as are right, the share that is."""
    return float(order[0] in gold), len(gold & set(order[: len(gold)])) / len(gold)


def _mean(values: Array) -> Statistic:
    statistic = means(values[:, None])
    return lambda weights: statistic(weights)[:, 0]


def _share(name: str, metric: str, values: Sequence[bool]) -> Result:
    statistic, together = _mean(np.array(values, dtype=float)), np.arange(len(values))
    share = float(whole(statistic, len(values)))
    return Result(name, TASK, "expert", metric, share, *bounds(resampled(statistic, together)), len(values))


async def _read_closely(
    question: str, vector: Array, checked: Checked, embedder: KeptEmbedder
) -> dict[Span, float]:
    """In the steps of brain/usecases/ask.py: cosines of the sentences worth reading for their own sake."""
    sentences = quotable_sentences(question, checked)
    near: list[float] = []
    if sentences:
        vectors = await embedder.matrix([text for _, text in sentences], kind=TextKind.PASSAGE)
        near = (vectors @ vector).tolist()
    return nearness(question, checked, dict(zip((span for span, _ in sentences), near, strict=True)))


def by_product(case: Case, checked: Checked, closely: Mapping[Span, float]) -> list[int]:
    """What it quotes first, then in the order in which it would quote the others."""
    quoted = " ".join(" ".join(quote.split()) for _, _, quote in checked.citations)
    spans = _spans(case)
    near = {mine: near for mine in spans for theirs, near in closely.items() if _same(mine, theirs)}
    # Where nothing was said there are only words to go by.
    cited = [found for _, found, _ in checked.citations]
    read = cited[0] if cited else Found(case.passage, 0.0, None, 0.0, None)
    merits = telling(case.question, read, spans, near)
    order = sorted(range(len(spans)), key=lambda number: -merits[number])
    first = [number for number in order if " ".join(case.sentences[number].split()) in quoted]
    return [*first, *(number for number in order if number not in first)]


def _spans(case: Case) -> list[Span]:
    """Where the given sentences stand in the passage, one behind the other."""
    spans, at = [], 0
    for sentence in case.sentences:
        start = max(case.passage.text.find(sentence, at), at)
        spans.append((start, start + len(sentence)))
        at = start + len(sentence)
    return spans


def _same(mine: Span, theirs: Span) -> bool:
    """Whether two ways of cutting a passage into sentences mean the same one: most of either is shared."""
    shared = min(mine[1], theirs[1]) - max(mine[0], theirs[0])
    return 2 * shared > max(mine[1] - mine[0], theirs[1] - theirs[0])


@dataclass(frozen=True, slots=True)
class Statement:
    claim: str
    sources: Sequence[Passage]
    carried: bool

    @property
    def origin(self) -> frozenset[str]:
        return frozenset(one.text for one in self.sources) or frozenset((self.claim,))


def read_statements(folder: Path, *, sample: int | None = None) -> dict[str, list[Statement]]:
    """By file, each of other origin."""
    return {
        path.name.split(".")[0]: [
            _statement(row, f"{path.name}#{number}") for number, row in enumerate(sampled(rows(path), sample))
        ]
        for path in sorted(folder.glob("*.jsonl.gz"))
    }


def _statement(row: dict[str, Any], name: str) -> Statement:
    sources = [
        to_passage({"title": "", "text": text}, name, number) for number, text in enumerate(row["references"])
    ]
    return Statement(str(row["claim"]), sources, row["attribution_label"] == "attributable")


async def statement_results(
    folder: str, files: dict[str, list[Statement]], embedder: KeptEmbedder
) -> list[Result]:
    """The check of the product next to the cosine of claim and source. The cosine's threshold is the best one
    on the other files: what is picked on the same claims would flatter it."""
    labels = {name: np.array([one.carried for one in own]) for name, own in files.items()}
    near = {name: await _nearness(own, embedder) for name, own in files.items()}
    ours = {name: np.array([is_carried(one) for one in own]) for name, own in files.items()}
    theirs = {}
    for name in files:
        others = [other for other in files if other != name] or [name]
        known = np.concatenate([labels[one] for one in others])
        theirs[name] = near[name] >= _best(np.concatenate([near[one] for one in others]), known)
    groups = {folder: list(files)} | {f"{folder}/{name}": [name] for name in files}
    found: list[Result] = []
    for group, names in groups.items():
        true = np.concatenate([labels[name] for name in names])
        pair = tuple(
            {"macro-F1": macro_f1(np.concatenate([said[name] for name in names]), true)}
            for said in (ours, theirs)
        )
        together = clusters([one.origin for name in names for one in files[name]])
        found += compared(group, TASK, (pair[0], pair[1]), together)
    return found


def is_carried(one: Statement) -> bool:
    """Nothing that it claims is taken out."""
    given = [Found(source, 0.0, None, 0.0, None) for source in one.sources]
    checked = check(one.claim, given)
    return checked.kept > 0 and checked.dropped == 0


async def _nearness(statements: Sequence[Statement], embedder: KeptEmbedder) -> Array:
    claims = await embedder.matrix([one.claim for one in statements], kind=TextKind.PASSAGE)
    texts = [source.text for one in statements for source in one.sources]
    vectors = iter(await embedder.matrix(texts, kind=TextKind.PASSAGE))
    return np.array(
        [
            max((float(next(vectors) @ claim) for _ in one.sources), default=0.0)
            for one, claim in zip(statements, claims, strict=True)
        ]
    )


def _best(near: Array, labels: Array) -> float:
    every = np.ones((1, len(labels)))
    return float(max(np.unique(near), key=lambda one: macro_f1(near >= one, labels)(every)[0]))

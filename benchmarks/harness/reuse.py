"""Whether an approved answer is served again: never to another question, and to paraphrases often."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.harness.metrics import Array, Result, bounds, clusters, means, resampled, whole
from benchmarks.harness.sets import rows, sampled
from benchmarks.harness.vectors import KeptEmbedder
from brain.domain.sameness import same_question
from brain.ports import TextKind

TASK = "cache"
# What semantic caches commonly serve from.
COSINE = 0.92
RULE = f"cosine{COSINE}"


@dataclass(frozen=True, slots=True)
class Pair:
    """`kind` names the metric it counts for; `source` the file it is from."""

    asked: str
    approved: str
    kind: str
    source: str


def read_pairs(folder: Path, *, sample: int | None = None) -> list[Pair]:
    return [
        Pair(str(row["a"]), str(row["b"]), _kind(path, int(row["label"])), path.name.split(".")[0])
        for path in sorted(folder.glob("*.jsonl.gz"))
        for row in sampled(rows(path), sample)
    ]


def _kind(path: Path, label: int) -> str:
    if label:
        return "true-hits"
    if path.name.startswith("paraphrases"):
        # Told apart by the commands that people wrote: many of these questions say the same.
        return "hits-other-command"
    return "false-hits-flips" if path.name.startswith("flips") else "false-hits-hard"


async def results(name: str, pairs: Sequence[Pair], embedder: KeptEmbedder) -> list[Result]:
    asked = await embedder.matrix([one.asked for one in pairs], kind=TextKind.QUESTION)
    approved = await embedder.matrix([one.approved for one in pairs], kind=TextKind.QUESTION)
    alike = (asked * approved).sum(axis=1)
    served = np.array(
        [
            (same_question(one.asked, one.approved, float(cosine)), cosine > COSINE)
            for one, cosine in zip(pairs, alike, strict=True)
        ],
        dtype=float,
    )
    return list(_rows(name, pairs, served))


def _rows(folder: str, pairs: Sequence[Pair], served: Array) -> Iterator[Result]:
    """Of each kind of pair all together, then file by file: what the product serves, what the rule does."""
    groups: dict[tuple[str, str], list[int]] = {}
    for number, one in enumerate(pairs):
        groups.setdefault((folder, one.kind), []).append(number)
        groups.setdefault((f"{folder}/{one.source}", one.kind), []).append(number)
    for (name, metric), numbers in groups.items():
        together = clusters([frozenset((pairs[one].asked, pairs[one].approved)) for one in numbers])
        values = np.column_stack([served[numbers], served[numbers, 0] - served[numbers, 1]])
        points = whole(means(values), len(numbers))
        samples = resampled(means(values), together)
        named = (("expert", metric), (RULE, metric), ("expert", f"{metric}-{RULE}"))
        for column, (system, said) in enumerate(named):
            low, high = bounds(samples[:, column])
            yield Result(name, TASK, system, said, float(points[column]), low, high, len(numbers))

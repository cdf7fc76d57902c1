"""A large searchable corpus out of public texts: real passages, recombined until there are enough of them.

Embedding as many texts would take hours on a CPU. Some passages have their own embedding; each of the others,
made of halves of two texts, has a vector between those of two of them, moved a little.
"""

import asyncio
import gzip
import hashlib
import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from brain.adapters.fastembed_embedder import PACKAGED, FastembedEmbedder
from brain.domain.ranking import terms
from brain.ports import TextKind

SETS = ("techqa", "wixqa", "aws", "alert2runbook")
# How far a derived vector is moved from the middle of the two.
_NOISE = 0.2

Matrix = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True, slots=True)
class Corpus:
    """`halves` of each passage, by position in `pieces`; a vector for each passage and each question."""

    pieces: Sequence[str]
    counts: Sequence[Counter[str]]
    halves: Sequence[tuple[int, int]]
    vectors: Matrix
    questions: Sequence[str]
    asked: Matrix
    embedded: int

    def text(self, position: int) -> str:
        first, second = self.halves[position]
        return f"{self.pieces[first]} {self.pieces[second]}"

    def terms(self, position: int) -> Counter[str]:
        first, second = self.halves[position]
        return self.counts[first] + self.counts[second]


def build(data: Path, *, passages: int, embedded: int, questions: int, cache: Path) -> Corpus:
    rng = random.Random(20_261_121)
    texts = [row for name in SETS for row in _rows(data / name / "passages.jsonl.gz")]
    rng.shuffle(texts)
    asked = [row for name in SETS for row in _rows(data / name / "queries.jsonl.gz")]
    rng.shuffle(asked)
    asked = asked[:questions]
    pieces = [half for text in texts for half in _halved(text)]
    # The first ones are whole passages as they were; the others are made of halves of two.
    halves = [(2 * number, 2 * number + 1) for number in range(len(texts))][:passages]
    while len(halves) < passages:
        halves.append((2 * rng.randrange(len(texts)), 2 * rng.randrange(len(texts)) + 1))
    real = _embedded(texts[:embedded], TextKind.PASSAGE, cache)
    return Corpus(
        pieces=pieces,
        counts=[Counter(terms(piece)) for piece in pieces],
        halves=halves,
        vectors=_spread(real, passages),
        questions=asked,
        asked=_embedded(asked, TextKind.QUESTION, cache),
        embedded=len(real),
    )


def _rows(path: Path) -> list[str]:
    if not path.exists():
        raise SystemExit(f"There is no {path}: --data names the folder that holds {', '.join(SETS)}.")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [str(json.loads(line)["text"]) for line in lines]


def _halved(text: str) -> tuple[str, str]:
    words = text.split()
    return " ".join(words[: len(words) // 2]), " ".join(words[len(words) // 2 :])


def _spread(real: Matrix, count: int) -> Matrix:
    """The real ones first."""
    generator = np.random.default_rng(20_261_121)
    first, second = generator.integers(0, len(real), (2, max(0, count - len(real))))
    noise = generator.standard_normal((len(first), real.shape[1])).astype(np.float32)
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    derived = (real[first] + real[second]) / 2 + _NOISE * noise
    derived /= np.linalg.norm(derived, axis=1, keepdims=True)
    return np.vstack([real, derived])[:count]


def _embedded(texts: Sequence[str], kind: TextKind, cache: Path) -> Matrix:
    """From the cache, where the same texts were embedded before."""
    digest = hashlib.sha256("\x1f".join((PACKAGED, kind, *texts)).encode()).hexdigest()[:16]
    file = cache / f"{digest}.npy"
    if not file.exists():
        cache.mkdir(parents=True, exist_ok=True)
        embedder = FastembedEmbedder(PACKAGED, home=cache)
        try:
            np.save(file, np.asarray(asyncio.run(embedder.embed(texts, kind=kind)), dtype=np.float32))
        finally:
            embedder.close()
    found: Matrix = np.load(file)
    return found

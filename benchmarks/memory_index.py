"""A knowledge index in memory with the product's own terms, weights and fusion: to measure, not to serve."""

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from brain.domain.knowledge import Embedded, Found, PassageId
from brain.domain.ranking import K1, B, fuse, terms


class MemoryIndex:
    def __init__(self, embedded: Sequence[Embedded]) -> None:
        self.embedded = embedded
        self.passages = passages = [one.passage for one in embedded]
        self.vectors = np.asarray([one.vector for one in embedded], dtype=np.float32)
        self.positions = {passage.id: position for position, passage in enumerate(passages)}
        counts = [Counter(terms(passage.indexed_text)) for passage in passages]
        lengths = [sum(count.values()) for count in counts]
        mean = sum(lengths) / max(len(lengths), 1)
        self.postings: dict[str, list[tuple[int, float]]] = defaultdict(list)
        for position, (count, length) in enumerate(zip(counts, lengths, strict=True)):
            for term, times in count.items():
                weight = times * (K1 + 1) / (times + K1 * (1 - B + B * length / mean))
                self.postings[term].append((position, weight))

    def search(
        self,
        question: str,
        vector: "np.ndarray[Any, Any]",
        *,
        limit: int = 50,
        apart_from: Collection[PassageId] = (),
    ) -> list[Found]:
        """Fused, best first; as if the passages `apart_from` were not there."""
        dense = self.vectors @ vector
        lexical = np.zeros(len(self.passages))
        for term in set(terms(question)):
            entries = self.postings.get(term, [])
            idf = math.log(1 + (len(self.passages) - len(entries) + 0.5) / (len(entries) + 0.5))
            for position, weight in entries:
                lexical[position] += idf * weight
        for position in (self.positions[one] for one in apart_from):
            dense[position], lexical[position] = -np.inf, 0.0
        by_meaning = [int(one) for one in np.argsort(-dense, kind="stable")[:limit] if dense[one] > -np.inf]
        by_words = [int(one) for one in np.argsort(-lexical, kind="stable")[:limit] if lexical[one] > 0]
        dense_rank = {position: rank for rank, position in enumerate(by_meaning, start=1)}
        lexical_rank = {position: rank for rank, position in enumerate(by_words, start=1)}
        return fuse(
            question,
            [
                Found(
                    self.passages[one],
                    float(dense[one]),
                    dense_rank.get(one),
                    float(lexical[one]),
                    lexical_rank.get(one),
                    pieces=tuple(
                        (start, float(np.dot(piece, vector))) for start, piece in self.embedded[one].pieces
                    ),
                )
                for one in {*by_meaning, *by_words}
            ],
        )

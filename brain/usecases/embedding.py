"""Passages with what they and their pieces mean, as the index keeps them."""

import asyncio
from collections.abc import Sequence

from brain.domain.knowledge import Embedded, Passage, Vector
from brain.domain.reading import spoken_unit, units
from brain.ports import Embedder, TextKind


async def embed_passages(embedder: Embedder, passages: Sequence[Passage]) -> list[Embedded]:
    """In order. Pieces are what an answer is picked from, so that picking one needs no model."""
    # Reading a book takes a second: not on the event loop.
    pieces = await asyncio.to_thread(_pieces, passages)
    texts = [passage.indexed_text for passage in passages] + [text for _, _, text in pieces]
    # What a document says again and again, as a footer, is embedded once.
    once = list(dict.fromkeys(texts))
    by_text = dict(zip(once, await embedder.embed(once, kind=TextKind.PASSAGE), strict=True))
    vectors = [by_text[one] for one in texts]
    meant: list[list[tuple[int, Vector]]] = [[] for _ in passages]
    for (number, start, _), vector in zip(pieces, vectors[len(passages) :], strict=True):
        meant[number].append((start, vector))
    return [
        Embedded(passage, vector, tuple(own))
        for passage, vector, own in zip(passages, vectors, meant, strict=False)
    ]


def _pieces(passages: Sequence[Passage]) -> list[tuple[int, int, str]]:
    """Of each piece: the passage's number, where it starts there, and what it says."""
    return [
        (number, unit.start, spoken_unit(unit, passage))
        for number, passage in enumerate(passages)
        for unit in units(0, passage)
    ]

"""Passages with what they and their pieces mean, as the index keeps them."""

from collections.abc import Sequence

from brain.domain.knowledge import Embedded, Passage
from brain.domain.reading import spoken_unit, units
from brain.ports import Embedder, TextKind


async def embed_passages(embedder: Embedder, passages: Sequence[Passage]) -> list[Embedded]:
    """In order. Pieces are what an answer is picked from, so that picking one needs no model."""
    pieces = [(n, unit) for n, passage in enumerate(passages) for unit in units(0, passage)]
    texts = [passage.indexed_text for passage in passages]
    texts += [spoken_unit(unit, passages[n]) for n, unit in pieces]
    vectors = await embedder.embed(texts, kind=TextKind.PASSAGE)
    meant: list[list[tuple[int, Sequence[float]]]] = [[] for _ in passages]
    for (n, unit), vector in zip(pieces, vectors[len(passages) :], strict=True):
        meant[n].append((unit.start, vector))
    return [
        Embedded(passage, vector, tuple(own))
        for passage, vector, own in zip(passages, vectors, meant, strict=False)
    ]

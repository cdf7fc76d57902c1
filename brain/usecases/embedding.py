"""Passages with what they and their pieces mean, as the index keeps them."""

import asyncio
from collections.abc import Sequence

from brain.domain.knowledge import Embedded, Passage, PassageId, Vector
from brain.domain.reading import spoken_unit, units
from brain.ports import Embedder, TextKind


async def embed_passages(
    embedder: Embedder, passages: Sequence[Passage], *, known: Sequence[Embedded] = ()
) -> list[Embedded]:
    """In order. Pieces are what an answer is picked from, so that picking one needs no model.

    What is `known` from before is not embedded again, where it is cut into the same pieces today.
    """
    # Reading a book takes a second: not on the event loop.
    pieces = await asyncio.to_thread(_pieces, passages)
    kept = _as_today(known, passages, pieces)
    new = [one for one in passages if one.id not in kept]
    made = await _embed(embedder, new, pieces if not kept else await asyncio.to_thread(_pieces, new))
    if kept and any(one.vector.embedder != made[0].vector.embedder for one in kept.values() if made):
        # Another embedder has just taken over: all of a document is in the terms of one.
        return await _embed(embedder, passages, pieces)
    by_id = kept | {one.passage.id: one for one in made}
    return [by_id[one.id] for one in passages]


def _as_today(
    known: Sequence[Embedded], passages: Sequence[Passage], pieces: Sequence[tuple[int, int, str]]
) -> dict[PassageId, Embedded]:
    starts: dict[PassageId, set[int]] = {one.id: set() for one in passages}
    for number, start, _ in pieces:
        starts[passages[number].id].add(start)
    return {
        one.passage.id: one
        for one in known
        if starts.get(one.passage.id) == {start for start, _ in one.pieces}
    }


async def _embed(
    embedder: Embedder, passages: Sequence[Passage], pieces: Sequence[tuple[int, int, str]]
) -> list[Embedded]:
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

"""Embeds a question once, however often it is asked."""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence

from brain.domain.knowledge import Vector
from brain.ports import Embedder, TextKind

# Six megabytes of the packaged encoder's vectors.
MOST = 500


class RememberingEmbedder:
    """Keeps the vectors of the questions asked last, by what they say: no question's text stays in memory.

    A vector depends on nothing but the text and the model, so that tenants may share it.
    """

    def __init__(self, embedder: Embedder, *, most: int = MOST) -> None:
        self.name = embedder.name
        self._embedder = embedder
        self._most = most
        self._vectors: OrderedDict[bytes, Vector] = OrderedDict()

    async def embed(self, texts: Sequence[str], *, kind: TextKind) -> list[Vector]:
        if kind is not TextKind.QUESTION:
            return await self._embedder.embed(texts, kind=kind)
        asked = [hashlib.sha256(text.encode()).digest() for text in texts]
        known = {key: self._vectors[key] for key in asked if key in self._vectors}
        new = {key: text for key, text in zip(asked, texts, strict=True) if key not in known}
        if new:
            known |= zip(new, await self._embedder.embed(list(new.values()), kind=kind), strict=True)
        for key in asked:
            self._vectors[key] = known[key]
            self._vectors.move_to_end(key)
        while len(self._vectors) > self._most:
            self._vectors.popitem(last=False)
        return [known[key] for key in asked]

    def count_tokens(self, text: str) -> int:
        return self._embedder.count_tokens(text)

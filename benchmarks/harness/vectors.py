"""Embeddings kept on disk by what was embedded, so that a second run embeds only what changed."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from brain.domain.knowledge import Vector
from brain.ports import Embedder, TextKind

# Texts between two writes: what an interrupted run loses; and between two moves of the bar.
_SHARD = 500
_PART = 50


class KeptEmbedder:
    """The embedder given, asked only for what the folder does not hold. What is new is written now and then,
    and the rest of it by `save`."""

    def __init__(self, embedder: Embedder, folder: Path) -> None:
        self.name = embedder.name
        self._embedder = embedder
        self._folder = folder
        self._known: dict[str, np.ndarray[Any, Any]] = {}
        self._unsaved: list[str] = []
        for path in sorted(folder.glob("*.npz")):
            with np.load(path) as shard:
                self._known.update(zip(shard["keys"].tolist(), shard["vectors"], strict=True))

    async def embed(self, texts: Sequence[str], *, kind: TextKind) -> list[Vector]:
        await self._learn(texts, kind)
        return [Vector(self._known[self._key(text, kind)].tolist(), embedder=self.name) for text in texts]

    async def matrix(self, texts: Sequence[str], *, kind: TextKind) -> "np.ndarray[Any, Any]":
        await self._learn(texts, kind)
        return np.array([self._known[self._key(text, kind)] for text in texts], dtype=np.float32)

    def count_tokens(self, text: str) -> int:
        return self._embedder.count_tokens(text)

    def save(self) -> None:
        keys, self._unsaved = self._unsaved, []
        if not keys:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        name = hashlib.sha256("".join(keys).encode()).hexdigest()[:16]
        partial = self._folder / f"{name}.partial"
        with partial.open("wb") as file:
            np.savez(file, keys=np.array(keys), vectors=np.array([self._known[key] for key in keys]))
        partial.replace(self._folder / f"{name}.npz")

    async def _learn(self, texts: Sequence[str], kind: TextKind) -> None:
        new = {key: text for text in texts if (key := self._key(text, kind)) not in self._known}
        for keys in _parts(list(new)):
            vectors = await self._embedder.embed([new[key] for key in keys], kind=kind)
            self._known.update(zip(keys, np.asarray(vectors, dtype=np.float32), strict=True))
            self._unsaved += keys
            if len(self._unsaved) >= _SHARD:
                self.save()

    def _key(self, text: str, kind: TextKind) -> str:
        return hashlib.sha256("\x1f".join((self.name, kind, text)).encode()).hexdigest()[:32]


def _parts(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    """With a bar for whoever waits, where it takes a while."""
    parts = [keys[start : start + _PART] for start in range(0, len(keys), _PART)]
    if len(parts) < 2:
        return iter(parts)
    return iter(track(parts, f"Embedding {len(keys):,} texts", console=Console(stderr=True)))

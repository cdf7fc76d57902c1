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

# Texts between two writes: what an interrupted run loses.
_SHARD = 500


class KeptEmbedder:
    """The embedder given, asked only for what the folder does not hold."""

    def __init__(self, embedder: Embedder, folder: Path) -> None:
        self.name = embedder.name
        self._embedder = embedder
        self._folder = folder
        self._known: dict[str, np.ndarray[Any, Any]] = {}
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

    async def _learn(self, texts: Sequence[str], kind: TextKind) -> None:
        new = {key: text for text in texts if (key := self._key(text, kind)) not in self._known}
        for keys in _shards(list(new), f"Embedding {len(new)} texts"):
            vectors = await self._embedder.embed([new[key] for key in keys], kind=kind)
            self._keep(keys, np.asarray(vectors, dtype=np.float32))

    def _keep(self, keys: Sequence[str], vectors: "np.ndarray[Any, Any]") -> None:
        self._known.update(zip(keys, vectors, strict=True))
        self._folder.mkdir(parents=True, exist_ok=True)
        name = hashlib.sha256("".join(keys).encode()).hexdigest()[:16]
        partial = self._folder / f"{name}.partial"
        with partial.open("wb") as file:
            np.savez(file, keys=np.array(keys), vectors=vectors)
        partial.replace(self._folder / f"{name}.npz")

    def _key(self, text: str, kind: TextKind) -> str:
        return hashlib.sha256("\x1f".join((self.name, kind, text)).encode()).hexdigest()[:32]


def _shards(keys: Sequence[str], title: str) -> Iterator[Sequence[str]]:
    if keys:
        starts = range(0, len(keys), _SHARD)
        for start in track(starts, title, console=Console(stderr=True)):
            yield keys[start : start + _SHARD]

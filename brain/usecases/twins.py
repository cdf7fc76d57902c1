"""Find the document that a new one repeats, or nearly repeats."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from brain.domain.identity import TenantId
from brain.domain.knowledge import Document
from brain.domain.likeness import LEAST_ALIKE, likeness, say_the_same
from brain.ports import Store


@dataclass(frozen=True, slots=True)
class Twin:
    """An indexed document of the same department, and so of the same audience."""

    document: Document
    says_the_same: bool


async def find_twin(store: Store, tenant: TenantId, document: Document, markdown: str) -> Twin | None:
    """The oldest that says the same; else the one that is most like it, where one is."""
    async with store.transaction(tenant) as tx:
        candidates = await tx.library.copies.alike(document, markdown=markdown)
    # In a thread: comparing books takes seconds.
    return await asyncio.to_thread(_closest, markdown, candidates)


def _closest(markdown: str, candidates: Sequence[tuple[Document, str]]) -> Twin | None:
    near = []
    for document, text in candidates:
        if (share := likeness(markdown, text)) >= LEAST_ALIKE:
            if say_the_same(markdown, text):
                return Twin(document, says_the_same=True)
            near.append((share, document))
    return Twin(max(near, key=lambda one: one[0])[1], says_the_same=False) if near else None

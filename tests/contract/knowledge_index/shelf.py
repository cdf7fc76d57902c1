"""A world whose questions are asked of one index, and what a test does with it."""

import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from brain.domain.identity import Audience, DepartmentId
from brain.domain.knowledge import Found, Vector
from brain.domain.ranking import fuse
from brain.ports import KnowledgeIndex, TextKind
from tests.conftest import World


@dataclass(slots=True)
class Shelf:
    """`settle` returns when what was written can be found."""

    world: World
    index: KnowledgeIndex
    settle: Callable[[], Awaitable[None]]

    def __post_init__(self) -> None:
        self.world = replace(self.world, ask=replace(self.world.ask, index=self.index))

    async def reads(self, source: str, text: str, *, department: str = "it-ops", by: str = "ravi") -> None:
        await self.world.reads(source, text, department=department, by=by)
        await self.settle()

    async def finds(
        self,
        question: str,
        *,
        by: str | Sequence[str] = "amira",
        department: str | None = None,
        limit: int = 10,
    ) -> list[Found]:
        """Best first. `by` several: what is shown to all of them."""
        found = await self.index.search(
            question,
            vector=await self.vector(question),
            audience=self.audience(by),
            department=self.world.departments[department].id if department else None,
            limit=limit,
        )
        # A database adds up in any order: two sums differ in their last digit.
        exact = [replace(one, lexical_score=round(one.lexical_score, 9)) for one in found]
        return fuse(question, exact)

    async def titles(self, question: str, *, by: str | Sequence[str] = "amira") -> set[str]:
        return {one.passage.title for one in await self.finds(question, by=by)}

    async def vector(self, question: str, *, kind: TextKind = TextKind.QUESTION) -> Vector:
        [vector] = await self.world.ask.embedder.embed([question], kind=kind)
        return vector

    def audience(self, by: str | Sequence[str]) -> Audience:
        handles = [by] if isinstance(by, str) else by
        each = [self.world.people[one].audience.departments for one in handles]
        return Audience(self.world.tenant, frozenset[DepartmentId].intersection(*each))


def cosine(one: Vector, other: Vector) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True)) / (math.hypot(*one) * math.hypot(*other))

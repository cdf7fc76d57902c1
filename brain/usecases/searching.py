"""What a question is searched with and what is found, for as long as somebody who asks can wait for it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import TypeVar

from brain.domain.errors import Unavailable
from brain.domain.knowledge import Found, Vector
from brain.domain.ladder import Seen
from brain.domain.question import Question
from brain.ports import Embedder, KnowledgeIndex, TextKind

# Candidates of each ranking.
CANDIDATES = 50
# What is away for a moment, as while another embedding model takes over, is asked again until then.
LONGEST_S = 3.0
PAUSE_S = 1.0
_T = TypeVar("_T")


@dataclass(slots=True)
class Searching:
    """`seen` is how it went the last time that an answer could be saved: while the database is away, nothing
    is known of the search. `away` is why it failed this time."""

    index: KnowledgeIndex
    embedder: Embedder
    seen: Seen
    longest_s: float = LONGEST_S
    away: str = ""
    _began: float = field(default_factory=monotonic)
    _vector: Vector | None = None

    async def vector(self, wording: str) -> Vector | None:
        """None where questions cannot be embedded."""

        self._vector = await self._patiently(lambda: self._embedded(wording))
        return self._vector

    async def passages(self, wording: str, question: Question) -> list[Found] | None:
        """None where passages cannot be found."""

        async def found() -> list[Found]:
            # Embedded anew where that failed: another embedder may have taken over meanwhile.
            vector, self._vector = self._vector or await self._embedded(wording), None
            return await self.index.search(
                wording,
                vector=vector,
                audience=question.audience,
                department=question.department,
                limit=CANDIDATES,
            )

        return await self._patiently(found)

    def tell(self) -> None:
        """Once it is known that it was the search that failed, and not all there is."""
        if self.away:
            self.seen.failed(self.away)
        else:
            self.seen.succeeded()

    async def _embedded(self, wording: str) -> Vector:
        [vector] = await self.embedder.embed([wording], kind=TextKind.QUESTION)
        return vector

    async def _patiently(self, work: Callable[[], Awaitable[_T]]) -> _T | None:
        while True:
            try:
                done = await work()
            except Unavailable as error:
                late = monotonic() + PAUSE_S > self._began + self.longest_s
                if late or self.seen.failing:
                    self.away = str(error)
                    return None
            else:
                self.away = ""
                return done
            await asyncio.sleep(PAUSE_S)

"""Generator that shares the model slots of a process fairly among tenants.

Who would have to wait for too long gets the sources' own sentences, and is told so.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from brain.domain.answer import Generation, Piece
from brain.domain.knowledge import Found
from brain.domain.ladder import Level
from brain.domain.overload import Backlog
from brain.domain.question import Turn
from brain.domain.slots import Slots
from brain.domain.whose import whose
from brain.ports import Generator

BUSY = (
    "Many questions wait, so no language model was asked.",
    "These are the sources' own sentences.",
)
# Somebody waits for the answer, and a generation takes some seconds.
LONGEST_S = 20.0


class SharedGenerator:
    """`quoting` needs no model."""

    def __init__(
        self,
        generator: Generator,
        *,
        quoting: Generator,
        slots: Slots,
        backlog: Backlog,
        longest_s: float = LONGEST_S,
    ) -> None:
        self.name = generator.name
        self._generator, self._quoting = generator, quoting
        self._slots, self._backlog, self._longest_s = slots, backlog, longest_s

    async def generate(
        self, question: str, *, passages: Sequence[Found], history: Sequence[Turn], instructions: str
    ) -> AsyncIterator[Piece | Generation]:
        tenant = whose()
        if not self._backlog.short(tenant):
            async with self._slots.one(tenant, within_s=self._longest_s) as taken:
                if taken:
                    async for piece in self._generator.generate(
                        question, passages=passages, history=history, instructions=instructions
                    ):
                        yield piece
                    return
        async for piece in self._quoting.generate(
            question, passages=passages, history=history, instructions=instructions
        ):
            if isinstance(piece, Generation):
                yield replace(piece, notes=(*BUSY, *piece.notes), level=Level.NO_MODEL)
            else:
                yield piece

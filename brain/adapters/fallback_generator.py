"""Generator that asks language models in turn and, where none can or may be asked, quotes the sources.

Whoever reads the answer is told what it was made by, and why.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from brain.domain.answer import Generation, Piece
from brain.domain.deadline import sharing
from brain.domain.errors import ExpertError, Unavailable
from brain.domain.knowledge import Found
from brain.domain.ladder import Level
from brain.domain.orders import gives_orders
from brain.domain.question import Turn
from brain.ports import Generator

ORDERED = "The question tells the machine what to say, so no language model was given it."


class FallbackGenerator:
    def __init__(self, models: Sequence[Generator], *, last: Generator) -> None:
        self.name = models[0].name
        self._models = models
        self._last = last

    async def generate(
        self, question: str, *, passages: Sequence[Found], history: Sequence[Turn], instructions: str
    ) -> AsyncIterator[Piece | Generation]:
        # What quotes cannot be talked into anything.
        ordered = gives_orders(question)
        generators = [self._last] if ordered else [*self._models, self._last]
        notes = [ORDERED] if ordered else []
        level = Level.FULL
        for number, generator in enumerate(generators):
            try:
                stream = generator.generate(
                    question, passages=passages, history=history, instructions=instructions
                )
                # Who is asked first leaves the others time to answer in.
                with sharing(max(1, len(self._models) - number)):
                    generation = await _finished(stream)
            except ExpertError:
                if generator is self._last:
                    raise
                # Without the reason: it is for those who run it, and `/ready` and `/metrics` tell them.
                notes.append(f"The language model {generator.name} could not be used.")
                level = Level.NO_MODEL if number + 1 == len(self._models) else Level.STAND_IN
                continue
            if generator is self._last:
                notes.append("These are the sources' own sentences.")
            if generation.text:
                yield Piece(generation.text)
            yield replace(generation, notes=(*notes, *generation.notes), level=level)
            return


async def _finished(stream: AsyncIterator[Piece | Generation]) -> Generation:
    """Nothing of a generation that breaks off may be shown, so its pieces wait for its end."""
    async for piece in stream:
        if isinstance(piece, Generation):
            return piece
    raise Unavailable("The model stopped before its answer was complete.")

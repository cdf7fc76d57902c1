"""Language model that shares the model slots of a process fairly among tenants, for those who can do without:
a follow-up is put together by rule, and an answer goes unjudged to a person."""

from collections.abc import Sequence
from typing import Protocol

from brain.adapters.language_model import Completion
from brain.adapters.prompts import Message
from brain.domain.errors import Unavailable
from brain.domain.slots import Slots
from brain.domain.whose import whose

# Of what a question has to wait for, the answer itself comes first.
LONGEST_S = 2.0


class Completes(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def most_input_tokens(self) -> int: ...

    def count(self, text: str) -> int: ...

    async def complete(self, messages: Sequence[Message]) -> Completion: ...


class SharedModel:
    def __init__(self, model: Completes, slots: Slots, *, longest_s: float = LONGEST_S) -> None:
        self.name, self.most_input_tokens, self.count = model.name, model.most_input_tokens, model.count
        self._model, self._slots, self._longest_s = model, slots, longest_s

    async def complete(self, messages: Sequence[Message]) -> Completion:
        """Raises `Unavailable` where no slot became free in time."""
        async with self._slots.one(whose(), within_s=self._longest_s) as taken:
            if not taken:
                raise Unavailable("Many questions wait for a model.")
            return await self._model.complete(messages)

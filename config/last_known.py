"""What the database said last, for while it is away: without some of it nothing can be acknowledged."""

import random
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from brain.domain.circuit import Circuit
from brain.domain.errors import Unavailable
from brain.usecases.take_in import through

# Several of these and the one insert have to fit into what a platform waits.
WITHIN_S = 0.4

T = TypeVar("T")


def database_circuit() -> Circuit:
    """While it is open, what arrives goes into the journal at once, and nothing waits for the database."""
    rng = random.Random()  # noqa: S311  # spreads attempts
    return Circuit("The database", clock=time.monotonic, jitter=rng.random)


@dataclass(slots=True)
class LastKnown(Generic[T]):
    circuit: Circuit
    _answers: dict[str, T] = field(default_factory=dict)

    async def ask(self, about: str, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Raises `Unavailable` where the database is away and was never asked that."""
        try:
            answer = await through(self.circuit, work, within_s=WITHIN_S)
        except Unavailable:
            if about not in self._answers:
                raise
            return self._answers[about]
        self._answers[about] = answer
        return answer

    def learn(self, about: str, answer: T) -> None:
        self._answers[about] = answer

    def forget(self, about: str) -> None:
        self._answers.pop(about, None)

"""Take in what a platform delivers, database or not: once this returns, it will be dealt with."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from brain.domain.circuit import Circuit
from brain.domain.conversation import Delivery, Kept
from brain.domain.errors import DatabaseAway, Unavailable
from brain.domain.identity import TenantId
from brain.ports.talk import Journal, TalkStore
from brain.usecases.receive import receive

# Platforms wait for three seconds, and there is more to do than this.
BUDGET_S = 1.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TakeIn:
    """Into the database, or into the journal, from where it is replayed. What the database was too slow to
    confirm may be in both: the replay is of the same delivery, and changes nothing then."""

    store: TalkStore
    journal: Journal
    circuit: Circuit
    budget_s: float = BUDGET_S

    async def __call__(self, tenant: TenantId, delivery: Delivery) -> Kept:
        """Raises `Unavailable` where the journal takes it neither."""
        try:
            await through(self.circuit, lambda: receive(self.store, tenant, delivery), within_s=self.budget_s)
        except Unavailable:
            await self.journal.append(tenant, delivery)
            return Kept.JOURNAL
        return Kept.DATABASE


async def through(circuit: Circuit, work: Callable[[], Coroutine[Any, Any, T]], *, within_s: float) -> T:
    """Raises `Unavailable` where the backend is left alone, says so itself, or takes longer."""
    with circuit.attempt() as attempt:
        try:
            done = await in_time(work, within_s=within_s)
        except Unavailable as error:
            attempt.failed(str(error))
            raise
        attempt.succeeded()
        return done


async def in_time(work: Callable[[], Coroutine[Any, Any, T]], *, within_s: float) -> T:
    """Raises `DatabaseAway` where it takes longer. What is cancelled is not waited for: a connection to
    nobody takes its time to close, too."""
    task = asyncio.ensure_future(work())
    try:
        await asyncio.wait({task}, timeout=within_s)
        if not task.done():
            raise DatabaseAway(f"The database did not answer within {within_s:g} s.")
        return task.result()
    finally:
        if not task.done():
            task.add_done_callback(_unheard)
            task.cancel()


def _unheard(task: asyncio.Future[Any]) -> None:
    """Nobody wants to know any more how it ended."""
    if not task.cancelled():
        task.exception()

"""How many generations one process has under way, and whose is next. Belongs to one event loop."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from brain.domain.identity import TenantId


@dataclass(slots=True)
class Slots:
    """A tenant may take every free slot while nobody else waits. Else the one that holds the fewest is next,
    and of those the one that has been waiting for longest."""

    most: int
    held: Counter[TenantId] = field(default_factory=Counter)
    _waiting: deque[tuple[TenantId, asyncio.Future[None]]] = field(default_factory=deque)

    @property
    def free(self) -> int:
        return self.most - self.held.total()

    @property
    def waiting(self) -> int:
        return sum(not turn.done() for _, turn in self._waiting)

    @asynccontextmanager
    async def one(self, tenant: TenantId, *, within_s: float) -> AsyncIterator[bool]:
        """False where none became free in time."""
        taken = await self._take(tenant, within_s)
        try:
            yield taken
        finally:
            if taken:
                self._give_back(tenant)

    async def _take(self, tenant: TenantId, within_s: float) -> bool:
        # What is free while somebody waits is theirs already.
        if self.free > 0:
            self.held[tenant] += 1
            return True
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((tenant, turn))
        try:
            await asyncio.wait({turn}, timeout=within_s)
        except asyncio.CancelledError:
            if turn.done():
                self._give_back(tenant)
            raise
        finally:
            if not turn.done():
                turn.cancel()
                self._waiting.remove((tenant, turn))
        return not turn.cancelled()

    def _give_back(self, tenant: TenantId) -> None:
        self.held[tenant] -= 1
        if not self.held[tenant]:
            del self.held[tenant]
        if self._waiting:
            one = min(self._waiting, key=lambda waiting: self.held[waiting[0]])
            self._waiting.remove(one)
            next_, turn = one
            self.held[next_] += 1
            turn.set_result(None)

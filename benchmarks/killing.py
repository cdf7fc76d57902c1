"""Kills processes at random, and starts again whatever is gone, as whoever supervises them would."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from benchmarks.running import Product

# What systemd, Docker and Kubernetes wait before they start something again is of this order.
AGAIN_S = 1.0


@dataclass
class Killed:
    """One process. `gave_up` counts how often it ended without having been killed."""

    name: str
    kill: Callable[[], Awaitable[None]]
    start: Callable[[], Awaitable[None]]
    alive: Callable[[], bool]
    killed: int = 0
    gave_up: int = 0
    dies: asyncio.Event = field(default_factory=asyncio.Event)

    @staticmethod
    def product(name: str, product: Product) -> "Killed":
        async def start() -> None:
            product.start()

        return Killed(name, product.kill, start, lambda: product.alive)

    async def supervise(self) -> None:
        """Until cancelled; it dies when it is told to."""
        while True:
            if self.dies.is_set():
                await self.kill()
                self.killed += 1
                self.dies.clear()
            elif self.alive():
                await asyncio.sleep(0.1)
                continue
            else:
                self.gave_up += 1
            await asyncio.sleep(AGAIN_S)
            await self.start()


@asynccontextmanager
async def supervised(processes: Sequence[Killed]) -> AsyncIterator[None]:
    """For as long as the block lasts; what fails in starting one ends it."""
    async with asyncio.TaskGroup() as group:
        watching = [group.create_task(one.supervise()) for one in processes]
        yield
        for task in watching:
            task.cancel()


async def rage(processes: Sequence[Killed], *, kills: int, during_s: float, rng: random.Random) -> None:
    """Each of them `kills` times, in any order and at any moment, also while it, or another, is starting."""
    order = [one for one in processes for _ in range(kills)]
    rng.shuffle(order)
    pause_s = during_s / max(1, len(order))
    began = time.monotonic()
    for turn, one in enumerate(order):
        await asyncio.sleep(max(0.0, began + (turn + rng.random()) * pause_s - time.monotonic()))
        while one.dies.is_set() or not one.alive():  # noqa: ASYNC110  # it is another process
            await asyncio.sleep(0.05)
        one.dies.set()
    while any(one.dies.is_set() for one in processes):  # noqa: ASYNC110  # as above
        await asyncio.sleep(0.05)

"""Model slots: all of them for one tenant while nobody else waits, and else its share."""

import asyncio
from uuid import uuid4

import pytest

from brain.domain.identity import TenantId
from brain.domain.slots import Slots

BIG, SMALL, OTHER = (TenantId(uuid4()) for _ in range(3))


class Work:
    """Generations that end when a test says so."""

    def __init__(self, slots: Slots) -> None:
        self.slots = slots
        self.begun: list[TenantId] = []
        self.refused: list[TenantId] = []
        self._ends: list[tuple[TenantId, asyncio.Event]] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def begin(self, *tenants: TenantId, within_s: float = 60) -> None:
        for tenant in tenants:
            self.tasks.append(asyncio.create_task(self._one(tenant, within_s)))
            await asyncio.sleep(0)
        await settle()

    async def end(self, tenant: TenantId) -> None:
        at = next(at for at, (whose, _) in enumerate(self._ends) if whose == tenant)
        self._ends.pop(at)[1].set()
        await settle()

    async def _one(self, tenant: TenantId, within_s: float) -> None:
        async with self.slots.one(tenant, within_s=within_s) as taken:
            if not taken:
                self.refused.append(tenant)
                return
            self.begun.append(tenant)
            ended = asyncio.Event()
            self._ends.append((tenant, ended))
            await ended.wait()

    async def stop(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
def work() -> Work:
    return Work(Slots(3))


async def test_one_tenant_takes_all_that_is_free(work: Work) -> None:
    await work.begin(BIG, BIG, BIG, BIG)
    assert work.begun == [BIG, BIG, BIG]
    assert (work.slots.free, work.slots.waiting) == (0, 1)
    await work.end(BIG)
    assert work.begun == [BIG] * 4
    await work.stop()
    assert (work.slots.free, work.slots.waiting) == (3, 0)


async def test_who_holds_the_fewest_is_next_however_many_wait_before(work: Work) -> None:
    await work.begin(*[BIG] * 20)
    await work.begin(SMALL, SMALL, OTHER)
    for _ in range(3):
        await work.end(BIG)
    assert work.begun[3:] == [SMALL, OTHER, BIG]
    # Each has one; of equals, the one that waits for longest is next.
    await work.end(OTHER)
    assert work.begun[-1] == BIG
    await work.end(SMALL)
    assert work.begun[-1] == SMALL
    await work.stop()


async def test_who_waits_for_too_long_goes_without(work: Work) -> None:
    await work.begin(BIG, BIG, BIG)
    await work.begin(SMALL, within_s=0)
    await work.tasks[-1]
    assert work.refused == [SMALL]
    assert work.slots.waiting == 0
    await work.end(BIG)
    assert work.slots.free == 1
    await work.stop()


async def test_who_goes_away_leaves_no_slot_behind(work: Work) -> None:
    await work.begin(BIG, BIG, BIG, SMALL, OTHER)
    work.tasks[3].cancel()  # while it waits
    await settle()
    await work.end(BIG)
    assert work.begun[-1] == OTHER
    work.tasks[4].cancel()  # while it works
    await settle()
    assert work.slots.free == 1
    await work.stop()


async def test_who_goes_away_at_the_moment_of_its_turn_passes_it_on(work: Work) -> None:
    await work.begin(BIG, BIG, BIG, SMALL, OTHER)
    work._ends[0][1].set()
    await asyncio.sleep(0)  # the slot is handed over, and whose it is does not run yet
    work.tasks[3].cancel()
    await settle()
    assert work.begun[-1] == OTHER
    await work.stop()
    assert work.slots.free == 3

"""Calls that share one piece of work: who shares it, what comes of each, and who is not kept waiting."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from brain.adapters.grouped import Grouped
from brain.domain.errors import Rejected, Unavailable


@dataclass
class Backend:
    """Doubles numbers, a group at a time, when it is let."""

    groups: list[list[int]] = field(default_factory=list)
    free: asyncio.Event = field(default_factory=asyncio.Event)
    away: bool = False
    ended: list[str] = field(default_factory=list)

    async def double(self, numbers: Sequence[int]) -> Sequence[int | Exception]:
        self.groups.append(list(numbers))
        try:
            await self.free.wait()
        except asyncio.CancelledError:
            self.ended.append("cancelled")
            raise
        if self.away:
            raise Unavailable
        return [Rejected("None are negative.") if number < 0 else 2 * number for number in numbers]


async def _asked(grouped: Grouped[int, int], *numbers: int) -> "list[asyncio.Task[int]]":
    tasks = [asyncio.create_task(grouped(number)) for number in numbers]
    for _ in range(5):
        await asyncio.sleep(0)
    return tasks


async def test_what_comes_while_others_are_worked_on_shares_the_next_round() -> None:
    backend = Backend()
    grouped = Grouped(backend.double, most=3)
    asked = await _asked(grouped, 1)
    asked += await _asked(grouped, 2, 3, 4, 5)
    backend.free.set()

    assert await asyncio.gather(*asked) == [2, 4, 6, 8, 10]
    assert backend.groups == [[1], [2, 3, 4], [5]]
    assert await grouped(6) == 12


async def test_one_that_is_wrong_takes_nothing_with_it() -> None:
    backend = Backend()
    grouped = Grouped(backend.double)
    asked = await _asked(grouped, 1, -2, 3)
    backend.free.set()

    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(one) for one in outcomes] == [int, Rejected, int]


async def test_a_backend_that_is_away_is_away_for_all_of_them_and_asked_again_next_time() -> None:
    backend = Backend(away=True)
    grouped = Grouped(backend.double)
    asked = await _asked(grouped, 1, 2)
    backend.free.set()
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(one) for one in outcomes] == [Unavailable, Unavailable]

    backend.away = False
    assert await grouped(3) == 6


async def test_who_has_gone_another_way_is_not_worked_for() -> None:
    backend = Backend()
    grouped = Grouped(backend.double)
    (first,) = await _asked(grouped, 1)
    left, stays = await _asked(grouped, 2, 3)
    left.cancel()
    backend.free.set()

    assert [await first, await stays] == [2, 6]
    assert backend.groups == [[1], [3]]


async def test_what_takes_too_long_is_left_and_the_next_are_tried() -> None:
    backend = Backend()
    grouped = Grouped(backend.double, within_s=0.02)
    with pytest.raises(Unavailable, match="too long"):
        await grouped(1)
    await asyncio.sleep(0)
    assert backend.ended == ["cancelled"]

    backend.free.set()
    assert await grouped(2) == 4

"""What a start waits for, and what ends it."""

import asyncio

import pytest

from brain.domain.errors import Collided, DatabaseAway, ExpertError, Rejected, Unavailable
from config.starting import until_there


class Start:
    """Ends as `outcomes` say, one after the other; and then it is there."""

    def __init__(self, *outcomes: ExpertError) -> None:
        self.outcomes = list(outcomes)
        self.tries = 0
        self.away: list[str] = []
        self.stop = asyncio.Event()

    async def __call__(self) -> None:
        self.tries += 1
        if self.outcomes:
            raise self.outcomes.pop(0)

    async def until_there(self) -> None:
        await until_there(self, stop=self.stop, away=self.away.append)


async def test_the_database_is_waited_for() -> None:
    start = Start(DatabaseAway("gone"), Collided("not now"))
    await start.until_there()
    assert start.tries == 3
    assert start.away == ["gone"], "who collides with somebody has found the database"


@pytest.mark.parametrize("outcome", [Unavailable("no such model"), Rejected("no such role")])
async def test_nothing_else_is(outcome: ExpertError) -> None:
    start = Start(outcome)
    with pytest.raises(type(outcome), match="no such"):
        await start.until_there()
    assert start.tries == 1
    assert not start.away


async def test_who_is_stopped_without_a_database_does_not_begin_again() -> None:
    """What ends then may find it away, and end with that instead of with having been stopped."""
    stop = asyncio.Event()

    async def work() -> None:
        stop.set()
        raise DatabaseAway

    def away(reason: str) -> None:
        pytest.fail(f"Nobody waits any more: {reason}")

    await until_there(work, stop=stop, away=away)

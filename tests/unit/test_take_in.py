"""How long the database may keep a platform waiting, and what is done without it."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest

from brain.domain.circuit import Circuit, State
from brain.domain.errors import Rejected, Unavailable
from brain.usecases.take_in import in_time, through
from config.last_known import LastKnown


def _circuit() -> Circuit:
    return Circuit("The database", clock=lambda: 0.0, jitter=lambda: 0.0)


async def _silent() -> str:
    await asyncio.Event().wait()
    return "never"


async def _away() -> str:
    raise Unavailable


async def _there() -> str:
    return "there"


async def test_what_takes_too_long_is_not_waited_for_even_where_it_does_not_let_go() -> None:
    """Closing a connection to nobody takes its time, too."""
    gone = asyncio.Event()

    async def stubborn() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await gone.wait()
            raise Unavailable("nobody listens to this") from None

    with pytest.raises(Unavailable, match="within"):
        await in_time(stubborn, within_s=0.01)
    gone.set()
    await asyncio.sleep(0)


async def test_who_is_cancelled_leaves_nothing_running() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    waiting = asyncio.create_task(in_time(work, within_s=60))
    await begun.wait()
    waiting.cancel()
    await asyncio.wait({waiting})
    assert waiting.cancelled()
    await ended.wait()


@pytest.mark.parametrize("work", [_silent, _away])
async def test_after_five_failures_it_is_not_asked(work: Callable[[], Awaitable[str]]) -> None:
    circuit, asked = _circuit(), []

    async def counted() -> str:
        asked.append(1)
        return await work()

    for _ in range(9):
        with pytest.raises(Unavailable):
            await through(circuit, counted, within_s=0.01)
    assert len(asked) == 5
    assert circuit.state is State.OPEN


async def test_who_finds_it_back_lets_everybody_ask_again() -> None:
    circuit = _circuit()
    for _ in range(5):
        with pytest.raises(Unavailable):
            await through(circuit, _away, within_s=1)
    circuit.found_back()
    assert await through(circuit, _there, within_s=1) == "there"


async def test_a_bug_is_no_outage() -> None:
    async def wrong() -> str:
        raise Rejected

    circuit = _circuit()
    for _ in range(9):
        with pytest.raises(Rejected):
            await through(circuit, wrong, within_s=1)
    assert circuit.state is State.CLOSED


async def test_the_last_answer_counts_while_the_database_is_away() -> None:
    known: LastKnown[str] = LastKnown(_circuit())
    with pytest.raises(Unavailable):
        await known.ask("T1", _away)
    assert await known.ask("T1", _there) == "there"
    assert await known.ask("T1", _away) == "there"
    known.learn("T1", str(UUID(int=1)))
    assert await known.ask("T1", _away) == str(UUID(int=1))
    known.forget("T1")
    with pytest.raises(Unavailable):
        await known.ask("T1", _away)

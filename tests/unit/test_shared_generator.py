"""What is written while models have enough to do: fairly shared, and quoted where it would take too long."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from uuid import uuid4

import pytest

from brain.adapters.shared_generator import BUSY, SharedGenerator
from brain.domain.answer import Generation, Piece
from brain.domain.identity import TenantId
from brain.domain.knowledge import Found
from brain.domain.ladder import Level
from brain.domain.overload import Backlog, Entrance
from brain.domain.question import Turn
from brain.domain.slots import Slots
from brain.domain.whose import whose, working_for

BIG, SMALL = TenantId(uuid4()), TenantId(uuid4())


class Writer:
    """Says its name, once it may."""

    def __init__(self, name: str, *, at_once: bool = True) -> None:
        self.name = name
        self.may = asyncio.Event()
        if at_once:
            self.may.set()

    async def generate(
        self, question: str, *, passages: Sequence[Found], history: Sequence[Turn], instructions: str
    ) -> AsyncIterator[Piece | Generation]:
        await self.may.wait()
        yield Piece(self.name)
        yield Generation(self.name, self.name, "")


def shared(
    model: Writer, *, slots: int = 1, longest_s: float = 60, backlog: Backlog | None = None
) -> SharedGenerator:
    return SharedGenerator(
        model,
        quoting=Writer("quotes"),
        slots=Slots(slots),
        backlog=backlog or Backlog(),
        longest_s=longest_s,
    )


async def written(generator: SharedGenerator, tenant: TenantId) -> Generation:
    with working_for(tenant):
        stream = generator.generate("Why?", passages=(), history=(), instructions="")
        *_, last = [one async for one in stream]
    assert isinstance(last, Generation)
    return last


async def test_a_model_that_is_free_writes() -> None:
    generation = await written(shared(Writer("model")), BIG)
    assert (generation.model, generation.notes, generation.level) == ("model", (), Level.FULL)


async def test_who_would_wait_too_long_gets_quotes_and_is_told_so() -> None:
    model = Writer("model", at_once=False)
    generator = shared(model, longest_s=0)
    first = asyncio.create_task(written(generator, BIG))
    await asyncio.sleep(0)
    second = await written(generator, SMALL)
    assert (second.model, second.notes, second.level) == ("quotes", BUSY, Level.NO_MODEL)
    model.may.set()
    assert (await first).model == "model"


async def test_while_a_tenant_s_questions_wait_for_a_minute_its_answers_are_quoted() -> None:
    backlog = Backlog({BIG: 61.0, SMALL: 11.0})
    generator = shared(Writer("model"), backlog=backlog)
    assert (await written(generator, BIG)).level is Level.NO_MODEL
    assert (await written(generator, SMALL)).level is Level.FULL
    backlog.ages_s = {}
    assert (await written(generator, BIG)).level is Level.FULL


async def test_a_slot_comes_back_whatever_the_model_does() -> None:
    class Broken(Writer):
        async def generate(
            self, question: str, *, passages: Sequence[Found], history: Sequence[Turn], instructions: str
        ) -> AsyncIterator[Piece | Generation]:
            raise ConnectionError
            yield Piece("")

    broken = shared(Broken("model"), longest_s=0)
    for _ in range(3):
        with pytest.raises(ConnectionError):
            await written(broken, BIG)


async def test_slots_are_taken_in_somebody_s_name() -> None:
    with pytest.raises(LookupError):
        whose()


def test_what_waits_says_who_is_told_what() -> None:
    backlog = Backlog({BIG: 61.0, SMALL: 9.0})
    assert [backlog.queued(one) for one in (BIG, SMALL)] == [True, False]
    assert [backlog.short(one) for one in (BIG, SMALL)] == [True, False]
    assert backlog.too_long == "somebody has been waiting for 61 s"
    assert Backlog({BIG: 59.0}).too_long == ""
    assert Backlog().oldest_s == 0


def test_an_entrance_is_free_again_when_somebody_has_passed() -> None:
    entrance = Entrance(1)
    with suppress(ConnectionError), entrance.passing():
        assert entrance.full
        raise ConnectionError
    assert not entrance.full

"""Whoever has to wait on Slack is told so at once, in their language, and gets the answer in the end."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from brain.adapters.extractive_generator import ExtractiveGenerator
from brain.adapters.postgres.store import ANY_TASK, CHANNEL
from brain.domain.answer import Generation, Piece
from brain.domain.knowledge import Found
from brain.domain.question import Turn
from brain.domain.rates import Rate, Turns
from brain.usecases.accept import Accept
from config.settings import DatabaseUrls
from demo.fake_slack import FakeSlack, Message
from tests.conftest import RUNBOOKS, World, emptied
from tests.flow.slack.conftest import Office, opened

PORT = "Which port does Sentinel use?"
ROTATE = "How do I rotate the Redis password?"
TOO_FAST = "asking faster than I can answer"


@dataclass
class Slow:
    """A generator that waits until it may go on."""

    name: str = "slow"
    goes_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def generate(
        self, question: str, *, passages: Sequence[Found], history: Sequence[Turn], instructions: str
    ) -> AsyncIterator[Piece | Generation]:
        await self.goes_on.wait()
        quoting = ExtractiveGenerator()
        async for piece in quoting.generate(
            question, passages=passages, history=history, instructions=instructions
        ):
            yield piece


@pytest.fixture
async def redis(world: World, urls: DatabaseUrls) -> World:
    await emptied(urls)
    await world.reads("redis.md", (RUNBOOKS / "it-ops" / "redis-operations.md").read_text())
    return world


@pytest.fixture
async def slow_office(redis: World, system_engine: AsyncEngine, slack: FakeSlack) -> AsyncIterator[Office]:
    """One question, and from then on nobody's turn comes within a test; who is ahead by six is too fast."""
    turns = Turns(tenant=Rate(100, 100), member=Rate(1, 0.001), longest_s=5_500)
    async with opened(replace(redis, accept=Accept(redis.store, turns)), system_engine, slack) as running:
        yield running


async def their_turn_comes(office: Office) -> None:
    async with office.system.begin() as connection:
        await connection.execute(text("UPDATE task SET due_at = now() WHERE state = 'ready'"))
        await connection.execute(text(f"NOTIFY {CHANNEL}, '{ANY_TASK}'"))


def told(office: Office, asked: Message) -> list[str]:
    """What the bot says in the thread now."""
    seen = office.people["amira"].sees(office.help, thread=asked)
    return [one.text for one in seen if one.author == "The Expert"]


async def test_who_asks_faster_is_told_and_gets_every_answer(slow_office: Office) -> None:
    office, amira = slow_office, slow_office.people["amira"]
    amira.user.locale = "de-DE"
    first = amira.says(office.help, f"@expert {ROTATE}")
    await office.sees("amira", office.help, "redis-cli", thread=first)
    second = amira.says(office.help, f"@expert {PORT}")
    await office.sees("amira", office.help, "Gerade warten viele", thread=second)
    await office.quiet()
    await their_turn_comes(office)
    await office.sees("amira", office.help, "26379", thread=second)
    await office.quiet()
    assert [len(told(office, asked)) for asked in (first, second)] == [1, 1]


async def test_a_command_that_waits_is_told_where_only_the_asker_reads_it(slow_office: Office) -> None:
    office, amira = slow_office, slow_office.people["amira"]
    for _ in range(2):
        await amira.commands("/expert", PORT, office.help)
    await office.sees("amira", amira.dm, "waits for its turn")
    await office.quiet()
    await their_turn_comes(office)
    await office.sees("amira", office.help, "26379", times=2)


async def test_who_floods_is_told_to_slow_down(slow_office: Office) -> None:
    office, amira = slow_office, slow_office.people["amira"]
    asked = [amira.says(office.help, f"@expert {PORT}") for _ in range(8)]
    await office.slack.until(lambda: sum(TOO_FAST in str(told(office, one)) for one in asked) == 2, 20)
    await office.quiet()
    await their_turn_comes(office)
    await office.quiet()
    said = [told(office, one) for one in asked]
    assert [len(one) for one in said] == [1] * 8
    assert sorted(TOO_FAST in one[0] for one in said) == [False] * 6 + [True] * 2
    assert sum("26379" in one[0] for one in said) == 6


async def test_while_much_waits_whoever_asks_is_told(
    redis: World, system_engine: AsyncEngine, slack: FakeSlack
) -> None:
    slow = Slow()
    world = replace(redis, ask=replace(redis.ask, generator=slow))
    async with opened(world, system_engine, slack) as office:
        office.brain.backlog.ages_s = {office.tenant: 11.0}
        asked = office.people["amira"].says(office.help, f"@expert {PORT}")
        await office.sees("amira", office.help, "waits for its turn", thread=asked)
        slow.goes_on.set()
        await office.sees("amira", office.help, "26379", thread=asked)
        await office.quiet()
        assert len(told(office, asked)) == 1

"""Killed before and after each thing that Slack accepts from us: what people see is there once.

EXPERT_SLACK_KILLS is how many times; a few of each kind without it.
"""

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

pytest.importorskip("slack_bolt", reason="the extra `slack` is not installed")

from brain.adapters.postgres.tenants import tenants
from brain.domain.review import VerdictKind
from brain.usecases.decide import Judgement
from brain.usecases.read import review
from config.settings import DatabaseUrls
from demo.fake_slack import Channel, FakeSlack, Message, Person
from demo.fake_slack.faults import hang
from demo.fake_slack.records import Json
from tests.conftest import RUNBOOKS, World, emptied
from tests.flow.slack.conftest import METHODS
from tests.service.slack_product import Products, Running, products
from tests.undone import undone

KILLS = int(os.environ.get("EXPERT_SLACK_KILLS", "6"))
ROTATE = "How do I rotate the Redis password?"
TERRACE = "How do I book the roof terrace for a party?"
# More than one message on Slack can hold.
LONG = "\n\n".join(
    f"Step {step}: write to terrace@northlight.example " + f"{step} weeks ahead, with the date. " * 45
    for step in range(1, 13)
)
PATIENCE_S = 90
OURS = ("hear", "answer", "deliver")


@dataclass
class Prey:
    """A product that dies when Slack has been told something for the `at`-th time from now."""

    slack: FakeSlack
    products: Products
    pid: int = 0
    at: int = 0
    deaths: Counter[str] = field(default_factory=Counter)

    def start(self) -> None:
        self.pid = self.products.start()

    def saw(self, entry: Json) -> None:
        if self.at and entry["from"] == "The Expert" and entry["kind"] in ("message", "edit", "delete"):
            self.at -= 1
            if not self.at:
                self.kill(f"after {entry['kind']}")

    def kill(self, when: str) -> None:
        os.kill(self.pid, signal.SIGKILL)
        self.deaths[when] += 1
        self.pid = 0


@dataclass
class Bench:
    slack: FakeSlack
    world: World
    system: AsyncEngine
    prey: Prey
    amira: Person
    help: Channel

    def said(self, asked: Message) -> list[str]:
        """By the bot, in the thread."""
        return [one.text for one in self.amira.sees(self.help, thread=asked) if one.ts != asked.ts]

    async def answered(self, asked: Message, expected: list[str]) -> None:
        """Each part once, in order, and nothing else; and still so when nothing is left to do."""
        try:
            await self.slack.until(lambda: _shape(self.said(asked)) == expected, PATIENCE_S)
        except TimeoutError:
            pytest.fail(f"{len(self.said(asked))} messages: {[one[:60] for one in self.said(asked)]}")
        async with asyncio.timeout(PATIENCE_S):
            while await self.busy():
                await self.slack.settled()
                await asyncio.sleep(0.02)
        assert _shape(self.said(asked)) == expected

    async def died_or_answered(self, asked: Message, expected: list[str]) -> None:
        await self.slack.until(lambda: not self.prey.pid or _shape(self.said(asked)) == expected, PATIENCE_S)

    async def dies_before(self, method: str, asked: Message, expected: list[str]) -> None:
        """At the next call of it, unless the answer gets there without one."""
        self.slack.misbehave(method, hang())
        await self.slack.until(
            lambda: self.slack.faults.hanging or _shape(self.said(asked)) == expected, PATIENCE_S
        )
        if self.slack.faults.hanging:
            self.prey.kill(f"before {method}")
        self.slack.faults.clear()

    async def busy(self) -> bool:
        """Clocks of reviews, which ring tomorrow, are not waited for."""
        left = await undone(self.system, OURS)
        assert not left.dead
        return bool(left)


def _shape(texts: list[str]) -> list[str]:
    """Without what differs from one time to the next."""
    return [text.split("Sure (")[0].split("Checked by")[0].rstrip() for text in texts]


@pytest.fixture
async def bench(
    world: World, system_engine: AsyncEngine, urls: DatabaseUrls, tmp_path: Path
) -> AsyncIterator[Bench]:
    await emptied(urls)
    await world.reads("redis.md", (RUNBOOKS / "it-ops" / "redis-operations.md").read_text())
    slug = {id_: slug for slug, id_ in (await tenants(system_engine)).items()}[world.tenant]
    async with FakeSlack(methods=METHODS if METHODS.exists() else None) as slack:
        people = {}
        async with world.store.transaction(world.tenant) as tx:
            for handle in ("amira", "omar", "ravi", "rosa"):
                member = await tx.people.member(handle)
                assert member is not None
                email = f"{handle}@northlight.example"
                await tx.people.save_member(replace(member, email=email))
                people[handle] = slack.add_person(member.name, email=email)
        channel = slack.add_channel("it-help", list(people.values()))
        running = Running.on(slack, urls, home=tmp_path, tenant=slug)
        with products(replace(running, lease_s=1.0, claim_s=1.0)) as started:
            prey = Prey(slack, started)
            slack.on_event.append(prey.saw)
            prey.start()
            yield Bench(slack, world, system_engine, prey, people["amira"], channel)
        assert slack.violations == []


async def _learns(bench: Bench) -> tuple[Message, int]:
    """Ask what nobody knows, and have a person answer at length."""
    asked = bench.amira.says(bench.help, f"@expert {TERRACE}")
    await bench.slack.until(lambda: any("I don't know" in one for one in bench.said(asked)), PATIENCE_S)
    ravi = bench.world.people["ravi"]
    case = await review(bench.world.store, ravi, 1)
    judgement = Judgement(1, VerdictKind.APPROVE, case.review.shown_hash, text=LONG)
    await bench.world.decide(ravi, judgement)
    await bench.slack.until(lambda: "Checked by" in bench.said(asked)[-1], PATIENCE_S)
    return asked, len(bench.said(asked))


async def test_one_message_each_however_often_it_is_killed(bench: Bench) -> None:
    rng = Random(5)
    first = bench.amira.says(bench.help, f"@expert {ROTATE}")
    await bench.slack.until(lambda: any("Sure" in one for one in bench.said(first)), PATIENCE_S)
    short = _shape(bench.said(first))
    assert len(short) == 1
    await _learns(bench)
    again = bench.amira.says(bench.help, f"@expert {TERRACE}")
    await bench.slack.until(lambda: "Checked by" in "".join(bench.said(again)[-1:]), PATIENCE_S)
    long = _shape(bench.said(again))
    assert len(long) >= 2
    assert "Step 12" in long[-1]
    while sum(bench.prey.deaths.values()) < KILLS:
        number = sum(bench.prey.deaths.values())
        question, expected = ((ROTATE, short), (TERRACE, long))[number % 2]
        before = number % 4 > 1
        if not before:
            bench.prey.at = rng.randint(1, len(expected) + 1)
        asked = bench.amira.says(bench.help, f"@expert {question}")
        if before:
            method = rng.choice(("chat.postMessage", "chat.update"))
            await bench.dies_before(method, asked, expected)
        else:
            await bench.died_or_answered(asked, expected)
        if not bench.prey.pid:
            bench.prey.start()
        bench.prey.at = 0
        await bench.answered(asked, expected)
    sys.stdout.write(f"killed {dict(bench.prey.deaths)}\n")

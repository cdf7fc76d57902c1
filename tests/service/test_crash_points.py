"""Killed at every crash point while people talk: nothing lost, nothing said twice, nothing stuck.

A question on Slack is answered with a draft, a reviewer approves it, and the product dies once on the way:
over Socket Mode in one process, over signed HTTP, and over HTTP with a worker that a broker tells of work. At
each point `EXPERT_CRASHES` times in each of the ways; without it once over sockets and once with a worker.
"""

import asyncio
import os
import re
import signal
import socket
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

pytest.importorskip("slack_bolt", reason="the extra `slack` is not installed")

from brain.adapters.fastembed_embedder import FastembedEmbedder
from brain.adapters.postgres.audit import verify
from brain.adapters.postgres.store import SqlStore
from brain.adapters.postgres.tenants import tenants
from brain.domain.audit import Keyring
from brain.domain.conversation import ChannelRules, Conversation
from brain.domain.identity import Role
from config.audit_key import audit_keyring
from config.settings import DatabaseUrls, Settings
from demo.fake_slack import Channel, FakeSlack, Message, Person, Seen
from tests.conftest import World, emptied, new_world
from tests.flow.slack.conftest import METHODS
from tests.service.redis import needs_redis, own_redis
from tests.service.slack_product import Fuse, Part, Products, Running, products
from tests.undone import undone
from tests.unit.test_crash_points import in_the_code

CRASHES = int(os.environ.get("EXPERT_CRASHES", "0"))
# Deaths in one tenant; then a new one begins, which knows nothing of what was approved before.
AT_A_TIME = 2
PATIENCE_S = 120
LEASE_S = 3.0
# Each costs something else, so that no question is asked twice.
THINGS = (
    "lantern anvil compass kettle saddle barrel ladder mirror candle hammer anchor basket blanket bottle"
    " bucket carpet chisel curtain drill drum fiddle flute funnel glove helmet jacket kite locket magnet"
    " mattress needle oven paddle pencil pillow pump rake razor rope ruler scarf shovel sled sponge stool"
    " tent thimble towel tractor trumpet umbrella vase violin wagon whistle yacht apron balloon bench broom"
    " cushion cupboard dagger doll easel envelope fan fork globe harp hinge iron jug keyboard lamp loom"
    " marble mug napkin oar parachute plough quilt rug sandal sickle spoon tambourine tripod tweezers vest"
).split()
DESK = "procurement"
# Without a database; see test_database_away.py.
AWAY = {name for name, path in in_the_code() if path == "brain/adapters/journal.py"}
POINTS = [name for name, _ in in_the_code() if name not in AWAY]
# Who serves comes there, and nobody else; of all others, who works.
SERVING = {"delivery verified", "delivery kept", "tasks made", "tasks committed"}


class Way(StrEnum):
    SOCKETS = "sockets"
    HTTP = "http"
    WORKER = "worker"

    @property
    def times(self) -> int:
        return CRASHES or int(self is not Way.HTTP)

    @property
    def parts(self) -> tuple[Part, ...]:
        return (Part.UP, Part.WORKER) if self is Way.WORKER else (Part.ALL,)

    def part(self, fuse: Fuse) -> Part:
        if self is not Way.WORKER:
            return Part.ALL
        return Part.UP if fuse.point in SERVING else Part.WORKER


@dataclass(frozen=True, slots=True)
class Deaths:
    """Those of one tenant."""

    way: Way
    batch: int

    def fuses(self) -> list[Fuse]:
        times = range(min(AT_A_TIME, self.way.times - self.batch * AT_A_TIME))
        # The first time it comes there, and the second: that is another task, or another question's.
        later = self.way is Way.WORKER
        fuses = [Fuse(name, 1 + (time + later) % 2) for name, time in product(POINTS, times)]
        Random(self.batch).shuffle(fuses)
        return fuses


BATCHES = [
    pytest.param(
        Deaths(way, batch), marks=[needs_redis] if way is Way.WORKER else [], id=f"{way.value}-{batch}"
    )
    for batch in range(-(-CRASHES // AT_A_TIME) or 1)
    for way in Way
    if batch * AT_A_TIME < way.times
]


@dataclass
class Town:
    """Who talks, and the product that dies under it; `fuses` are those that are still to burn."""

    slack: FakeSlack
    world: World
    system: AsyncEngine
    products: Products
    running: Running
    way: Way
    keyring: Keyring
    fuses: list[Fuse]
    amira: Person
    rosa: Person
    help: Channel
    desk: Channel
    pids: dict[Part, int] = field(default_factory=dict)
    fuse: Fuse | None = None
    deaths: Counter[str] = field(default_factory=Counter)

    async def keep_running(self) -> None:
        """What dies is started again, ready to die at the next point."""
        self.pids = {part: self.products.start(part) for part in self.way.parts}
        self.fuse = self.fuses.pop()
        while True:
            for part in [part for part, pid in self.pids.items() if not _lives(pid)]:
                assert self.fuse is not None, "it died without being told to"
                assert self.way.part(self.fuse) is part, f"{part} died, and not where it was told to"
                self.deaths[self.fuse.point] += 1
                self.fuse = self.fuses.pop() if self.fuses else None
                self.pids[part] = self.products.start(part)
            await asyncio.sleep(0.01)

    def lay_fuse(self) -> None:
        if self.fuse is not None and self.pids:
            part = self.way.part(self.fuse)
            self.fuse.lay(self.running, part)
            with suppress(ProcessLookupError):  # it has died just now, and the fuse waits for the next
                os.kill(self.pids[part], signal.SIGUSR1)

    async def talk(self, thing: str) -> None:
        """Ask, have it checked, and look at what everybody sees."""
        question = f"What does a {thing} cost?"
        self.lay_fuse()
        asked = self.amira.says(self.help, f"@expert {question}")
        await self.slack.until(
            lambda: any("Approve" in one.buttons for one in self.cards(question)), PATIENCE_S
        )
        await self.approved(question)
        await self.slack.until(lambda: "Checked by Rosa" in "".join(self.said(asked)), PATIENCE_S)
        await self.quiet()
        front, final = self.said(asked)
        assert "See the message below" in front
        assert re.search(r"costs \d+ euros", final)
        [card] = self.cards(question)
        assert "Approved by Rosa on " in card.text
        assert await self.kept(question) == [1, 1, 1, 1, 1, 1]

    async def approved(self, question: str) -> None:
        """Where nobody took a click, Slack says so, and does not tell us again: it is clicked again."""
        while "Approved by" not in self.cards(question)[0].text:
            attempt = await self.rosa.clicks(self.cards(question)[0], "Approve")
            if not attempt.failure:
                return
            await self.quiet()

    def said(self, asked: Message) -> list[str]:
        """By the bot, in the thread."""
        return [one.text for one in self.amira.sees(self.help, thread=asked) if one.ts != asked.ts]

    def cards(self, question: str) -> list[Seen]:
        return [one for one in self.rosa.sees(self.desk) if question in one.text and not one.ephemeral]

    async def quiet(self) -> None:
        """When nothing is left to do; the clocks of reviews, which ring tomorrow, are not waited for."""
        async with asyncio.timeout(PATIENCE_S):
            await self.slack.settled()
            while left := await undone(self.system, ("hear", "answer", "deliver", "show_review")):
                assert not left.dead
                await asyncio.sleep(0.02)
                await self.slack.settled()
        assert not left.dead

    async def kept(self, question: str) -> list[int]:
        """Questions, published answers, verdicts, articles, examples and audited approvals: one of each."""
        of_it = "question q JOIN review r ON r.question_id = q.id"
        counted = (
            "question q",
            "question q JOIN answer a ON a.question_id = q.id AND a.status = 'published'",
            f"{of_it} JOIN verdict v ON v.review_id = r.id",
            f"{of_it} JOIN article_version a ON a.answer_id = r.answer_id",
            f"{of_it} JOIN verdict v ON v.review_id = r.id JOIN training_example t ON t.verdict_id = v.id",
            f"{of_it} JOIN audit u ON u.action = 'verdict.approve' AND u.subject = 'review ' || r.number",
        )
        async with self.world.store.transaction(self.world.tenant) as tx:
            return [
                int(
                    await tx.connection.scalar(
                        text(f"SELECT count(*) FROM {these} WHERE q.text = :question"), {"question": question}
                    )
                    or 0
                )
                for these in counted
            ]


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@asynccontextmanager
async def running_on(slack: FakeSlack, running: Running, way: Way) -> AsyncIterator[Running]:
    if way is Way.SOCKETS:
        yield running
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    slack.deliveries.urls = [f"http://127.0.0.1:{port}/slack/events"]
    if way is Way.HTTP:
        yield replace(running, port=port)
        return
    with own_redis(Path(running.home)) as redis:
        redis.start()
        yield replace(running, port=port, broker=redis.url)


@asynccontextmanager
async def town(
    urls: DatabaseUrls,
    store: SqlStore,
    system: AsyncEngine,
    embedder: FastembedEmbedder,
    *,
    home: Path,
    way: Way,
) -> AsyncIterator[Town]:
    await emptied(urls)
    keyring = audit_keyring(Settings(home=home))
    world = await new_world(replace(store, keyring=keyring), system, embedder)
    prices = (
        f"## {thing.title()}\n\nA {thing} costs {number} euros.\n" for number, thing in enumerate(THINGS, 11)
    )
    await world.reads("prices.md", "# Prices\n\n" + "\n".join(prices), department=DESK)
    slug = {id_: slug for slug, id_ in (await tenants(system)).items()}[world.tenant]
    async with FakeSlack(methods=METHODS if METHODS.exists() else None) as slack:
        slack.deliveries.retries_s = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)
        people = await _people(slack, world)
        channel = slack.add_channel("it-help", list(people.values()))
        desk = slack.add_channel("it-desk", [people["ravi"], people["rosa"]], private=True)
        async with world.store.transaction(world.tenant) as tx:
            where = Conversation("slack", slack.workspace.id, desk.id)
            rules = ChannelRules(world.departments[DESK].id, reviews=True)
            await tx.talk.channels.save(where, rules, by=world.people["ravi"].member.id)
        usual = Running.on(slack, urls, home=home, tenant=slug)
        # Longer than a busy machine lets a process wait for its turn: who only waits must not count as dead.
        hasty = replace(usual, lease_s=LEASE_S, claim_s=LEASE_S)
        async with running_on(slack, hasty, way) as running:
            with products(running) as started:
                yield Town(
                    slack=slack,
                    world=world,
                    system=system,
                    products=started,
                    running=running,
                    way=way,
                    keyring=keyring,
                    fuses=[],
                    amira=people["amira"],
                    rosa=people["rosa"],
                    help=channel,
                    desk=desk,
                )
        assert slack.violations == []


async def _people(slack: FakeSlack, world: World) -> dict[str, Person]:
    people = {}
    async with world.store.transaction(world.tenant) as tx:
        for handle in ("amira", "ravi", "rosa"):
            member: Any = await tx.people.member(handle)
            email = f"{handle}@northlight.example"
            roles = dict(member.roles)
            if handle == "rosa":
                roles[world.departments[DESK].id] = frozenset((Role.REVIEWER,))
            await tx.people.save_member(replace(member, email=email, roles=roles))
            people[handle] = slack.add_person(member.name, email=email)
    return people


@pytest.mark.parametrize("deaths", BATCHES)
async def test_everybody_sees_everything_once_wherever_it_dies(
    deaths: Deaths,
    urls: DatabaseUrls,
    store: SqlStore,
    system_engine: AsyncEngine,
    embedder: FastembedEmbedder,
    tmp_path: Path,
) -> None:
    fuses = deaths.fuses()
    async with town(urls, store, system_engine, embedder, home=tmp_path, way=deaths.way) as here:
        here.fuses = list(fuses)
        running = asyncio.create_task(here.keep_running())
        talks = iter(THINGS)
        try:
            while here.deaths.total() < len(fuses):
                assert not running.done(), running.exception()
                await here.talk(next(talks))
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
        assert here.deaths == Counter(fuse.point for fuse in fuses)
        proven = await verify(store.engine, here.world.tenant, keyring=here.keyring, known=())
        assert proven.findings == []
    sys.stdout.write(
        f"{deaths.way.value}: killed {here.deaths.total()} times, at {len(here.deaths)} points\n"
    )

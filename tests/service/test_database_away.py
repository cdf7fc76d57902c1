"""PostgreSQL stops under a storm of questions, the journal is torn in the middle of a record, and the process
is killed while it drains: whatever Slack was told we have is answered, once, and what was torn is reported.

EXPERT_OUTAGE_S is how long the database stays away, some seconds without it; EXPERT_CRASHES how often the
journal dies at each of its crash points, twice without it.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

pytest.importorskip("slack_bolt", reason="the extra `slack` is not installed")

from bots.texts import texts_for
from brain.adapters.postgres.store import connect, reachable
from brain.adapters.postgres.tenants import tenants
from brain.domain.errors import Unavailable
from brain.domain.framing import framed
from config.embedded_postgres import EmbeddedPostgres
from config.settings import DatabaseUrls
from demo.fake_slack import Channel, FakeSlack, Message, Person
from tests.conftest import RUNBOOKS, World, own_postgres
from tests.flow.slack.conftest import METHODS
from tests.service.slack_product import Fuse, Part, Products, Running, products
from tests.undone import undone

CRASHES = int(os.environ.get("EXPERT_CRASHES", "2"))
OUTAGE_S = float(os.environ.get("EXPERT_OUTAGE_S", "3"))
PER_S = 8
PATIENCE_S = 120
ROTATE = "How do I rotate the Redis password?"
OURS = ("hear", "answer", "deliver")
NOTICE = texts_for("")("kept_for_later")


@pytest.fixture(scope="module")
def postgres() -> Iterator[EmbeddedPostgres]:
    """Of its own: it is stopped."""
    with own_postgres() as running:
        yield running


@pytest.fixture(scope="module")
def urls(postgres: EmbeddedPostgres) -> DatabaseUrls:
    return postgres.urls


@dataclass
class Outage:
    slack: FakeSlack
    world: World
    system: AsyncEngine
    postgres: EmbeddedPostgres
    products: Products
    running: Running
    amira: Person
    help: Channel
    journal: Path
    pid: int = 0

    def asks(self) -> Message:
        return self.amira.says(self.help, f"@expert {ROTATE}")

    def answers(self, asked: Message) -> list[str]:
        return [one.text for one in self.amira.sees(self.help, thread=asked) if one.ts != asked.ts]

    async def answered(self, questions: list[Message]) -> None:
        await self.until(lambda: all(map(self.answers, questions)))
        async with asyncio.timeout(PATIENCE_S):
            while await self.busy():  # noqa: ASYNC110  # it is another process
                await asyncio.sleep(0.1)
        await self.slack.settled()
        assert [len(self.answers(asked)) for asked in questions] == [1] * len(questions)
        said = [self.answers(asked)[0] for asked in questions]
        assert [one for one in said if "redis-cli" not in one] == []

    async def until(self, true: Callable[[], object]) -> None:
        await self.slack.until(true, PATIENCE_S)

    async def start(self) -> None:
        """Once it listens."""
        self.pid = self.products.start()
        await self.until(lambda: self.slack.sockets.connections)

    async def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        await self.dies()

    async def dies(self) -> None:
        await self.until(lambda: not self.slack.sockets.connections)

    def lay_fuse(self, point: str) -> None:
        Fuse(point, 1).lay(self.running, Part.ALL)
        os.kill(self.pid, signal.SIGUSR1)

    def segments(self) -> list[Path]:
        return sorted(self.journal.glob("*.segment"))

    async def busy(self) -> bool:
        try:
            async with reachable():
                return bool(await undone(self.system, OURS))
        except Unavailable:  # our own connections are those of before it was stopped
            return True

    async def kept(self) -> int:
        query = text("SELECT count(*) FROM inbox WHERE source = 'slack'")
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    async with self.world.store.transaction(self.world.tenant) as tx:
                        return int(await tx.connection.scalar(query) or 0)
                except Unavailable:  # as above
                    await asyncio.sleep(0.05)


@pytest.fixture
async def outage(
    world: World, system_engine: AsyncEngine, postgres: EmbeddedPostgres, urls: DatabaseUrls, tmp_path: Path
) -> AsyncIterator[Outage]:
    await world.reads("redis.md", (RUNBOOKS / "it-ops" / "redis-operations.md").read_text())
    async with world.store.transaction(world.tenant) as tx:
        member = await tx.people.member("amira")
        assert member is not None
        await tx.people.save_member(replace(member, email="amira@northlight.example"))
    slugs = {id_: slug for slug, id_ in (await _tenants(urls)).items()}
    async with FakeSlack(methods=METHODS if METHODS.exists() else None) as slack:
        amira = slack.add_person("Amira", email="amira@northlight.example")
        channel = slack.add_channel("it-help", [amira])
        running = Running.on(slack, urls, home=tmp_path, tenant=slugs[world.tenant])
        # Longer than a busy machine lets a process wait for its turn.
        running = replace(running, lease_s=3.0, claim_s=3.0, replayed_at_a_time=1)
        with products(running) as started:
            one = Outage(
                slack, world, system_engine, postgres, started, running, amira, channel, tmp_path / "journal"
            )
            await one.start()
            yield one
        assert slack.violations == []


async def _tenants(urls: DatabaseUrls) -> dict[str, object]:
    system = connect(urls.system, pool_size=1)
    known = await tenants(system)
    await system.dispose()
    return dict(known)


async def test_what_slack_was_told_we_have_is_answered_once(outage: Outage) -> None:
    await outage.answered([outage.asks()])
    before = await outage.kept()

    await asyncio.to_thread(outage.postgres.stop)
    questions = []
    for _ in range(int(OUTAGE_S * PER_S)):
        questions.append(outage.asks())
        await asyncio.sleep(1 / PER_S)
    await outage.until(lambda: any(NOTICE in one.text for one in outage.amira.sees(outage.help)))
    await outage.slack.settled()  # every delivery is acknowledged, or given up
    assert sum(NOTICE in one.text for one in outage.amira.sees(outage.help)) == 1

    await outage.kill()
    torn = framed("what nobody was promised")[:-9]
    with outage.segments()[-1].open("ab") as file:
        file.write(torn)
    await asyncio.to_thread(outage.postgres.start)
    await outage.start()
    async with asyncio.timeout(PATIENCE_S):
        while await outage.kept() < before + 3:  # noqa: ASYNC110  # it is another process
            await asyncio.sleep(0.005)
    await outage.kill()
    assert outage.segments(), "it was killed while it drained"

    await outage.start()
    questions.append(outage.asks())
    await outage.answered(questions)
    await outage.until(lambda: not outage.segments())
    (damaged,) = (outage.journal / "aside").iterdir()
    assert damaged.suffix == ".damaged"
    assert damaged.read_bytes() == torn


@pytest.mark.parametrize("point", ["record written", "record synced"])
async def test_what_the_journal_was_writing_is_answered_once(outage: Outage, point: str) -> None:
    """Nobody was told that we have it: Slack delivers it again, and what is on disk is the same."""
    outage.slack.deliveries.retries_s = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
    for _ in range(CRASHES):
        await asyncio.to_thread(outage.postgres.stop)
        outage.lay_fuse(point)
        asked = [outage.asks() for _ in range(3)]
        await outage.dies()
        await asyncio.to_thread(outage.postgres.start)
        await outage.start()
        await outage.answered(asked)
        await outage.until(lambda: not outage.segments())


async def test_what_was_replayed_and_not_crossed_out_is_answered_once(outage: Outage) -> None:
    for _ in range(CRASHES):
        await asyncio.to_thread(outage.postgres.stop)
        asked = [outage.asks() for _ in range(3)]
        await outage.slack.settled()
        assert outage.segments()
        outage.lay_fuse("record replayed")
        await asyncio.to_thread(outage.postgres.start)
        await outage.dies()
        await outage.start()
        await outage.answered(asked)
        await outage.until(lambda: not outage.segments())

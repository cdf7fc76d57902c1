"""An office on Slack: the fake Slack, the product listening to it through Slack's own SDK, and its people."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from uuid import uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

pytest.importorskip("slack_bolt", reason="the extra `slack` is not installed")

from bots.chat_platform import Inbound
from bots.slack.adapter import Receiver, SlackCalls, Workspace, identify
from bots.slack.outage import Outage
from bots.slack.pacing import Pace
from bots.slack.platform import SlackPlatform
from bots.slack.scopes import needed
from brain.adapters.journal import Journal
from brain.adapters.postgres.queue import Queue
from brain.client import Brain
from brain.domain.conversation import ChannelRules, Conversation, Delivery, DeliveryId, Kept
from brain.domain.identity import Principal, TenantId
from brain.usecases.ask import silent
from brain.usecases.give_up import GiveUp
from brain.usecases.take_in import TakeIn
from config.last_known import database_circuit
from config.settings import DatabaseUrls
from demo.fake_slack import Channel, FakeSlack, Person, Seen
from tests.conftest import PARSER, RUNBOOKS, World, emptied
from tests.undone import undone
from tests.unpaced import Unpaced
from workers.executor import Executor, Handler, working
from workers.replay import Replay
from workers.tasks.answer import answer, hand_over
from workers.tasks.chat import chat_handlers, chat_last_resorts
from workers.tasks.keep_time import keep_time
from workers.tasks.reach import Reach
from workers.tasks.read_parted import read_parted
from workers.tasks.renew import renew
from workers.tasks.replicate import replicate
from workers.tasks.try_later import try_later

SPECS = Path(__file__).parents[4] / "shared" / "specs" / "slack"
METHODS = SPECS / "web_api_methods_2026-05.json"


@dataclass
class Office:
    """`amira` and `omar` ask, `ravi` and `rosa` review; all are in `help`, the reviewers in `desk`."""

    slack: FakeSlack
    world: World
    brain: Brain
    platform: SlackPlatform
    calls: SlackCalls
    receiver: Receiver
    people: dict[str, Person]
    help: Channel
    desk: Channel
    system: AsyncEngine
    take_in: TakeIn = field(init=False)
    journal: Journal = field(init=False)
    outage: Outage = field(init=False)
    handled: list[Inbound] = field(default_factory=list)
    last: dict[str, Handler] = field(default_factory=dict)
    # Workspaces that another tenant has by now.
    moved: set[str] = field(default_factory=set)

    @property
    def replay(self) -> Replay:
        return Replay(self.journal, self.world.store, self.take_in.circuit, [self.outage.over])

    @property
    def tenant(self) -> TenantId:
        return self.world.tenant

    def place(self, channel: Channel) -> Conversation:
        return Conversation("slack", self.slack.workspace.id, channel.id)

    async def rules(self, channel: Channel, rules: ChannelRules, *, by: str = "ravi") -> None:
        async with self.world.store.transaction(self.tenant) as tx:
            await tx.talk.channels.save(self.place(channel), rules, by=self.world.people[by].member.id)

    async def sees(
        self, who: str, channel: Channel, words: str, *, thread: object = None, times: int = 1
    ) -> Seen:
        """The latest message with these words, once this person sees it."""

        def found() -> list[Seen]:
            seen = self.people[who].sees(channel, thread=thread)  # type: ignore[arg-type]  # a message, as the fake takes it
            said = [one for one in seen if words.lower() in one.text.lower()]
            return said if len(said) >= times else []

        return (await self.slack.until(found, 20))[-1]

    async def quiet(self) -> None:
        """When nothing is left to do."""
        await self.slack.settled()
        async with asyncio.timeout(60):
            while await undone(self.system, HANDLERS, within_s=5):  # noqa: ASYNC110  # the database tells nobody
                await asyncio.sleep(0.02)


HANDLERS = ("hear", "answer", "deliver", "show_review", "tell_reviewer")


@asynccontextmanager
async def opened(
    world: World, system: AsyncEngine, slack: FakeSlack, *, listen: bool = True
) -> AsyncIterator[Office]:
    """With the product running beside the fake Slack."""
    brain = Brain(
        world.store, world.decide.embedder, world.accept, world.decide, PARSER, claim_s=3.0, pace_s=0.0
    )
    workspace = await identify(slack.bot_token, api=slack.api_url)

    async def find(id_: str) -> Workspace | None:
        return workspace if id_ in ("", workspace.id) else None

    async def workspaces(tenant: TenantId) -> Sequence[str]:
        return [workspace.id]

    calls = SlackCalls(find, slack.api_url, Pace() if slack.limits.on else Unpaced())
    platform = SlackPlatform(calls)
    directory = tempfile.TemporaryDirectory(prefix="expert-journal-")
    office = Office(slack, world, brain, platform, calls, None, {}, None, None, system)  # type: ignore[arg-type]  # below
    office.journal = journal = Journal(Path(directory.name))
    office.outage = outage = Outage(calls, platform.people, grace_s=0.0)
    # On a busy machine, the database is slow and not away.
    office.take_in = TakeIn(world.store, journal, database_circuit(), budget_s=30.0)

    async def keep(inbound: Inbound) -> Kept:
        office.handled.append(inbound)
        delivery = Delivery(DeliveryId(uuid4()), "slack", inbound.delivery, inbound.twin, inbound.to_json())
        kept = await office.take_in(world.tenant, delivery)
        if kept is Kept.JOURNAL:
            outage.kept(inbound)
        return kept

    def changed(workspace: str, channel: str, user: str) -> None:
        platform.people.forget(workspace, channel=channel, user=user)

    secrets, locale = (slack.signing_secret,), platform.people.locale
    office.receiver = Receiver(keep, find, secrets, changed=changed, locale=locale)
    await _hire(office)

    async def has(tenant: TenantId, id_: str) -> bool:
        return id_ not in office.moved

    reaches = [Reach(platform, workspaces, has)]
    office.last |= _last(world, brain, reaches)
    executor = Executor(Queue(system), _handlers(world, brain, reaches), 4, Random(), office.last)
    async with AsyncExitStack() as stack:
        stack.callback(directory.cleanup)
        stack.push_async_callback(journal.close)
        stack.push_async_callback(calls.close)
        stack.push_async_callback(outage.close)
        await stack.enter_async_context(working(executor))
        if listen:
            sockets = office.receiver.sockets(slack.app_token, api=slack.api_url)
            stack.push_async_callback(sockets.client.close)
            await sockets.client.connect()  # type: ignore[no-untyped-call]  # the SDK says nothing of it
        yield office


def _handlers(world: World, brain: Brain, reaches: Sequence[Reach]) -> dict[str, Handler]:
    return {
        **chat_handlers(brain, reaches),
        "answer": answer(world.ask, report=lambda question: silent),
        "keep_time": keep_time(world.store),
        "renew": renew(world.store),
        "read_parted": read_parted(world.store, world.ingest),
        "replicate": replicate(None),
    }


def _last(world: World, brain: Brain, reaches: Sequence[Reach]) -> dict[str, Handler]:
    return {
        "answer": hand_over(GiveUp(world.store, world.decide.embedder)),
        **chat_last_resorts(brain, reaches),
        "keep_time": try_later(world.store),
        "renew": try_later(world.store),
    }


async def _hire(office: Office) -> None:
    """Everybody has an e-mail address, by which Slack's people are ours."""
    async with office.world.store.transaction(office.tenant) as tx:
        for handle in ("amira", "omar", "ravi", "rosa", "petra"):
            member = await tx.people.member(handle)
            assert member is not None
            email = f"{handle}@northlight.example"
            await tx.people.save_member(replace(member, email=email))
            office.people[handle] = office.slack.add_person(member.name, email=email)
            office.world.people[handle] = Principal(office.tenant, replace(member, email=email))
    amira, omar, ravi, rosa, _ = office.people.values()
    office.help = office.slack.add_channel("it-help", [amira, omar, ravi, rosa])
    office.desk = office.slack.add_channel("it-desk", [ravi, rosa], private=True)


@pytest.fixture
async def slack() -> AsyncIterator[FakeSlack]:
    """With the vendor's own list of methods, and the scopes that our manifest asks for."""
    async with FakeSlack(methods=METHODS if METHODS.exists() else None) as running:
        running.deliveries.retries_s = (0.0, 0.05, 0.2)
        running.workspace.scopes[:] = needed()
        yield running
        await running.settled()
        assert running.violations == []


@pytest.fixture
async def office(
    world: World, system_engine: AsyncEngine, urls: DatabaseUrls, slack: FakeSlack
) -> AsyncIterator[Office]:
    await emptied(urls)
    await world.reads("redis.md", (RUNBOOKS / "it-ops" / "redis-operations.md").read_text())
    async with opened(world, system_engine, slack) as running:
        yield running

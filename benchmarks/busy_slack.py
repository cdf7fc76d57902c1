"""Workspaces full of people on the fake Slack, each of a tenant of its own that has installed the product:
what they say all day, and what comes of what they ask."""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx

from bots.slack.manifest import INSTALL_PATH, OAUTH_PATH
from bots.slack.scopes import needed
from brain.adapters.fastembed_embedder import PACKAGED
from brain.adapters.postgres.tenants import tenants
from brain.domain.identity import Member, MemberId, Role, TenantId
from brain.usecases.ingest import Upload
from config.departments import read_departments
from config.founding import Founder, found, principal
from config.sealing import sealer
from config.settings import DatabaseUrls, Settings
from config.slack_install import invitation
from config.wiring import assembled
from demo.fake_slack import Channel, FakeSlack, Message, Person
from demo.fake_slack.delivery import Attempt
from demo.fake_slack.records import Json, Workspace
from tests.conftest import RUNBOOKS, RememberingEmbedder

# Where browsers would reach the product; the port that it really has is asked instead.
OUTSIDE = "https://expert.example.org"
PLACEHOLDER = "Looking for an answer"
READ = ("redis-operations.md", "vpn-access.md")
QUESTIONS = (
    "How do I rotate the Redis password?",
    "How do I check the memory of a Redis node?",
    "What do I do when Redis does not start?",
    "How do I fail over a Redis primary?",
    "Who is on call for Redis?",
)
SAID = (
    "lunch at twelve?",
    "the build is green again",
    "thanks, that did it",
    "I'm moving the stand-up to 9:45 tomorrow, the room is booked",
    "does anybody have the notes of yesterday's call?",
    "deploying waybill 4.12 now",
)
# What workspaces tell beside questions, and how often of a hundred.
OTHERS = {"message": 45, "reply": 27, "edit": 9, "reaction": 8, "bot": 7, "member": 4}


@dataclass(slots=True)
class Office:
    """One company: a tenant, and its workspace. `robot` is another app's bot that posts there; the last of
    its people says nothing, but comes and goes."""

    slug: str
    workspace: Workspace
    people: Sequence[Person]
    channels: Sequence[Channel]
    robot: Person
    tenant: TenantId | None = None
    admin: MemberId | None = None


@dataclass(slots=True)
class Asked:
    """`messages` of ours in the thread are what doubles are counted by."""

    at: float
    office: Office
    channel: Channel
    answered_at: float = 0.0
    messages: int = 0
    acknowledged_at: float = 0.0


def offices(slack: FakeSlack, *, tenants: int, people: int, channels: int) -> list[Office]:
    """People are spread evenly; everybody is in every channel of their workspace."""
    made = []
    for number in range(tenants):
        workspace = slack.workspace if number == 0 else slack.add_workspace(f"Company {number}")
        workspace.scopes[:] = needed()
        workspace.bot.name = f"expert{number}"  # mentions are by name
        here = [
            slack.add_person(f"Person {number} {one}", email=f"p{one}@c{number}.example", home=workspace)
            for one in range(people * (number + 1) // tenants - people * number // tenants)
        ]
        robot = slack.add_person(f"Robot {number}", home=workspace, is_bot=True)
        there = [slack.add_channel(f"c{number}-{one}", here, home=workspace) for one in range(channels)]
        made.append(Office(f"company-{number}", workspace, here, there, robot))
    return made


async def found_all(settings: Settings, urls: DatabaseUrls, known: Sequence[Office]) -> None:
    """A tenant for each, with its people by their addresses, and something to read."""
    files = read_departments(settings.departments)
    async with assembled(settings, urls) as wiring:
        embedder = RememberingEmbedder(PACKAGED, home=settings.home)  # all of them read the same
        ingest = replace(wiring.ingest, embedder=embedder)
        for office in known:
            admin = Founder("admin", "Admin", frozenset(Role), email=f"admin@{office.slug}.example")
            await found(wiring, slug=office.slug, name=office.slug, founders=[admin], files=files)
            tenant = office.tenant = (await tenants(wiring.system_engine))[office.slug]
            async with wiring.store.transaction(tenant) as tx:
                roles = {one.id: frozenset({Role.ASKER}) for one in await tx.people.departments()}
                for person in office.people:
                    user = person.user
                    member = Member(MemberId(uuid4()), user.name, user.real_name, user.email, roles)
                    await tx.people.save_member(member)
            reviewer = await principal(wiring, tenant, "admin")
            if reviewer is None:
                raise LookupError(office.slug)
            office.admin = reviewer.member.id
            for name in READ:
                content = (RUNBOOKS / "it-ops" / name).read_bytes()
                await ingest(reviewer, Upload("it-ops", name, content))
        embedder.close()


async def install_all(settings: Settings, slack: FakeSlack, known: Sequence[Office], *, at: str) -> None:
    """As an admin of each does, with the link that they are sent."""
    sealing = sealer(settings)
    async with httpx.AsyncClient(base_url=at, timeout=30) as browser:
        for office in known:
            if office.tenant is None or office.admin is None:
                raise LookupError(office.slug)
            now = datetime.now(UTC)
            link = invitation(sealing, office.tenant, office.admin, url=OUTSIDE, now=now)
            begun = await browser.get(INSTALL_PATH, params=parse_qs(urlsplit(link).query))
            state = parse_qs(urlsplit(begun.headers["location"]).query)["state"][0]
            # The cookie is for https alone, which the client goes by.
            cookie = begun.headers["set-cookie"].partition(";")[0]
            done = await browser.get(
                OAUTH_PATH,
                params={"code": slack.authorizes(office.workspace), "state": state},
                headers={"Cookie": cookie},
            )
            if done.status_code != httpx.codes.OK:
                raise RuntimeError(f"{office.slug} could not install: {done.status_code} {done.text}")


@dataclass
class Crowd:
    """Everybody at once. What is asked goes round the workspaces and their channels: Slack takes one message
    a second in a channel."""

    slack: FakeSlack
    offices: Sequence[Office]
    rng: random.Random
    questions: Sequence[str] = QUESTIONS
    asked: dict[str, Asked] = field(default_factory=dict)
    sent: int = 0
    attempts: list[Attempt] = field(default_factory=list)
    # Acknowledged by no attempt, and who asked by it.
    unacknowledged: int = 0
    _recent: dict[str, list[Message]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.slack.on_event.append(self._saw)

    async def talk(self, *, events_per_s: float, questions_per_s: float, seconds: float) -> None:
        """Each question is two events: of the message, and of the mention."""
        await asyncio.gather(
            _steadily(self.ask, per_s=questions_per_s, seconds=seconds),
            _steadily(self.chat, per_s=events_per_s - 2 * questions_per_s, seconds=seconds),
        )

    def ask(self, number: int) -> None:
        office = self.offices[number % len(self.offices)]
        channel = office.channels[number // len(self.offices) % len(office.channels)]
        text = f"@{office.workspace.bot.name} {self.rng.choice(self.questions)}"
        said = self.rng.choice(office.people[:-1]).says(channel, text)
        self.asked[said.ts] = Asked(time.monotonic(), office, channel)

    def chat(self, _number: int) -> None:
        """Something that is not for the bot."""
        office = self.rng.choice(self.offices)
        channel, person = self.rng.choice(office.channels), self.rng.choice(office.people[:-1])
        recent = self._recent.setdefault(channel.id, [])
        (kind,) = self.rng.choices(tuple(OTHERS), tuple(OTHERS.values()))
        text = f"{self.rng.choice(SAID)} ({self.rng.randrange(10_000)})"
        if kind == "reply" and recent:
            person.says(channel, text, thread=self.rng.choice(recent))
        elif kind == "edit" and recent:
            person.edits(self.rng.choice(recent), text)
        elif kind == "reaction" and recent:
            self._reacts(office, channel, person, self.rng.choice(recent))
        elif kind == "bot":
            office.robot.says(channel, text)
        elif kind == "member":
            self._comes_or_goes(channel, office.people[-1])
        else:
            recent.append(person.says(channel, text))
            del recent[:-20]

    def _comes_or_goes(self, channel: Channel, person: Person) -> None:
        if person.id in channel.members:
            person.leaves(channel)
        else:
            person.joins(channel)

    def _reacts(self, office: Office, channel: Channel, person: Person, to: Message) -> None:
        item = {"type": "message", "channel": channel.id, "ts": to.ts}
        event: Json = {"type": "reaction_added", "user": person.id, "reaction": "eyes", "item": item}
        self.slack.world.tell_workspace(office.workspace, event | {"event_ts": self.slack.world.ts()})

    def _saw(self, entry: Json) -> None:
        asked = self.asked.get(entry.get("thread") or "")
        if asked is None or entry["from"] != self.slack.app.name:
            return
        asked.messages += {"message": 1, "delete": -1}.get(entry["kind"], 0)
        if entry["kind"] in ("message", "edit") and PLACEHOLDER not in entry["what"]:
            asked.answered_at = asked.answered_at or time.monotonic()

    def collect(self) -> None:
        """Takes down what became of each delivery, and lets go of what nobody needs any more."""
        waiting = []
        for one in self.slack.deliveries.all:
            if not one.done.done():
                waiting.append(one)
                continue
            self.sent += 1
            self.attempts += one.attempts
            kept = [attempt for attempt in one.attempts if not attempt.failure]
            self.unacknowledged += not kept
            asked = self.asked.get(one.payload.get("event", {}).get("ts", ""))
            if kept and asked is not None:
                asked.acknowledged_at = asked.acknowledged_at or time.monotonic()
        self.slack.deliveries.all[:] = waiting
        self.slack.log.clear()

    def left(self) -> list[Asked]:
        """Acknowledged, and without an answer so far."""
        return [one for one in self.asked.values() if one.acknowledged_at and not one.answered_at]

    @property
    def doubled(self) -> int:
        return sum(max(0, one.messages - 1) for one in self.asked.values())

    async def answered(self, *, within_s: float) -> None:
        """When nobody waits any more, or patience ends."""
        await self.slack.settled()
        until = time.monotonic() + within_s
        self.collect()
        while self.left() and time.monotonic() < until:
            await asyncio.sleep(0.1)
            self.collect()


async def _steadily(act: Callable[[int], None], *, per_s: float, seconds: float) -> None:
    began = time.monotonic()
    for number in range(int(per_s * seconds)):
        await asyncio.sleep(max(0.0, began + number / per_s - time.monotonic()))
        act(number)

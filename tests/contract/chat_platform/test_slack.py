"""Slack as a chat platform: its own SDK, against the fake Slack."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

pytest.importorskip("slack_bolt", reason="the extra `slack` is not installed")

from bots.chat_platform import File, Inbound, Pressed, Said, Submitted, Trigger
from bots.slack.adapter import Receiver, SlackCalls, Workspace, identify
from bots.slack.platform import SlackPlatform
from brain.domain.conversation import Conversation
from brain.domain.errors import Unavailable
from demo.fake_slack import Channel, FakeSlack, Message, Person, View
from demo.fake_slack import Seen as OnScreen
from demo.fake_slack.blocks import elements_of
from demo.fake_slack.faults import cut, error, rate_limited
from demo.fake_slack.reading import live_in
from tests.contract.chat_platform.room import Room, Seen, Trouble
from tests.contract.chat_platform.suite import ChatPlatformSuite
from tests.flow.slack.conftest import METHODS
from tests.unpaced import Unpaced

EMAIL = "amira@northlight.example"
_FAULTS = {
    Trouble.AWAY: rate_limited(2),
    Trouble.REFUSED: error("is_archived"),
    Trouble.CUT_BEFORE: cut(processed=False),
    Trouble.CUT_AFTER: cut(processed=True),
}


@dataclass
class SlackRoom(Room):
    slack: FakeSlack
    people: dict[str, Person]
    channel: Channel
    root: Message
    inbound: asyncio.Queue[Inbound] = field(default_factory=asyncio.Queue)

    async def sees(self, who: str, where: Conversation) -> Sequence[Seen]:
        return [
            Seen(one.text, one.buttons, one.live.mentions, one.live.links + one.live.bare)
            for one in self._messages(who, where)
        ]

    def _messages(self, who: str, where: Conversation) -> "list[OnScreen]":
        channel = self.slack.world.channels[where.channel]
        if who not in channel.members:
            return []
        said = self._person(who).sees(channel, thread=where.thread or None)
        return [one for one in said if one.message.user == self.slack.bot.id]

    async def says(self, who: str, text: str, *, file: tuple[str, bytes, str] | None = None) -> Inbound:
        files = [file] if file else []
        self._person(who).says(self.channel, f"@expert {text}", thread=self.root, files=files)
        return await self._next(Said)

    async def commands(self, who: str, text: str) -> Inbound:
        self._person(who).commands("/expert", text, self.channel)
        return await self._next(Said)

    async def presses(self, who: str, label: str) -> Inbound:
        self._person(who).clicks(self._messages(who, self.place)[-1], label)
        return await self._next(Pressed)

    async def form(self, who: str) -> Seen | None:
        return self._seen(who, self._person(who).view)

    async def submits(self, who: str, values: Mapping[str, str]) -> Inbound:
        person = self._person(who)
        assert person.view is not None
        assert await person.submits(person.view, values) == {}
        return await self._next(Submitted)

    async def home(self, who: str) -> Seen | None:
        return self._seen(who, self._person(who).home)

    def _seen(self, who: str, view: View | None) -> Seen | None:
        if view is None:
            return None
        live = live_in("", [view.source])
        labels = [
            one["text"]["text"]
            for block in view.blocks
            for one in elements_of(block)
            if one["type"] == "button"
        ]
        names = " ".join(str(view.source[one]["text"]) for one in ("title", "submit") if one in view.source)
        text = f"{names} {self._person(who).reads(view)}"
        return Seen(text, labels, live.mentions, live.links + live.bare)

    async def trigger(self, who: str, *, late: bool = False) -> Trigger:
        token = self.slack.world.trigger(self.slack.workspace, self._person(who).user)
        if late:
            self.slack.pass_time(4)
        else:  # a machine that is slow today is not what is tested
            self.slack.world.triggers[token].expires_at += 60
        return Trigger(self.slack.workspace.id, token)

    async def takes_away(self, who: str, where: Conversation) -> None:
        self._person(who).deletes(self._messages(who, where)[-1].message)

    async def lose(self, file: File) -> None:
        self.slack.world.files[file.id].deleted = True

    def trouble(self, what: Trouble) -> None:
        self.slack.misbehave("chat.postMessage", _FAULTS[what])

    def _person(self, who: str) -> Person:
        return next(one for one in self.people.values() if one.id == who)

    async def _next(self, kind: type) -> Inbound:
        """Of this kind; of the two that a mention makes, one."""
        async with asyncio.timeout(10):
            while not isinstance((inbound := await self.inbound.get()).what, kind):
                pass
        await self.slack.settled()
        while not self.inbound.empty():
            self.inbound.get_nowait()
        return inbound


@pytest.fixture
async def room() -> AsyncIterator[SlackRoom]:
    async with FakeSlack(methods=METHODS if METHODS.exists() else None) as slack:
        people = {
            "amira": slack.add_person("Amira", email=EMAIL),
            "omar": slack.add_person("Omar"),
            "gina": slack.add_person("Gina", email="gina@elsewhere.example", is_restricted=True),
            "alerts": slack.add_person("Alerts", is_bot=True),
        }
        channel = slack.add_channel("it-help", list(people.values()))
        workspace = await identify(slack.bot_token, api=slack.api_url)

        async def find(id_: str) -> Workspace | None:
            return workspace if id_ in ("", workspace.id) else None

        calls = SlackCalls(find, slack.api_url, Unpaced())
        root = people["amira"].says(channel, "Which port does the VPN use?")
        room = SlackRoom(
            platform=SlackPlatform(calls),
            place=Conversation("slack", workspace.id, channel.id, root.ts),
            amira=people["amira"].id,
            omar=people["omar"].id,
            gina=people["gina"].id,
            email=EMAIL,
            slack=slack,
            people=people,
            channel=channel,
            root=root,
        )
        receiver = Receiver(room.inbound.put, find, (slack.signing_secret,))
        sockets = receiver.sockets(slack.app_token, api=slack.api_url)
        await sockets.client.connect()  # type: ignore[no-untyped-call]  # the SDK says nothing of it
        await slack.settled()
        while not room.inbound.empty():
            room.inbound.get_nowait()
        yield room
        await sockets.client.close()  # type: ignore[no-untyped-call]  # as above
        await calls.close()
        assert slack.limits.impatient == []
        assert slack.violations == []


class TestSlack(ChatPlatformSuite):
    pass


@pytest.mark.parametrize(
    ("body", "kind"), [("[]", "application/json"), ("{", "application/json"), ("?", "text/plain")]
)
async def test_an_answer_that_is_none_of_slacks_tells_nothing_of_a_token(body: str, kind: str) -> None:
    async def answers(_: web.Request) -> web.Response:
        return web.Response(text=body, content_type=kind)

    app = web.Application()
    app.router.add_route("*", "/{anything:.*}", answers)
    async with TestServer(app) as proxy:
        with pytest.raises(Unavailable):
            await identify("xoxb-1", api=str(proxy.make_url("/api/")))

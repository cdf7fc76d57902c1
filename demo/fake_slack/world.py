"""The one state that everything acts on: who is there, what was said, who is told, and what time it is."""

import asyncio
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from demo.fake_slack import events
from demo.fake_slack.methods import BOT_SCOPES
from demo.fake_slack.reading import seen_text
from demo.fake_slack.records import (
    App,
    AssistantThread,
    Channel,
    Json,
    Message,
    ResponseUrl,
    StoredFile,
    Token,
    Trigger,
    User,
    View,
    Workspace,
)

TRIGGER_LASTS_S = 3.0
RESPONSE_URL_LASTS_S = 1800.0
STREAM_LASTS_S = 300.0
# What people do themselves, in the log.
ACTS = frozenset({"click", "command", "confirm", "shortcut", "submit"})

T = TypeVar("T")
Deliver = Callable[[str, Json], object]


class World:
    """`deliver` is told of every event, with the twin that goes with it; `on_event` of everything visible."""

    def __init__(self) -> None:
        self.app = App()
        self.base = ""
        self.workspaces: dict[str, Workspace] = {}
        self.users: dict[str, User] = {}
        self.channels: dict[str, Channel] = {}
        self.files: dict[str, StoredFile] = {}
        self.tokens: dict[str, Token] = {}
        self.codes: dict[str, str] = {}
        self.triggers: dict[str, Trigger] = {}
        self.response_urls: dict[str, ResponseUrl] = {}
        self.views: dict[str, list[View]] = {}
        self.homes: dict[tuple[str, str], View] = {}
        self.assistants: list[AssistantThread] = []
        self.log: list[Json] = []
        self.on_event: list[Callable[[Json], None]] = []
        self.deliver: Deliver = lambda _kind, _payload: None
        self._deliver_twins: Callable[[Json, Json], object] = lambda _first, _second: None
        self._changed = asyncio.Event()
        self._ahead_s = 0.0
        self._last_us = 0
        # Ids are never given twice, not even by two worlds: whoever remembers them takes them for the same.
        self._salt = uuid.uuid4().hex[:6].upper()
        self._count = 0

    # ---- time and ids

    def now(self) -> float:
        return time.time() + self._ahead_s

    def pass_time(self, seconds: float) -> None:
        """Moves the clock that triggers, response addresses, tokens and limits go by."""
        self._ahead_s += seconds
        self.touched()

    def ts(self) -> str:
        """Later than every one before, as a message's id is."""
        self._last_us = max(self._last_us + 1, int(self.now() * 1_000_000))
        return f"{self._last_us // 1_000_000}.{self._last_us % 1_000_000:06d}"

    def fresh(self, prefix: str) -> str:
        self._count += 1
        return f"{prefix}0{self._salt}{self._count:05d}"

    # ---- who waits for something to happen

    def touched(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def until(self, condition: Callable[[], T | None], timeout_s: float) -> T:
        """What `condition` says once that is true. Raises TimeoutError with the end of the log."""
        ends = time.monotonic() + timeout_s
        while not (found := condition()):
            if time.monotonic() > ends:
                raise TimeoutError(f"not in {timeout_s} s; the last that happened: {self.log[-5:]}")
            try:
                await asyncio.wait_for(self._changed.wait(), 0.05)
            except TimeoutError:
                continue
        return found

    # ---- who and where

    def add_workspace(self, name: str) -> Workspace:
        team = self.fresh("T")
        bot = User(self.fresh("U"), team, "expert", self.app.name, is_bot=True, bot_id=self.fresh("B"))
        self.users[bot.id] = bot
        token = Token(f"xoxb-{team}-{self.fresh('t')}", team, list(BOT_SCOPES))
        self.tokens[token.value] = token
        workspace = Workspace(team, name, name.lower().replace(" ", "-"), bot, token.scopes, token.value)
        self.workspaces[team] = workspace
        return workspace

    def direct(self, workspace: Workspace, user: User) -> Channel:
        """Where that person and the bot talk alone."""
        both = {workspace.bot.id, user.id}
        for channel in self.channels.values():
            if channel.kind == "im" and set(channel.members) == both:
                return channel
        channel = Channel(self.fresh("D"), f"DM with {user.real_name}", "im", workspace.id, sorted(both))
        self.channels[channel.id] = channel
        return channel

    def name(self, external_id: str) -> str:
        """What people call a user or a channel."""
        if external_id in self.users:
            return self.users[external_id].real_name
        return self.channels[external_id].name if external_id in self.channels else external_id

    def workspaces_in(self, channel: Channel) -> list[Workspace]:
        """The workspaces whose bot is there, and has not been thrown out."""
        return [
            one
            for one in self.workspaces.values()
            if one.bot.id in channel.members and not self.tokens[one.token].revoked
        ]

    # ---- what is given to an app for a while

    def trigger(self, workspace: Workspace, user: User, view: str = "") -> str:
        name = f"{self.fresh('9')}.{workspace.id}.trigger"
        self.triggers[name] = Trigger(workspace.id, user.id, self.now() + TRIGGER_LASTS_S, view=view)
        return name

    def response_url(
        self, kind: str, workspace: Workspace, channel: Channel, user: User, acted: str = ""
    ) -> str:
        path = f"/hooks/{kind}/{workspace.id}/{self.fresh('r')}"
        self.response_urls[path] = ResponseUrl(
            workspace.id, channel.id, user.id, self.now() + RESPONSE_URL_LASTS_S, acted
        )
        return self.base + path

    # ---- what happens

    def join(self, channel: Channel, user: User, *, inviter: str = "") -> None:
        if user.id not in channel.members:
            channel.members.append(user.id)
            event = events.membership(channel, user, joined=True, ts=self.ts())
            self.tell(channel, event | ({"inviter": inviter} if inviter else {}), "member_joined_channel")

    def leave(self, channel: Channel, user: User) -> None:
        if user.id in channel.members:
            channel.members.remove(user.id)
            channel.left.add(user.id)
            event = events.membership(channel, user, joined=False, ts=self.ts())
            self.tell(channel, event, "member_left_channel")

    def post(self, message: Message) -> Message:
        channel = self.channels[message.channel]
        channel.add(message)
        self.note("ephemeral" if message.only_for else "message", channel, message)
        if not message.only_for:
            self._tell_said(channel, message)
        return message

    def change(self, message: Message, *, by: str, before: Json) -> None:
        """Tells of a message that has been changed; `before` is what it was."""
        channel = self.channels[message.channel]
        self.note("edit", channel, message)
        if not message.only_for:
            message.edited = {"user": by, "ts": self.ts()}
            event = events.changed(channel, before, message, ts=message.edited["ts"])
            self.tell(channel, event, events.SUBSCRIPTION[channel.kind])

    def delete(self, message: Message) -> None:
        channel = self.channels[message.channel]
        message.deleted = True
        self.note("delete", channel, message)
        if not message.only_for:
            event = events.removed(channel, message, ts=self.ts())
            self.tell(channel, event, events.SUBSCRIPTION[channel.kind])

    def _tell_said(self, channel: Channel, message: Message) -> None:
        said = events.message(channel, message)
        for workspace in self.workspaces_in(channel):
            pair = []
            if events.SUBSCRIPTION[channel.kind] in self.app.subscriptions:
                pair.append(self._wrapped(workspace, said, channel))
            mentioned = workspace.bot.mention in message.text and message.user != workspace.bot.id
            if mentioned and channel.kind != "im" and "app_mention" in self.app.subscriptions:
                pair.append(self._wrapped(workspace, events.mention(channel, message), channel))
            if len(pair) == 2:
                self._deliver_twins(*pair)
            else:
                for one in pair:
                    self.deliver("events_api", one)

    def on_twins(self, deliver: Callable[[Json, Json], object]) -> None:
        """A message that mentions the bot makes two events: of the message, and of the mention."""
        self._deliver_twins = deliver

    def tell(self, channel: Channel, event: Json, subscription: str) -> None:
        """Tells the apps of those workspaces whose bot is in the channel."""
        if subscription in self.app.subscriptions:
            for workspace in self.workspaces_in(channel):
                self.deliver("events_api", self._wrapped(workspace, event, channel))

    def tell_workspace(self, workspace: Workspace, event: Json) -> None:
        if event["type"] in self.app.subscriptions:
            self.deliver("events_api", self._wrapped(workspace, event))

    def _wrapped(self, workspace: Workspace, event: Json, channel: Channel | None = None) -> Json:
        shared = channel is not None and bool(channel.shared_with)
        return events.wrapped(self.app, workspace, event, event_id=self.fresh("Ev"), shared=shared)

    # ---- what can be seen

    def sees(self, user: User, channel: Channel, message: Message) -> bool:
        return user.id in channel.members and message.only_for in {"", user.id}

    def reading(self, message: Message) -> str:
        files = "".join(f"\n[file: {file.name}]" for file in message.files)
        return seen_text(message.text, message.blocks, self.name) + files

    def note(self, kind: str, channel: Channel, message: Message) -> None:
        """Writes down what a channel shows now."""
        people = [self.users[one] for one in channel.members if not self.users[one].is_bot]
        self.write(
            {
                "kind": kind,
                "who": [one.real_name for one in people if self.sees(one, channel, message)],
                "where": channel.label,
                "thread": message.thread_ts if message.is_reply else "",
                "from": self.name(message.user),
                "what": "" if message.deleted else self.reading(message),
                "ts": message.ts,
            }
        )

    def note_for(self, user: User, kind: str, where: str, what: str) -> None:
        """Writes down what one person sees or does, outside of messages."""
        by = user.real_name if kind in ACTS else "Slack" if kind == "failure" else self.app.name
        self.write({"kind": kind, "who": [user.real_name], "where": where, "from": by, "what": what})

    def write(self, entry: Json) -> None:
        entry = {"when": datetime.fromtimestamp(self.now(), UTC).isoformat(), **entry}
        self.log.append(entry)
        for tell in self.on_event:
            tell(entry)
        self.touched()

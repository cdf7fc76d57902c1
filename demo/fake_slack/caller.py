"""Who calls a method, and what of the workspace is within reach of them."""

import base64
import binascii
from dataclasses import dataclass, field
from typing import Any

from demo.fake_slack.methods import SCOPE_OF_KIND
from demo.fake_slack.records import Channel, Json, Message, Token, User, Workspace
from demo.fake_slack.refusal import Refused, gone
from demo.fake_slack.world import World


@dataclass
class Caller:
    """`remarks` are mistakes that Slack itself lets pass."""

    world: World
    workspace: Workspace
    token: Token
    scope: str = ""
    remarks: list[str] = field(default_factory=list)

    @property
    def bot(self) -> User:
        return self.workspace.bot

    def channel(self, external_id: str) -> Channel:
        """A channel that this bot may know of."""
        channel = self.world.channels.get(external_id)
        if channel is None or self.workspace.id not in {channel.team, *channel.shared_with}:
            raise gone("channel_not_found")
        if channel.kind != "channel" and self.bot.id not in channel.members:
            raise gone("channel_not_found")
        if self.scope.startswith(":"):
            self.needs(SCOPE_OF_KIND[channel.kind] + self.scope)
        return channel

    def joined(self, external_id: str) -> Channel:
        """A channel that this bot is in."""
        channel = self.channel(external_id)
        if self.bot.id not in channel.members:
            raise Refused("not_in_channel", wrong=self.bot.id not in channel.left)
        return channel

    def open(self, external_id: str) -> Channel:
        """A channel that this bot may write to; a person's id stands for the direct messages with them."""
        if external_id in self.world.users:
            return self.world.direct(self.workspace, self.user(external_id))
        channel = self.joined(external_id)
        if channel.archived:
            raise gone("is_archived")
        return channel

    def user(self, external_id: str) -> User:
        user = self.world.users.get(external_id)
        if user is None:
            raise gone("user_not_found")
        return user

    def needs(self, scope: str) -> None:
        if scope not in self.token.scopes:
            provided = ",".join(self.token.scopes)
            raise Refused("missing_scope", needed=scope, provided=provided)

    def own(self, channel: Channel, ts: str, *, error: str) -> Message:
        """A message of this bot's own, that everyone sees."""
        message = channel.find(ts)
        if message is None or message.deleted:
            raise Refused("message_not_found", wrong=message is None)
        if message.only_for:
            raise Refused("message_not_found", "an ephemeral message cannot be changed")
        if message.user != self.bot.id:
            raise Refused(error)
        return message

    def thread(self, channel: Channel, arguments: Json, name: str = "thread_ts") -> str:
        """The parent that a reply names: never a reply itself."""
        ts = str(arguments.get(name) or "")
        if not ts:
            return ""
        parent = channel.find(ts)
        if parent is None:
            raise Refused("cannot_reply_to_message", f"no message {ts} in {channel.label}")
        if parent.is_reply:
            raise Refused("cannot_reply_to_message", f"{ts} is a reply itself")
        if parent.only_for:
            raise Refused("cannot_reply_to_message", f"{ts} is ephemeral")
        if parent.deleted and not channel.replies(ts):
            raise gone("cannot_reply_to_message")
        return ts


def page(found: list[Any], arguments: Json, *, default: int, most: int) -> tuple[list[Any], str]:
    """One page, and the cursor of the next."""
    limit = int(arguments.get("limit") or default)
    if not 1 <= limit <= most:
        raise Refused("invalid_limit")
    start = 0
    if cursor := arguments.get("cursor"):
        try:
            start = int(base64.b64decode(cursor).decode().removeprefix("next:"))
        except (ValueError, binascii.Error):
            raise Refused("invalid_cursor") from None
    end = start + limit
    more = base64.b64encode(f"next:{end}".encode()).decode() if end < len(found) else ""
    return found[start:end], more


def truth(value: Any) -> bool:
    """Forms say yes in many ways."""
    return str(value).lower() in {"1", "true"}

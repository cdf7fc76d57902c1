"""What the fake Slack remembers: workspaces, people, channels, messages, views, files and tokens.

Each knows how Slack shows it in JSON; none of them does anything.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

Json = dict[str, Any]
Kind = Literal["channel", "group", "im", "mpim"]


@dataclass
class User:
    id: str
    team: str
    name: str
    real_name: str
    email: str = ""
    is_email_confirmed: bool = True
    is_admin: bool = False
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    is_bot: bool = False
    bot_id: str = ""
    deleted: bool = False
    locale: str = "en-US"
    tz: str = "Europe/London"

    @property
    def mention(self) -> str:
        return f"<@{self.id}>"

    def to_slack(self, *, seen_from: str, email: bool, locale: bool) -> Json:
        """As the workspace `seen_from` sees it: of a stranger there is neither e-mail nor role."""
        stranger = self.team != seen_from
        profile: Json = {
            "real_name": self.real_name,
            "real_name_normalized": self.real_name,
            "display_name": self.name,
            "display_name_normalized": self.name,
            "team": self.team,
        }
        if email and self.email and not stranger:
            profile["email"] = self.email
        offset = datetime.now(ZoneInfo(self.tz)).utcoffset()
        shown: Json = {
            "id": self.id,
            "team_id": self.team,
            "name": self.name,
            "real_name": self.real_name,
            "deleted": self.deleted,
            "tz": self.tz,
            "tz_label": self.tz,
            "tz_offset": int(offset.total_seconds()) if offset else 0,
            "profile": profile,
            "is_bot": self.is_bot,
            "is_app_user": False,
            "updated": 1_700_000_000,
        }
        if stranger:
            return shown | {"is_stranger": True}
        roles = {"is_admin": self.is_admin, "is_owner": False, "is_primary_owner": False}
        guests = {"is_restricted": self.is_restricted, "is_ultra_restricted": self.is_ultra_restricted}
        shown |= roles | guests | {"is_email_confirmed": self.is_email_confirmed}
        if locale:
            shown["locale"] = self.locale
        return shown


@dataclass
class StoredFile:
    id: str
    name: str
    media_type: str
    content: bytes
    user: str
    team: str
    url: str
    created: int
    deleted: bool = False

    def to_slack(self) -> Json:
        return {
            "id": self.id,
            "created": self.created,
            "timestamp": self.created,
            "name": self.name,
            "title": self.name,
            "mimetype": self.media_type,
            "filetype": self.name.rpartition(".")[2],
            "user": self.user,
            "user_team": self.team,
            "editable": False,
            "size": len(self.content),
            "mode": "hosted",
            "is_external": False,
            "is_public": True,
            "url_private": self.url,
            "url_private_download": self.url.replace("/files-pri/", "/files-pri-download/"),
            "permalink": f"{self.url}#permalink",
        }


@dataclass
class Message:
    """`only_for` is the one person who sees an ephemeral message. `team` is where its author is at home.

    `unfurls` where Slack would show what links lead to.
    """

    ts: str
    channel: str
    team: str
    user: str
    text: str
    blocks: list[Json] = field(default_factory=list)
    attachments: list[Json] = field(default_factory=list)
    files: list[StoredFile] = field(default_factory=list)
    metadata: Json | None = None
    thread_ts: str = ""
    subtype: str = ""
    bot_id: str = ""
    app_id: str = ""
    client_msg_id: str = ""
    edited: Json | None = None
    only_for: str = ""
    broadcast: bool = False
    deleted: bool = False
    streaming: bool = False
    streamed_at: float = 0.0
    stopped: bool = False
    unfurls: bool = False
    reactions: dict[str, list[str]] = field(default_factory=dict)

    @property
    def is_reply(self) -> bool:
        return bool(self.thread_ts) and self.thread_ts != self.ts

    @property
    def root(self) -> str:
        """The `ts` of the thread that this is in, or would begin."""
        return self.thread_ts or self.ts

    def to_slack(self, *, metadata: bool = False) -> Json:
        shown: Json = {
            "type": "message",
            "user": self.user,
            "text": self.text,
            "ts": self.ts,
            "team": self.team,
        }
        optional: Json = {
            "subtype": self.subtype,
            "client_msg_id": self.client_msg_id,
            "bot_id": self.bot_id,
            "app_id": self.app_id,
            "blocks": self.blocks,
            "attachments": self.attachments,
            "thread_ts": self.thread_ts,
            "edited": self.edited,
            "files": [file.to_slack() for file in self.files],
            "reactions": [
                {"name": name, "users": users, "count": len(users)} for name, users in self.reactions.items()
            ],
            "metadata": self.metadata if metadata else None,
        }
        return shown | {key: value for key, value in optional.items() if value}


@dataclass
class Channel:
    """`team` is the workspace it belongs to; `shared_with` are the others that it is shared with."""

    id: str
    name: str
    kind: Kind
    team: str
    members: list[str] = field(default_factory=list)
    shared_with: list[str] = field(default_factory=list)
    archived: bool = False
    messages: list[Message] = field(default_factory=list)
    left: set[str] = field(default_factory=set)
    _by_ts: dict[str, Message] = field(default_factory=dict)
    _by_thread: dict[str, list[Message]] = field(default_factory=dict)

    @property
    def label(self) -> str:
        return f"#{self.name}" if self.kind in {"channel", "group"} else self.name

    def find(self, ts: str) -> Message | None:
        return self._by_ts.get(ts)

    def replies(self, ts: str) -> list[Message]:
        return self._by_thread.get(ts, [])

    def add(self, message: Message) -> None:
        self.messages.append(message)
        self._by_ts[message.ts] = message
        if message.is_reply:
            self._by_thread.setdefault(message.thread_ts, []).append(message)

    def to_slack(self, *, bot: str, other: str = "") -> Json:
        shown: Json = {
            "id": self.id,
            "created": 1_700_000_000,
            "is_archived": self.archived,
            "is_channel": self.kind == "channel",
            "is_group": self.kind == "group",
            "is_im": self.kind == "im",
            "is_mpim": self.kind == "mpim",
            "is_private": self.kind != "channel",
            "is_shared": bool(self.shared_with),
            "is_ext_shared": bool(self.shared_with),
            "is_org_shared": False,
            "context_team_id": self.team,
        }
        if self.kind == "im":
            return shown | {"user": other}
        return shown | {
            "name": self.name,
            "name_normalized": self.name,
            "is_member": bot in self.members,
            "shared_team_ids": [self.team, *self.shared_with],
            "topic": {"value": "", "creator": "", "last_set": 0},
            "purpose": {"value": "", "creator": "", "last_set": 0},
        }


@dataclass
class View:
    """A modal that is open, or a Home. `source` is what the app sent."""

    id: str
    team: str
    user: str
    source: Json
    hash: str
    app_id: str
    bot_id: str
    root: str = ""
    previous: str | None = None
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def blocks(self) -> list[Json]:
        found: list[Json] = self.source["blocks"]
        return found

    def to_slack(self, state: Json | None = None) -> Json:
        defaults = {
            "private_metadata": "",
            "callback_id": "",
            "external_id": "",
            "title": None,
            "submit": None,
        }
        return {
            **defaults,
            "close": None,
            "clear_on_close": False,
            "notify_on_close": False,
            **self.source,
            "id": self.id,
            "team_id": self.team,
            "state": {"values": state or {}},
            "hash": self.hash,
            "previous_view_id": self.previous,
            "root_view_id": self.root or self.id,
            "app_id": self.app_id,
            "app_installed_team_id": self.team,
            "bot_id": self.bot_id,
        }


@dataclass
class AssistantThread:
    """The assistant container of one person, as far as it can be seen."""

    channel: str
    ts: str
    user: str
    status: str = ""
    status_until: float = 0.0
    prompts: list[Json] = field(default_factory=list)
    prompts_title: str = ""
    title: str = ""


@dataclass
class Token:
    value: str
    team: str
    scopes: list[str]
    kind: Literal["bot", "app"] = "bot"
    expires_at: float | None = None
    refresh: str = ""
    revoked: bool = False


@dataclass
class Workspace:
    id: str
    name: str
    domain: str
    bot: User
    scopes: list[str]
    token: str


@dataclass
class Trigger:
    team: str
    user: str
    expires_at: float
    used: bool = False
    view: str = ""


@dataclass
class ResponseUrl:
    """`message` is the one that was acted on; empty where a command made this."""

    team: str
    channel: str
    user: str
    expires_at: float
    message: str = ""
    uses: int = 0


@dataclass
class App:
    id: str = "A0EXPERT01"
    name: str = "The Expert"
    client_id: str = "1111111111.2222222222"
    client_secret: str = "0123456789abcdef0123456789abcdef"
    signing_secret: str = "8f742231b10e8888abcd99yyyzzz85a5"
    verification_token: str = "verification-token"
    app_token: str = "xapp-1-A0EXPERT01-1-fake"
    rotation: bool = False
    subscriptions: set[str] = field(
        default_factory=lambda: set(
            """app_home_opened app_mention app_uninstalled assistant_thread_context_changed
            assistant_thread_started channel_archive channel_rename member_joined_channel member_left_channel
            message.channels message.groups message.im message.mpim reaction_added team_join tokens_revoked
            user_change""".split()
        )
    )

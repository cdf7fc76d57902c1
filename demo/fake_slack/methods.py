"""The methods of Slack's Web API that the fake knows: arguments, scopes and how often they may be called.

https://docs.slack.dev/reference/methods
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from demo.fake_slack.records import Json

PER_MINUTE = {"1": 1, "2": 20, "3": 50, "4": 100, "special": 600}

# What a token needs for the conversations methods, by the kind of conversation.
SCOPE_OF_KIND = {"channel": "channels", "group": "groups", "im": "im", "mpim": "mpim"}


@dataclass(frozen=True)
class Method:
    """`scope` beginning with a colon stands for one of each kind of conversation: `:read`, `:history`.

    `caller` is whose token it takes.
    """

    required: tuple[str, ...]
    optional: tuple[str, ...]
    scope: str = ""
    tier: str = "special"
    caller: str = "bot"


def _method(
    required: str, optional: str = "", *, scope: str = "", tier: str = "3", caller: str = "bot"
) -> Method:
    return Method(tuple(required.split()), tuple(optional.split()), scope, tier, caller)


_SHOWN_AS = "icon_emoji icon_url username"
_BODY = "attachments blocks markdown_text text link_names parse as_user"
_PAGE = "cursor limit"
_SPAN = "include_all_metadata inclusive latest oldest " + _PAGE

METHODS: dict[str, Method] = {
    "apps.connections.open": _method("", caller="app"),
    "assistant.threads.setStatus": _method(
        "channel_id status thread_ts", f"loading_messages {_SHOWN_AS}", scope="chat:write", tier="special"
    ),
    "assistant.threads.setSuggestedPrompts": _method(
        "channel_id prompts thread_ts", "title", scope="assistant:write", tier="4"
    ),
    "assistant.threads.setTitle": _method("channel_id thread_ts title", scope="assistant:write", tier="4"),
    "auth.revoke": _method("", "test"),
    "auth.test": _method("", tier="special", caller="any"),
    "bots.info": _method("", "bot team_id", scope="users:read"),
    "chat.appendStream": _method("channel ts", "chunks markdown_text", scope="chat:write", tier="4"),
    "chat.delete": _method("channel ts", "as_user", scope="chat:write"),
    "chat.getPermalink": _method("channel message_ts", tier="special"),
    "chat.postEphemeral": _method(
        "channel user", f"thread_ts {_BODY} {_SHOWN_AS}", scope="chat:write", tier="4"
    ),
    "chat.postMessage": _method(
        "channel",
        f"metadata mrkdwn reply_broadcast thread_ts unfurl_links unfurl_media {_BODY} {_SHOWN_AS}",
        scope="chat:write",
        tier="special",
    ),
    "chat.startStream": _method(
        "channel thread_ts",
        f"chunks markdown_text recipient_team_id recipient_user_id task_display_mode {_SHOWN_AS}",
        scope="chat:write",
        tier="2",
    ),
    "chat.stopStream": _method(
        "channel ts", "blocks chunks markdown_text metadata", scope="chat:write", tier="2"
    ),
    "chat.update": _method("channel ts", f"file_ids metadata reply_broadcast {_BODY}", scope="chat:write"),
    "conversations.history": _method("channel", _SPAN, scope=":history"),
    "conversations.info": _method("channel", "include_locale include_num_members", scope=":read"),
    "conversations.join": _method("channel", scope="channels:join"),
    "conversations.list": _method(
        "", f"exclude_archived team_id types {_PAGE}", scope="channels:read", tier="2"
    ),
    "conversations.members": _method("channel", _PAGE, scope=":read", tier="4"),
    "conversations.open": _method("", "channel prevent_creation return_im users", scope="im:write"),
    "conversations.replies": _method("channel ts", _SPAN, scope=":history"),
    "files.info": _method("file", f"count page {_PAGE}", scope="files:read", tier="4"),
    "oauth.v2.access": _method(
        "",
        "client_id client_secret code code_verifier grant_type redirect_uri refresh_token",
        tier="4",
        caller="none",
    ),
    "reactions.add": _method("channel name timestamp", scope="reactions:write"),
    "reactions.remove": _method(
        "name", "channel file file_comment timestamp", scope="reactions:write", tier="2"
    ),
    "team.info": _method("", "domain team", scope="team:read"),
    "users.conversations": _method("", f"exclude_archived team_id types user {_PAGE}", scope="channels:read"),
    "users.info": _method("user", "include_locale", scope="users:read", tier="4"),
    "users.list": _method("", f"include_locale team_id {_PAGE}", scope="users:read", tier="2"),
    "users.lookupByEmail": _method("email", scope="users:read.email"),
    "views.open": _method("view", "interactivity_pointer trigger_id", tier="4"),
    "views.publish": _method("user_id view", "hash", tier="4"),
    "views.push": _method("view", "interactivity_pointer trigger_id", tier="4"),
    "views.update": _method("view", "external_id hash view_id", tier="4"),
}

# All that the bot is given unless a test gives it less.
BOT_SCOPES = """app_mentions:read assistant:write channels:history channels:join channels:read chat:write
    commands files:read groups:history groups:read im:history im:read im:write mpim:history mpim:read
    reactions:write team:read users:read users:read.email""".split()


_TIER = re.compile(r"Tier (\d)")


class Published:
    """A list of methods published elsewhere: `{method: {"args": {name: {"required": …}}}}`."""

    # The list says that these are required, though the method is content with another argument instead.
    CONTENT_WITH_ANOTHER = frozenset({("chat.appendStream", "markdown_text")})

    def __init__(self, path: Path) -> None:
        self._methods: dict[str, Json] = json.loads(path.read_text(encoding="utf-8"))

    def tiers(self) -> dict[str, str]:
        labels = {
            name: str(facts.get("rate_limit", {}).get("label"))
            for name, facts in self._methods.items()
            if name in METHODS
        }
        return {name: found[1] for name, label in labels.items() if (found := _TIER.match(label))}

    def problems(self, method: str, arguments: Json) -> Iterator[str]:
        known = self._methods.get(method)
        if known is None:
            yield f"{method} is not in the published list"
            return
        for name in sorted(arguments.keys() - known["args"].keys() - {"token"}):
            yield f"{method} has no argument {name} in the published list"
        for name, facts in known["args"].items():
            if (
                facts.get("required")
                and name not in arguments
                and (method, name) not in self.CONTENT_WITH_ANOTHER
            ):
                yield f"{method} needs {name} by the published list"


def tiers_of(path: Path) -> dict[str, str]:
    """Tiers from a published file of `{method: "Tier3"}`."""
    found: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return {method: tier.removeprefix("Tier") for method, tier in found.items() if tier.startswith("Tier")}

"""What a workspace has to allow, and why: for each method that is called, and each event that is listened to.

https://docs.slack.dev/reference/scopes
"""

from collections.abc import Mapping

_KINDS = ("channels", "groups", "im", "mpim")
_READ = tuple(f"{kind}:read" for kind in _KINDS)
_HISTORY = tuple(f"{kind}:history" for kind in _KINDS)

# Of the scopes that Slack lists for a method, those without which a call of ours would fail.
METHODS: Mapping[str, tuple[str, ...]] = {
    "assistant.threads.setStatus": ("chat:write",),
    "assistant.threads.setSuggestedPrompts": ("assistant:write",),
    "auth.test": (),
    "chat.appendStream": ("chat:write",),
    "chat.delete": ("chat:write",),
    "chat.getPermalink": (),
    "chat.postEphemeral": ("chat:write",),
    "chat.postMessage": ("chat:write",),
    "chat.startStream": ("chat:write",),
    "chat.stopStream": ("chat:write",),
    "chat.update": ("chat:write",),
    "conversations.history": _HISTORY,
    "conversations.info": _READ,
    "conversations.members": _READ,
    "conversations.open": ("im:write",),  # with one person only
    "conversations.replies": _HISTORY,
    "files.info": ("files:read",),
    "users.info": ("users:read", "users:read.email"),  # people are recognised by their address
    "users.list": ("users:read", "users:read.email"),
    "users.lookupByEmail": ("users:read.email",),
    "views.open": (),
    "views.publish": (),
}

# With a token of the app, which has a scope of its own.
APP_METHODS: Mapping[str, str] = {"apps.connections.open": "connections:write"}

EVENTS: Mapping[str, tuple[str, ...]] = {
    "app_home_opened": (),
    "app_mention": ("app_mentions:read",),
    "app_uninstalled": (),
    "assistant_thread_context_changed": ("assistant:write",),
    "assistant_thread_started": ("assistant:write",),
    "member_joined_channel": ("channels:read", "groups:read"),
    "member_left_channel": ("channels:read", "groups:read"),
    "message.channels": ("channels:history",),
    "message.groups": ("groups:history",),
    "message.im": ("im:history",),
    "message.mpim": ("mpim:history",),
    "tokens_revoked": (),
    "user_change": ("users:read",),
}

_COMMANDS = "commands"


def needed() -> list[str]:
    """Of a bot token; in order."""
    each = (*METHODS.values(), *EVENTS.values(), (_COMMANDS,))
    return sorted({scope for scopes in each for scope in scopes})


def wanted_for(scope: str) -> list[str]:
    """What does not work without it: methods and events."""
    known = [name for table in (METHODS, EVENTS) for name, scopes in table.items() if scope in scopes]
    return known or (["slash commands"] if scope == _COMMANDS else [])

"""The manifest from which an organisation makes its own Slack app.

https://docs.slack.dev/reference/app-manifest
"""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from bots.slack.scopes import EVENTS, needed
from brain.domain.errors import Rejected

EVENTS_PATH = "/slack/events"
OAUTH_PATH = "/slack/oauth"
INSTALL_PATH = "/slack/install"
_LONGEST_NAME = 35
_COMMAND = re.compile(r"/[a-z0-9_-]{1,31}")


@dataclass(frozen=True, slots=True)
class Wanted:
    """`url` is where Slack reaches us over HTTPS; without one, we connect to Slack (Socket Mode).

    `several`: other workspaces install the app through that address, and their tokens are renewed.
    """

    name: str = "The Expert"
    command: str = "/expert"
    url: str = ""
    several: bool = False


def manifest(wanted: Wanted) -> dict[str, Any]:
    """Raises `Rejected` where Slack would not take it."""
    url = _checked(wanted)
    request = {"request_url": url + EVENTS_PATH} if url else {}
    redirect = {"redirect_urls": [url + OAUTH_PATH]} if wanted.several else {}
    return {
        "_metadata": {"major_version": 2},
        "display_information": {
            "name": wanted.name,
            "description": "Answers from your own documents, with sources, and asks a person when unsure.",
        },
        "features": _features(wanted, url),
        "oauth_config": redirect | {"scopes": {"bot": needed()}},
        "settings": {
            "event_subscriptions": request | {"bot_events": sorted(EVENTS)},
            "interactivity": {"is_enabled": True} | request,
            "org_deploy_enabled": wanted.several,
            "socket_mode_enabled": not url,
            "token_rotation_enabled": wanted.several,
        },
    }


def _features(wanted: Wanted, url: str) -> dict[str, Any]:
    command = {
        "command": wanted.command,
        "description": "Ask, and see why and how far your questions are",
        "usage_hint": "ask <question> | why | status | setup | help",
        "should_escape": False,
    }
    return {
        "app_home": {
            "home_tab_enabled": True,
            "messages_tab_enabled": True,
            "messages_tab_read_only_enabled": False,
        },
        "bot_user": {"display_name": wanted.name, "always_online": True},
        "shortcuts": [
            {
                # No longer than 24 characters.
                "name": "Ask The Expert about it",
                "type": "message",
                "callback_id": "ask",
                "description": "Asks what this message asks. You alone see the answer.",
            },
            {
                "name": "Why this answer?",
                "type": "message",
                "callback_id": "why",
                "description": "Tells you how sure an answer of The Expert's is, and why.",
            },
        ],
        "slash_commands": [command | ({"url": url + EVENTS_PATH} if url else {})],
        "assistant_view": {
            "assistant_description": "Answers from your organisation's documents, with sources.",
        },
    }


def _checked(wanted: Wanted) -> str:
    if not 1 <= len(wanted.name) <= _LONGEST_NAME:
        raise Rejected(f"The name of a Slack app has 1 to {_LONGEST_NAME} characters.")
    if not _COMMAND.fullmatch(wanted.command):
        raise Rejected(f"{wanted.command} is no slash command: it looks like /expert, in small letters.")
    if not wanted.url:
        if wanted.several:
            raise Rejected("Other workspaces install the app through an https address: give it with --url.")
        return ""
    return checked_url(wanted.url)


def checked_url(given: str) -> str:
    """Without a slash at its end. Raises `Rejected` where Slack could not send to it."""
    parts = urlsplit(given.strip())
    whole = parts.scheme == "https" and parts.hostname and "." in parts.hostname
    if not whole or parts.query or parts.fragment or parts.username:
        raise Rejected(f"{given} is not where Slack can send to: it looks like https://expert.example.org.")
    return f"https://{parts.netloc}{parts.path.rstrip('/')}"

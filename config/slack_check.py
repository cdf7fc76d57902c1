"""Examines everything between Slack and this installation, and says of each finding what to do about it."""

import asyncio
import hashlib
import hmac
import importlib.util
import json
import re
import time
from collections.abc import Generator, Iterator
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from bots.slack.calls import Refused
from bots.slack.manifest import EVENTS_PATH
from bots.slack.scopes import needed
from brain.domain.errors import ExpertError, Rejected, Unavailable
from config.commands.api import exchange
from config.database import existing
from config.findings import Finding, attempt
from config.settings import Settings, load_settings
from config.slack import signing_secrets
from config.slack_check_people import examine_people, missing_scopes

if TYPE_CHECKING:
    from bots.slack.adapter import Workspace

_PATIENCE_S = 5.0
_APP = "api.slack.com/apps → your app"

# What each kind of token looks like, and where it is to be had.
_BOT_TOKEN = re.compile(r"xoxb-[\w-]+")
_APP_TOKEN = re.compile(r"xapp-[\w-]+")
_WHERE_BOT = f"Copy the Bot User OAuth Token (xoxb-…) from {_APP} → OAuth & Permissions."
_WHERE_APP = (
    f"Make one (xapp-…) with the scope connections:write at {_APP} → Basic Information → App-Level Tokens."
)
_WHERE_SECRET = f"Copy the Signing Secret from {_APP} → Basic Information → App Credentials."

_RESTART = "Start it with `make up`, or start it again: it reads the secret when it starts. " + _WHERE_SECRET
_UNREACHABLE = "See whether this machine reaches https://slack.com, and EXPERT_SLACK_API_URL is unset."

_TOKEN_ADVICE = {
    "invalid_auth": _WHERE_BOT,
    "not_authed": _WHERE_BOT,
    "account_inactive": "The app was removed from the workspace: install it again, and copy the new token.",
    "token_revoked": "The token was revoked: install the app again, and copy the new token.",
    "token_expired": "Make an app without Token Rotation, or install this one with `expert slack install`.",
    "not_allowed_token_type": _WHERE_BOT,
    "missing_scope": f"Add the scope at {_APP} → OAuth & Permissions, then install the app again.",
}


def examine() -> Iterator[Finding]:
    """Findings in the order in which to mend them; no token is renewed, and nobody on Slack sees it.

    In Socket Mode a connection is opened for a moment, to see who else listens.
    """
    try:
        settings = load_settings()
    except Rejected as error:
        yield Finding(
            "settings", ok=False, detail=str(error), advice="Correct it; the rest was not examined."
        )
        return
    extra = _extra()
    yield extra
    wrong = list(_shapes(settings))
    yield from wrong or [_way_in(settings)]
    if wrong or not extra.ok:
        return
    workspace = None
    if settings.slack_bot_token is not None:
        workspace = yield from _workspace(settings)
    if settings.slack_app_token is not None:
        yield _socket(settings)
    yield from _signing(settings)
    try:
        with existing(settings) as urls:
            yield from asyncio.run(examine_people(settings, urls, workspace))
    except (ExpertError, SQLAlchemyError, OSError) as error:
        yield Finding("tenant", ok=False, detail=str(error).splitlines()[0], advice="See `expert doctor`.")


def _extra() -> Finding:
    if importlib.util.find_spec("slack_bolt") is None:
        return Finding(
            "extra", ok=False, detail="Slack's library is not installed", advice="make setup-slack"
        )
    return Finding("extra", ok=True, detail="Slack's library is installed")


def _shapes(settings: Settings) -> Iterator[Finding]:
    """What is wrong with what is set. Tokens are easily taken for one another; what they are is not said."""
    bot, app = settings.slack_bot_token, settings.slack_app_token
    if bot is None and settings.slack_client_id is None:
        yield Finding("bot token", ok=False, detail="EXPERT_SLACK_BOT_TOKEN is not set", advice=_WHERE_BOT)
    elif bot is not None and not _BOT_TOKEN.fullmatch(bot.get_secret_value()):
        expires = bot.get_secret_value().startswith("xoxe")
        what = "is one that expires" if expires else "does not look like xoxb-…"
        yield Finding(
            "bot token",
            ok=False,
            detail=f"EXPERT_SLACK_BOT_TOKEN {what}",
            advice=_TOKEN_ADVICE["token_expired"] if expires else _WHERE_BOT,
        )
    if app is not None and not _APP_TOKEN.fullmatch(app.get_secret_value()):
        detail = "EXPERT_SLACK_APP_TOKEN does not look like xapp-…"
        yield Finding("app token", ok=False, detail=detail, advice=_WHERE_APP)
    secrets = signing_secrets(settings)
    if any(one.startswith(("xox", "xapp")) or len(one) < 16 for one in secrets):
        detail = "EXPERT_SLACK_SIGNING_SECRET is a token, or too short"
        yield Finding("signing secret", ok=False, detail=detail, advice=_WHERE_SECRET)
    if app is None and not secrets:
        yield Finding(
            "way in",
            ok=False,
            detail="neither EXPERT_SLACK_APP_TOKEN nor EXPERT_SLACK_SIGNING_SECRET is set: nothing gets in",
            advice=f"{_WHERE_APP} Or, where Slack can reach The Expert: {_WHERE_SECRET}",
        )


def _way_in(settings: Settings) -> Finding:
    socket = "The Expert connects to Slack (Socket Mode)"
    return Finding(
        "way in", ok=True, detail=socket if settings.slack_app_token else f"Slack sends to {EVENTS_PATH}"
    )


def _workspace(settings: Settings) -> Generator[Finding, None, "Workspace | None"]:
    """Whose token it is, and what it may do."""
    from bots.slack.adapter import identify

    token = settings.slack_bot_token
    try:
        known = asyncio.run(identify(token.get_secret_value() if token else "", api=settings.slack_api_url))
    except Refused as error:
        advice = _TOKEN_ADVICE.get(error.code, _WHERE_BOT)
        yield Finding("bot token", ok=False, detail=f"Slack says {error.code}", advice=advice)
        return None
    except Unavailable as error:
        yield Finding("bot token", ok=False, detail=str(error), advice=_UNREACHABLE)
        return None
    yield Finding("bot token", ok=True, detail=f"of the workspace {known.name} ({known.id})")
    if missing := missing_scopes(known.scopes):
        yield Finding("scopes", ok=False, detail=missing, advice=_TOKEN_ADVICE["missing_scope"])
    else:
        yield Finding("scopes", ok=True, detail=f"all {len(needed())} that are needed")
    return known


def _socket(settings: Settings) -> Finding:
    from bots.slack.adapter import connections

    token = settings.slack_app_token
    try:
        others = asyncio.run(
            connections(token.get_secret_value() if token else "", api=settings.slack_api_url)
        )
    except Refused as error:
        return Finding("socket", ok=False, detail=f"Slack says {error.code}", advice=_WHERE_APP)
    except Unavailable as error:
        return Finding("socket", ok=False, detail=str(error), advice=_UNREACHABLE)
    if not others:
        advice = "Start it with `make up`; where it runs, its log says why."
        return Finding("socket", ok=False, detail="it opens, but The Expert does not listen", advice=advice)
    return Finding("socket", ok=True, detail="it opens, and The Expert listens")


def _signing(settings: Settings) -> Iterator[Finding]:
    secrets = signing_secrets(settings)
    if not secrets:
        yield Finding("signing secret", ok=True, detail="none is needed: Slack does not send to us")
        return
    for number, secret in enumerate(secrets, start=1):
        name = "signing secret" if len(secrets) == 1 else f"signing secret {number}"
        yield attempt(name, partial(_accepted, settings, secret), _RESTART)


def _accepted(settings: Settings, secret: str) -> str:
    """As Slack asks an address that it is given: https://docs.slack.dev/reference/events/url_verification"""
    body = json.dumps({"type": "url_verification", "challenge": "expert-slack-check", "token": ""})
    now = str(int(time.time()))
    mac = hmac.new(secret.encode(), f"v0:{now}:{body}".encode(), hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json",
        "X-Slack-Request-Timestamp": now,
        "X-Slack-Signature": f"v0={mac}",
    }
    status, said = exchange(
        settings.location, "POST", EVENTS_PATH, body.encode(), headers, timeout_s=_PATIENCE_S
    )
    if status != 200 or b"expert-slack-check" not in said:
        raise Rejected(f"{settings.location.url}{EVENTS_PATH} answers {status}")
    return f"{settings.location.url}{EVENTS_PATH} takes what is signed with it"

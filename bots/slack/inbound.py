"""What Slack delivers, in our words. Pure; None where there is nothing for us in it.

https://docs.slack.dev/reference/events · https://docs.slack.dev/interactivity/handling-user-interaction
"""

import re
from collections.abc import Mapping
from html import unescape
from typing import Any

from bots.chat_platform import (
    File,
    Heard,
    Inbound,
    Opened,
    Place,
    Pressed,
    Removed,
    Said,
    Submitted,
    What,
)
from bots.slack.blocks import action_name
from bots.slack.views import entered
from brain.domain.conversation import Conversation

Json = Mapping[str, Any]

# What is said with a file, or shown in the channel as well, is said like anything else.
_SAID_SUBTYPES = (None, "file_share", "thread_broadcast", "me_message", "bot_message")
_SHORTCUTS = ("ask", "why")
_MARKUP = re.compile(r"<([^<>]*)>")


def event(body: Json, *, bot_user: str) -> Inbound | None:
    inner = _object(body.get("event"))
    match inner.get("type"):
        case "message" | "app_mention":
            return _message(body, inner, bot_user=bot_user)
        case "app_home_opened" if inner.get("tab") == "home":
            return _happened(body, inner, Opened(Place.HOME), channel=_text(inner, "channel"))
        case "assistant_thread_started":
            thread = _object(inner.get("assistant_thread"))
            started = {"user": thread.get("user_id")}
            channel, ts = _text(thread, "channel_id"), _text(thread, "thread_ts")
            return _happened(body, started, Opened(Place.ASSISTANT), channel=channel, thread=ts)
        case "app_uninstalled":
            return _happened(body, {}, Removed())
        case "tokens_revoked" if _object(inner.get("tokens")).get("bot"):
            return _happened(body, {}, Removed())
        case _:
            return None


def command(body: Json) -> Inbound | None:
    channel, user = _text(body, "channel_id"), _text(body, "user_id")
    if not (user and _text(body, "trigger_id")):
        return None
    said = Said(
        plain(_text(body, "text"), bot_user=""),
        Heard.COMMAND,
        reply_to=_text(body, "response_url"),
        trigger=_text(body, "trigger_id"),
    )
    return Inbound(
        delivery=f"command/{_text(body, 'trigger_id')}",
        conversation=Conversation("slack", _team(body), channel, reader=user),
        author=user,
        what=said,
        direct=channel.startswith("D"),
    )


def action(body: Json) -> Inbound | None:
    """One button of a message of ours. Choices in forms come with the form."""
    actions = body.get("actions")
    pressed = _object(actions[0]) if isinstance(actions, list) and actions else {}
    container, message = _object(body.get("container")), _object(body.get("message"))
    user, channel = _text(_object(body.get("user")), "id"), _text(_object(body.get("channel")), "id")
    if pressed.get("type") != "button" or not (user and channel):
        return None
    ts = _text(container, "message_ts") or _text(message, "ts")
    thread = _text(message, "thread_ts") or _text(container, "thread_ts")
    name, at = _text(pressed, "action_id"), _text(pressed, "action_ts")
    return Inbound(
        delivery=f"action/{_team(body)}/{channel}/{ts}/{name}/{at}/{user}",
        conversation=Conversation("slack", _team(body), channel, thread),
        author=user,
        what=Pressed(
            action=action_name(name),
            value=_text(pressed, "value"),
            message=ts,
            trigger=_text(body, "trigger_id"),
            reply_to=_text(body, "response_url"),
        ),
        direct=channel.startswith("D"),
    )


def shortcut(body: Json) -> Inbound | None:
    """On a message: ask about it, or why the bot said it. The answer is for whom uses it."""
    message, user = _object(body.get("message")), _text(_object(body.get("user")), "id")
    channel, name = _text(_object(body.get("channel")), "id"), _text(body, "callback_id")
    if body.get("type") != "message_action" or name not in _SHORTCUTS or not (user and channel):
        return None
    trigger, reply_to = _text(body, "trigger_id"), _text(body, "response_url")
    ts = _text(message, "ts")
    what: What = Pressed("why_message", "", ts, trigger, reply_to)
    if name == "ask":
        text = plain(_text(message, "text"), bot_user="")
        what = Said(text, Heard.SHORTCUT, ts, _files(message), reply_to=reply_to, trigger=trigger)
    return Inbound(
        delivery=f"shortcut/{trigger}",
        conversation=Conversation(
            "slack", _team(body), channel, _text(message, "thread_ts") or ts, reader=user
        ),
        author=user,
        what=what,
        direct=channel.startswith("D"),
    )


def submission(body: Json) -> Inbound | None:
    view, user = _object(body.get("view")), _text(_object(body.get("user")), "id")
    if body.get("type") != "view_submission" or not (user and _text(view, "callback_id")):
        return None
    return Inbound(
        delivery=f"view/{_text(view, 'id')}/{_text(view, 'hash')}",
        conversation=Conversation("slack", _team(body), ""),
        author=user,
        what=Submitted(
            _text(view, "callback_id"), _text(view, "private_metadata"), entered(_object(view.get("state")))
        ),
    )


def plain(text: str, *, bot_user: str) -> str:
    """What people read: without the mention of the bot, and with nothing that Slack would read as markup.

    https://docs.slack.dev/messaging/formatting-message-text#retrieving-messages
    """
    text = re.sub(rf"<@{re.escape(bot_user)}(\|[^>]*)?>", " ", text) if bot_user else text
    return " ".join(unescape(_MARKUP.sub(_shown, text)).split(" ")).strip()


def _shown(found: re.Match[str]) -> str:
    target, _, label = found[1].partition("|")
    if target.startswith(("@", "#")):
        return target[0] + (label or target[1:])
    if target.startswith("!"):
        return label if target.startswith("!date") else f"@{(label or target[1:]).lstrip('@')}"
    return f"{label} ({target})" if label and label != target.partition(":")[2] else target


def _message(body: Json, inner: Json, *, bot_user: str) -> Inbound | None:
    subtype, ts, text = inner.get("subtype"), _text(inner, "ts"), _text(inner, "text")
    channel, own = _text(inner, "channel"), inner.get("user") == bot_user and bool(bot_user)
    if subtype not in _SAID_SUBTYPES or own or inner.get("hidden") or not (channel and ts):
        return None
    bot = bool(inner.get("bot_id") or subtype == "bot_message")
    author = _text(inner, "bot_id") if bot else _text(inner, "user")
    if not author:
        return None
    direct = inner.get("channel_type") == "im" or (not inner.get("channel_type") and channel[:1] == "D")
    heard = Heard.DIRECT if direct and not bot else _heard(inner, text, bot_user)
    thread = _text(inner, "thread_ts") or ("" if direct else ts)
    said = Said(
        text=plain(text or _attached(inner), bot_user=bot_user),
        heard=heard,
        message=ts,
        files=_files(inner),
        mentions=tuple(one for one in re.findall(r"<@([A-Z0-9]+)", text) if one != bot_user),
    )
    return _happened(
        body,
        {"user": author, "team": inner.get("user_team") or inner.get("source_team") or inner.get("team")},
        said,
        channel=channel,
        thread=thread,
        twin=f"message/{_team(body)}/{channel}/{ts}",
        bot=bot,
        direct=direct,
    )


def _heard(inner: Json, text: str, bot_user: str) -> Heard:
    mentioned = inner.get("type") == "app_mention" or bool(bot_user and f"<@{bot_user}" in text)
    return Heard.MENTION if mentioned and not inner.get("bot_id") else Heard.OVERHEARD


def _happened(
    body: Json,
    who: Json,
    what: What,
    *,
    channel: str = "",
    thread: str = "",
    **more: Any,
) -> Inbound:
    home = _text(who, "team")
    return Inbound(
        delivery=f"event/{_text(body, 'event_id')}",
        conversation=Conversation("slack", _team(body), channel, thread),
        author=_text(who, "user"),
        what=what,
        author_workspace="" if home == _team(body) else home,
        **more,
    )


def _attached(inner: Json) -> str:
    """Alerts of other bots often have their words here."""
    attachments = inner.get("attachments")
    said = [
        _text(_object(one), name)
        for one in (attachments if isinstance(attachments, list) else [])
        for name in ("title", "text", "fallback")
    ]
    return "\n".join(dict.fromkeys(one for one in said if one))


def _files(inner: Json) -> tuple[File, ...]:
    files = inner.get("files")
    found = (_object(one) for one in (files if isinstance(files, list) else []))
    return tuple(
        File(
            _text(one, "id"),
            _text(one, "name") or _text(one, "title") or _text(one, "id"),
            _text(one, "mimetype"),
            int(one.get("size") or 0),
        )
        for one in found
        if _text(one, "id")
    )


def _team(body: Json) -> str:
    """The workspace that has the bot, which is not always the one where something was said."""
    authorizations = body.get("authorizations")
    if isinstance(authorizations, list) and authorizations:
        ours = _text(_object(authorizations[0]), "team_id")
        if ours:
            return ours
    view = _text(_object(body.get("view")), "app_installed_team_id")
    team = _text(_object(body.get("team")), "id")
    return view or _text(body, "team_id") or team or _text(_object(body.get("user")), "team_id")


def _object(found: Any) -> Json:
    return found if isinstance(found, Mapping) else {}


def _text(found: Json, name: str) -> str:
    value = found.get(name)
    return value if isinstance(value, str) else ""

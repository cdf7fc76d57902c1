"""What Slack delivers, in our words. Pure; None where there is nothing for us in it.

https://docs.slack.dev/reference/events · https://docs.slack.dev/interactivity/handling-user-interaction
"""

import re
from dataclasses import replace
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
from bots.slack.shapes import Json, number_at, object_of, objects_of, string_at
from bots.slack.views import entered
from brain.domain.conversation import Conversation

# What is said with a file, or shown in the channel as well, is said like anything else.
_SAID_SUBTYPES = (None, "file_share", "thread_broadcast", "me_message", "bot_message")
_SHORTCUTS = ("ask", "why")
_MARKUP = re.compile(r"<([^<>]*)>")


def event(body: Json, *, bot_user: str) -> Inbound | None:
    inner = object_of(body.get("event"))
    if not string_at(body, "event_id"):
        return None  # nothing would tell it from its repetition
    match inner.get("type"):
        case "message" | "app_mention":
            return _message(body, inner, bot_user=bot_user)
        case "app_home_opened" if inner.get("tab") == "home":
            return _happened(body, inner, Opened(Place.HOME), channel=string_at(inner, "channel"))
        case "assistant_thread_started":
            thread = object_of(inner.get("assistant_thread"))
            started = {"user": thread.get("user_id")}
            channel, ts = string_at(thread, "channel_id"), string_at(thread, "thread_ts")
            return _happened(body, started, Opened(Place.ASSISTANT), channel=channel, thread=ts)
        case "app_uninstalled":
            return _removed(body)
        case "tokens_revoked" if object_of(inner.get("tokens")).get("bot"):
            return _removed(body)
        case _:
            return None


def command(body: Json) -> Inbound | None:
    channel, user = string_at(body, "channel_id"), string_at(body, "user_id")
    if not (user and channel and string_at(body, "trigger_id")):
        return None
    said = Said(
        plain(string_at(body, "text"), bot_user=""),
        Heard.COMMAND,
        reply_to=string_at(body, "response_url"),
        trigger=string_at(body, "trigger_id"),
    )
    return Inbound(
        delivery=f"command/{string_at(body, 'trigger_id')}",
        conversation=Conversation("slack", team(body), _shared(channel), reader=user),
        author=user,
        what=said,
    )


def _shared(channel: str) -> str:
    """Commands and shortcuts work where two people talk alone, too, where nothing is ever to be shared."""
    return "" if channel.startswith("D") else channel


def action(body: Json) -> Inbound | None:
    """One button of a message of ours, or of somebody's Home. Choices in forms come with the form."""
    pressed = next(iter(objects_of(body.get("actions"))), {})
    container, message = object_of(body.get("container")), object_of(body.get("message"))
    view = object_of(body.get("view"))
    user = string_at(object_of(body.get("user")), "id")
    channel = string_at(object_of(body.get("channel")), "id")
    name, at = string_at(pressed, "action_id"), string_at(pressed, "action_ts")
    ours = body.get("type") == "block_actions" and pressed.get("type") == "button"
    somewhere = channel or string_at(view, "type") == "home"
    if not (ours and name and at and user and somewhere):
        return None
    ts = string_at(container, "message_ts") or string_at(message, "ts")
    thread = string_at(message, "thread_ts") or string_at(container, "thread_ts")
    return Inbound(
        delivery=f"action/{team(body)}/{channel or string_at(view, 'id')}/{ts}/{name}/{at}/{user}",
        conversation=Conversation("slack", team(body), channel, thread),
        author=user,
        what=Pressed(
            action=action_name(name),
            value=string_at(pressed, "value"),
            message=ts,
            trigger=string_at(body, "trigger_id"),
            reply_to=string_at(body, "response_url"),
        ),
        direct=channel.startswith("D"),
    )


def shortcut(body: Json) -> Inbound | None:
    """On a message: ask about it, or why the bot said it. The answer is for whom uses it."""
    message, user = object_of(body.get("message")), string_at(object_of(body.get("user")), "id")
    channel, name = string_at(object_of(body.get("channel")), "id"), string_at(body, "callback_id")
    trigger, reply_to = string_at(body, "trigger_id"), string_at(body, "response_url")
    ts = string_at(message, "ts")
    if body.get("type") != "message_action" or name not in _SHORTCUTS:
        return None
    if not (user and channel and ts and trigger):
        return None
    what: What = Pressed("why_message", "", ts, trigger, reply_to)
    if name == "ask":
        text = plain(string_at(message, "text"), bot_user="")
        what = Said(text, Heard.SHORTCUT, ts, _files(message), reply_to=reply_to, trigger=trigger)
        channel = _shared(channel)
    thread = (string_at(message, "thread_ts") or ts) if channel else ""
    return Inbound(
        delivery=f"shortcut/{trigger}",
        conversation=Conversation("slack", team(body), channel, thread, reader=user),
        author=user,
        what=what,
    )


def submission(body: Json) -> Inbound | None:
    view, user = object_of(body.get("view")), string_at(object_of(body.get("user")), "id")
    if body.get("type") != "view_submission" or view.get("type") != "modal":
        return None
    if not (user and string_at(view, "id") and string_at(view, "callback_id")):
        return None
    return Inbound(
        delivery=f"view/{string_at(view, 'id')}/{string_at(view, 'hash')}",
        conversation=Conversation("slack", team(body), ""),
        author=user,
        what=Submitted(
            string_at(view, "callback_id"),
            string_at(view, "private_metadata"),
            entered(object_of(view.get("state"))),
        ),
    )


def first_entry(body: Json) -> str:
    """The block of a submitted form by which an error can be shown; empty where it has none."""
    blocks = objects_of(object_of(body.get("view")).get("blocks"))
    found = (string_at(one, "block_id") for one in blocks if one.get("type") == "input")
    return next(found, "")


def changed(body: Json) -> tuple[str, str, str] | None:
    """Workspace, channel and person of whom something is not as it was; None where nothing changed."""
    inner = object_of(body.get("event"))
    if not string_at(inner, "type").startswith(("member_", "user_change", "team_join")):
        return None
    person = string_at(object_of(inner.get("user")), "id") or string_at(inner, "user")
    return team(body), string_at(inner, "channel"), person


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
    subtype, ts, text = inner.get("subtype"), string_at(inner, "ts"), string_at(inner, "text")
    channel, own = string_at(inner, "channel"), inner.get("user") == bot_user and bool(bot_user)
    if subtype not in _SAID_SUBTYPES or own or inner.get("hidden") or not (channel and ts):
        return None
    bot = bool(inner.get("bot_id") or subtype == "bot_message")
    author = string_at(inner, "bot_id") if bot else string_at(inner, "user")
    if not author:
        return None
    direct = inner.get("channel_type") == "im" or (not inner.get("channel_type") and channel[:1] == "D")
    heard = Heard.DIRECT if direct and not bot else _heard(inner, text, bot_user)
    thread = string_at(inner, "thread_ts") or ("" if direct else ts)
    said = Said(
        text=plain(text or _attached(inner), bot_user=bot_user),
        heard=heard,
        message=ts,
        files=_files(inner),
        mentions=tuple(one for one in re.findall(r"<@([A-Z0-9]+)", text) if one != bot_user),
    )
    # Whoever adds a mention to what was overheard addresses the bot only then.
    twin = f"message/{team(body)}/{channel}/{ts}" + ("" if heard is Heard.OVERHEARD else "/addressed")
    return _happened(
        body,
        {"user": author, "team": inner.get("user_team") or inner.get("source_team") or inner.get("team")},
        said,
        channel=channel,
        thread=thread,
        twin=twin,
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
    home = string_at(who, "team")
    return Inbound(
        delivery=f"event/{string_at(body, 'event_id')}",
        conversation=Conversation("slack", team(body), channel, thread),
        author=string_at(who, "user"),
        what=what,
        author_workspace="" if home == team(body) else home,
        **more,
    )


def _removed(body: Json) -> Inbound:
    """From a workspace, or from the whole of an organisation that had it as a whole."""
    happened = _happened(body, {}, Removed(number_at(body, "event_time")))
    authorized = next(iter(objects_of(body.get("authorizations"))), body)
    organisation = string_at(authorized, "enterprise_id") or string_at(body, "enterprise_id")
    if authorized.get("is_enterprise_install") is True and organisation:
        return replace(happened, conversation=Conversation("slack", organisation, ""))
    return happened


def _attached(inner: Json) -> str:
    """Alerts of other bots often have their words here."""
    said = [
        string_at(one, name)
        for one in objects_of(inner.get("attachments"))
        for name in ("title", "text", "fallback")
    ]
    return "\n".join(dict.fromkeys(one for one in said if one))


def _files(inner: Json) -> tuple[File, ...]:
    return tuple(
        File(
            string_at(one, "id"),
            string_at(one, "name") or string_at(one, "title") or string_at(one, "id"),
            string_at(one, "mimetype"),
            number_at(one, "size"),
        )
        for one in objects_of(inner.get("files"))
        if string_at(one, "id")
    )


def team(body: Json) -> str:
    """The workspace that has the bot, which is not always the one where something was said.

    Of an organisation that has it as a whole: the workspace where it is known, else the organisation.
    """
    authorized = next(iter(objects_of(body.get("authorizations"))), {})
    if ours := string_at(authorized, "team_id"):
        return ours
    organisation = string_at(authorized, "enterprise_id")
    if organisation and organisation != string_at(body, "enterprise_id"):
        return organisation  # what follows is of another one, with which a channel is shared
    return (
        string_at(object_of(body.get("view")), "app_installed_team_id")
        or string_at(body, "team_id")
        or string_at(object_of(body.get("team")), "id")
        or string_at(object_of(body.get("user")), "team_id")
        or string_at(body, "enterprise_id")
        or string_at(object_of(body.get("enterprise")), "id")
    )

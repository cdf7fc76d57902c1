"""What Slack shows at once to whoever typed a command or sent a form, before anything is done about it. Pure.

https://docs.slack.dev/interactivity/implementing-slash-commands · https://docs.slack.dev/surfaces/modals
"""

from dataclasses import dataclass
from typing import Any

from bots.chat_platform import Inbound, Said, Submitted
from bots.commands import asks
from bots.setting_up import wrong
from bots.slack import inbound, views
from bots.texts import Texts
from brain.domain.conversation import Kept


@dataclass(frozen=True, slots=True)
class Answered:
    """What Slack's request is answered with."""

    status: int
    body: str = ""
    content_type: str = "text/plain"


def of_command(typed: Inbound | None, texts: Texts, kept: Kept | None) -> dict[str, Any]:
    """An answer takes a while; a word of ours does not."""
    if kept is Kept.JOURNAL:
        return _alone(texts("kept_for_later"))
    what = typed.what if typed else None
    return _alone(texts("looking")) if isinstance(what, Said) and asks(what.text) else {}


def of_form(sent: Inbound | None, texts: Texts) -> dict[str, Any]:
    """What cannot be understood is said in the form, which stays open."""
    what = sent.what if sent else None
    known = wrong(what.fields, texts) if isinstance(what, Submitted) and what.form == "setup" else {}
    return _errors(known) if known else {}


def of_sent_form(kept: Kept | None, texts: Texts) -> dict[str, Any]:
    """It closes, and what comes of it is told elsewhere; while nothing can come of it, that is said here."""
    if kept is not Kept.JOURNAL:
        return {}
    return {"response_action": "update", "view": views.notice(texts("kept_for_later"))}


def of_what_was_lost(body: dict[str, Any], texts: Texts) -> dict[str, Any]:
    """Slack does not repeat what people typed: they have to know, and what is in a form stays there."""
    if "command" in body:
        return _alone(texts("away"))
    if body.get("type") == "view_submission" and (block := inbound.first_entry(body)):
        return _errors({block: texts("away")})
    return {}


def _alone(text: str) -> dict[str, Any]:
    return {"response_type": "ephemeral", "text": text}


def _errors(by_block: dict[str, str]) -> dict[str, Any]:
    return {"response_action": "errors", "errors": by_block}

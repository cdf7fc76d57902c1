"""How a workspace gets the app: where its admin is sent, and what Slack gives us for it. Pure.

https://docs.slack.dev/authentication/installing-with-oauth · https://docs.slack.dev/authentication/using-token-rotation
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from brain.domain.errors import Rejected


@dataclass(frozen=True, slots=True)
class Granted:
    """`workspace` is empty where a whole organisation has installed the app. Tokens that do not expire have
    no `refresh_token`."""

    enterprise: str
    workspace: str
    name: str
    bot_user: str
    access_token: str = field(repr=False)
    refresh_token: str = field(default="", repr=False)
    lasts_s: int | None = None
    scopes: tuple[str, ...] = ()


def asked_at(api: str, *, client_id: str, scopes: Sequence[str], redirect: str, state: str) -> str:
    """The page on which Slack asks whether they want the app."""
    at = urlsplit(api)
    query = urlencode(
        {"client_id": client_id, "scope": ",".join(scopes), "redirect_uri": redirect, "state": state}
    )
    return f"{at.scheme}://{at.netloc}/oauth/v2/authorize?{query}"


def granted(answer: Mapping[str, Any]) -> Granted:
    """Raises `Rejected` where there is no bot in it."""
    team, enterprise = answer.get("team") or {}, answer.get("enterprise") or {}
    everywhere = bool(answer.get("is_enterprise_install"))
    workspace = "" if everywhere else str(team.get("id") or "")
    organisation = str(enterprise.get("id") or "")
    token, bot_user = answer.get("access_token"), answer.get("bot_user_id")
    if answer.get("token_type") != "bot" or not token or not bot_user or not (workspace or organisation):
        raise Rejected("Slack gave no token of a bot for it.")
    lasts_s = answer.get("expires_in")
    return Granted(
        enterprise=organisation,
        workspace=workspace,
        name=str((enterprise if everywhere else team).get("name") or workspace or organisation),
        bot_user=str(bot_user),
        access_token=str(token),
        refresh_token=str(answer.get("refresh_token") or ""),
        lasts_s=int(lasts_s) if lasts_s else None,
        scopes=tuple(filter(None, str(answer.get("scope") or "").split(","))),
    )

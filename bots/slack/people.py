"""The people of Slack workspaces: who they are, and who reads a channel."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakValueDictionary

from bots.slack.calls import Calls, Refused
from brain.domain.conversation import Conversation, Identity

# What somebody may do changes seldom.
_FRESH_S = 600.0
# Who joined a channel is told by an event at once, but to one of several processes.
_MEMBERS_FRESH_S = 60.0
_UNSEEN = ("user_not_found", "user_not_visible", "users_not_found")
_PAGE = 200
# From so many unknown people on, a page of the workspace's people is asked for first: in a small workspace
# these are all of them, and one by one they would take longer than anybody waits.
_SOME = 10
# And from so many on, all pages. They may be many times the channel.
_MANY = 200


@dataclass(slots=True)
class SlackPeople:
    calls: Calls
    clock: Callable[[], float] = time.monotonic
    _people: dict[tuple[str, str], tuple[float, Identity]] = field(default_factory=dict)
    _members: dict[tuple[str, str], tuple[float, list[str]]] = field(default_factory=dict)
    _direct: dict[tuple[str, str], str] = field(default_factory=dict)
    # When its people last came, some at least; in a large workspace those of a channel may not be among them.
    _listed: dict[str, float] = field(default_factory=dict)
    _listing: WeakValueDictionary[str, asyncio.Lock] = field(default_factory=WeakValueDictionary)

    async def person(self, workspace: str, external_id: str) -> Identity:
        known = self._known(workspace, external_id)
        if known is not None:
            return known
        try:
            found = await self.calls.call(workspace, "users.info", user=external_id, include_locale=True)
        except Refused as error:
            if error.code not in _UNSEEN:
                raise
            # Whom Slack does not show us is no reason to say nothing, and nobody to trust.
            return Identity("slack", workspace, external_id, guest=True)
        return self._learn(workspace, found["user"])

    async def by_email(self, workspace: str, email: str) -> Identity | None:
        try:
            found = await self.calls.call(workspace, "users.lookupByEmail", email=email)
        except Refused as error:
            if error.code == "users_not_found":
                return None
            raise
        return self._learn(workspace, found["user"])

    async def readers(self, conversation: Conversation) -> Sequence[Identity]:
        workspace = conversation.workspace
        ids = await self._in_channel(workspace, conversation.channel)
        if self._unknown(workspace, ids) >= _SOME:
            # One at a time: the others find them known.
            async with self._listing.setdefault(workspace, asyncio.Lock()):
                await self._list(workspace, ids)
        people = await asyncio.gather(*(self.person(workspace, one) for one in ids))
        return [one for one in people if not one.bot]

    async def direct(self, workspace: str, external_id: str) -> Conversation:
        key = workspace, external_id
        if key not in self._direct:
            opened = await self.calls.call(workspace, "conversations.open", users=external_id)
            self._direct[key] = opened["channel"]["id"]
        return Conversation("slack", workspace, self._direct[key])

    def locale(self, workspace: str, external_id: str) -> str:
        """As far as it is known already."""
        _, known = self._people.get((workspace, external_id), (0.0, None))
        return known.locale if known else ""

    async def address(self, conversation: Conversation) -> str:
        channel, thread = conversation.channel, conversation.thread
        if not (channel and thread) or conversation.reader:
            return ""
        try:
            known = await self.calls.call(conversation.workspace, "conversations.info", channel=channel)
            if known["channel"].get("is_private", True) or known["channel"].get("is_im"):
                return ""
            found = await self.calls.call(
                conversation.workspace, "chat.getPermalink", channel=channel, message_ts=thread
            )
        except Refused:
            return ""  # it is gone, or the bot was sent out of the channel
        return str(found["permalink"])

    def forget(self, workspace: str, *, channel: str = "", user: str = "") -> None:
        """Somebody came or went, or changed."""
        self._members.pop((workspace, channel), None)
        self._people.pop((workspace, user), None)

    async def _list(self, workspace: str, ids: Sequence[str]) -> None:
        unknown, lately = self._unknown(workspace, ids), self.clock() - _MEMBERS_FRESH_S
        if unknown < _SOME or (unknown < _MANY and self._listed.get(workspace, lately) > lately):
            return
        async for page in self._pages(workspace, "users.list", include_locale=True, team_id=workspace):
            self._listed[workspace] = self.clock()
            for user in page.get("members", []):
                self._learn(workspace, user)
            if self._unknown(workspace, ids) < _MANY:
                return

    def _unknown(self, workspace: str, ids: Sequence[str]) -> int:
        return sum(self._known(workspace, one) is None for one in ids)

    def _known(self, workspace: str, id_: str) -> Identity | None:
        at, known = self._people.get((workspace, id_), (0.0, None))
        return known if known is not None and self.clock() - at < _FRESH_S else None

    def _learn(self, workspace: str, user: dict[str, Any]) -> Identity:
        identity = to_identity(workspace, user)
        self._people[workspace, identity.external_id] = self.clock(), identity
        return identity

    async def _in_channel(self, workspace: str, channel: str) -> list[str]:
        at, known = self._members.get((workspace, channel), (0.0, None))
        if known is not None and self.clock() - at < _MEMBERS_FRESH_S:
            return known
        ids: list[str] = []
        async for page in self._pages(workspace, "conversations.members", channel=channel):
            ids += page.get("members", [])
        self._members[workspace, channel] = self.clock(), ids
        return ids

    async def _pages(self, workspace: str, method: str, **arguments: Any) -> Any:
        cursor = ""
        while True:
            more = {"cursor": cursor} if cursor else {}
            page = await self.calls.call(workspace, method, limit=_PAGE, **more, **arguments)
            yield page
            cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                return


def to_identity(workspace: str, user: dict[str, Any]) -> Identity:
    """https://docs.slack.dev/reference/objects/user-object"""
    profile = user.get("profile") or {}
    grid = user.get("enterprise_user") or {}
    home = user.get("team_id") or workspace
    foreign = home != workspace and workspace not in (grid.get("teams") or [])
    guest = bool(
        user.get("is_restricted") or user.get("is_ultra_restricted") or user.get("is_stranger") or foreign
    )
    confirmed = user.get("is_email_confirmed", True) and not user.get("deleted")
    return Identity(
        platform="slack",
        workspace=workspace,
        external_id=user["id"],
        name=profile.get("display_name") or profile.get("real_name") or user.get("name") or "",
        email=profile.get("email") if confirmed and not guest else None,
        guest=guest,
        bot=bool(user.get("is_bot")) or user["id"] == "USLACKBOT",
        locale=user.get("locale") or "",
    )

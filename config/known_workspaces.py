"""Whose workspace is whose, on disk: a process that starts while the database is away keeps what Slack
delivers for the right tenant. No tokens are in it, and what is in it is taken for true."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import structlog

from brain.adapters.postgres.tenants import Installed
from brain.domain.errors import Rejected, Unavailable
from brain.domain.identity import TenantId
from config.private_files import write_private

if TYPE_CHECKING:
    from bots.slack.adapter import Workspace
    from config.slack_workspaces import Workspaces

_FILE = "slack-workspaces.json"
_ID = re.compile(r"[A-Z0-9]{1,40}")

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Known:
    tenant: TenantId
    bot_user: str
    bot_id: str = ""
    enterprise: str = ""


@dataclass(slots=True)
class KnownWorkspaces:
    """Beside `workspaces`, which asks the database and Slack: what they said last, when they cannot be asked.
    Several processes of one installation write the same file; each looks into it before it does."""

    home: Path
    workspaces: "Workspaces"
    _known: dict[str, Known] = field(default_factory=dict)
    _found: dict[str, "Workspace"] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._known = _read(self.home / _FILE)

    async def recognise(self, workspace: str) -> "Workspace | None":
        """As `find`, but to tell whose bot is meant, and no more: maybe without a token."""
        try:
            found = await self.workspaces.find(workspace)
        except Unavailable:
            if workspace not in self._known:
                raise
            return _workspace(workspace, self._known[workspace])
        if found is not None:
            self._found[workspace] = found
        return found

    async def tenant(self, workspace: str) -> TenantId | None:
        try:
            tenant = await self.workspaces.tenant(workspace)
        except Unavailable:
            if workspace not in self._known:
                raise
            return self._known[workspace].tenant
        found = self._found.get(workspace)
        if tenant is None:
            self.forget(workspace)
        elif found is not None:
            self.learn(workspace, Known(tenant, found.bot_user, found.bot_id, found.enterprise or ""))
        return tenant

    def learn(self, workspace: str, known: Known) -> None:
        self._note({workspace: known})

    async def checked(self, installed: Sequence[Installed]) -> None:
        """Against all that installed the app, as the database has it. Raises `Unavailable`."""
        now = {
            place: Known(one.tenant, one.bot_user, one.bot_id, one.enterprise)
            for one in installed
            for place in one.places
        }
        gone = []
        for place, known in self._known.items():
            if place in now:
                continue
            try:
                tenant = await self.workspaces.tenant(place)
            except Rejected as error:  # Slack takes the settings' token no more: whose it was is no less true
                log.warning("slack.workspace_not_checked", workspace=place, reason=str(error))
                continue
            if tenant is None:
                gone.append(place)
            else:
                now[place] = replace(known, tenant=tenant)
        self._note(now, gone=gone)

    def forget(self, workspace: str) -> None:
        self._found.pop(workspace, None)
        self._note({}, gone=[workspace])

    def _note(self, now: dict[str, Known], *, gone: Sequence[str] = ()) -> None:
        same = all(self._known.get(place) == one for place, one in now.items())
        if same and self._known.keys().isdisjoint(gone):
            return
        path = self.home / _FILE
        self._known = {place: one for place, one in (_read(path) | now).items() if place not in gone}
        try:
            content = {place: asdict(one) for place, one in self._known.items()}
            write_private(path, json.dumps(content, default=str))
        except OSError as error:
            log.warning("slack.workspaces_not_noted", error=type(error).__name__)


def _read(path: Path) -> dict[str, Known]:
    """What has another shape is left out: the database will say it again."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        log.warning("slack.workspaces_unread", error=type(error).__name__)
        return {}
    known = {}
    for place, one in content.items() if isinstance(content, dict) else ():
        try:
            known[place] = _checked(place, one)
        except (TypeError, ValueError, LookupError):
            log.warning("slack.workspace_unread")
    return known


def _checked(place: str, given: object) -> Known:
    if not isinstance(given, dict):
        raise TypeError(place)
    names = ("bot_user", "bot_id", "enterprise")
    words = {name: given.get(name, "") for name in names}
    if not _ID.fullmatch(place) or not all(isinstance(one, str) for one in words.values()):
        raise ValueError(place)
    return Known(TenantId(UUID(str(given["tenant"]))), **{name: str(one) for name, one in words.items()})


def _workspace(workspace: str, known: Known) -> "Workspace":
    from bots.slack.adapter import Workspace

    return Workspace(
        id=workspace,
        bot_token="",
        bot_user=known.bot_user,
        bot_id=known.bot_id,
        enterprise=known.enterprise or None,
    )

"""Whose workspace is whose: that of the token in the settings, and those that installed the app."""

import time
from base64 import b64encode
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from bots.chat_platform import Inbound
from bots.slack.calls import Refused
from bots.slack.installing import Granted, granted
from brain.adapters.postgres.tenants import tenant_of, tenants
from brain.domain.circuit import Circuit
from brain.domain.conversation import Delivery
from brain.domain.errors import Rejected, Unavailable
from brain.domain.identity import MemberId, TenantId
from brain.domain.installation import Installation
from brain.ports.talk import TalkStore
from brain.usecases.take_in import through
from config.last_known import WITHIN_S, LastKnown, database_circuit
from config.sealing import Sealer, sealer
from config.settings import Settings

if TYPE_CHECKING:
    from bots.slack.adapter import Workspace

PLATFORM = "slack"
# A token lasts 12 hours. https://docs.slack.dev/authentication/using-token-rotation
_EARLY = timedelta(hours=2)
# Longer than Slack takes to answer, or fails to.
_RENEWING_S = 60.0
# How long another process may take to notice that a workspace is gone, or was installed again.
_KNOWN_S = 60.0

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Workspaces(Protocol):
    async def find(self, workspace: str) -> "Workspace | None":
        """None where it does not have the bot; raises `Unavailable` where nobody can tell now."""

    async def tenant(self, workspace: str) -> TenantId | None: ...

    async def owner(self, given: Granted) -> TenantId | None:
        """Who has already what was installed, or the organisation that it is part of."""

    async def workspaces(self, tenant: TenantId) -> Sequence[str]: ...

    async def has(self, tenant: TenantId, workspace: str) -> bool:
        """Whether it is the tenant's now: what was known a moment ago does not count."""


async def tenant_on_slack(system: AsyncEngine, slug: str | None) -> tuple[str, TenantId]:
    """Of the token in the settings: its slug and id."""
    known = await tenants(system)
    slug = slug or (next(iter(known)) if len(known) == 1 else "")
    if slug not in known:
        names = ", ".join(sorted(known)) or "none yet"
        raise Rejected(f"EXPERT_SLACK_TENANT must name the tenant that is on Slack; there is {names}.")
    return slug, known[slug]


async def owners(system: AsyncEngine, deliveries: Sequence[Delivery]) -> list[TenantId | None]:
    """Of what was delivered, by what is installed now. None where nothing is."""
    places = [_place(one) for one in deliveries]
    known = {place: await tenant_of(system, PLATFORM, place) for place in sorted(set(places)) if place}
    return [known.get(place) for place in places]


def _place(delivery: Delivery) -> str:
    """Nowhere, where a version wrote it that had other words: whoever deals with it will say so."""
    try:
        return Inbound.from_json(delivery.payload).conversation.workspace
    except (ValueError, LookupError, TypeError, StopIteration):
        return ""


@dataclass(slots=True)
class OneWorkspace:
    """The workspace of the token in the settings, and the tenant that it belongs to."""

    token: str = field(repr=False)
    api: str
    tenant_slug: str | None
    system: AsyncEngine
    circuit: Circuit = field(default_factory=database_circuit)
    _workspace: "Workspace | None" = None
    _tenant: TenantId | None = None

    async def find(self, workspace: str) -> "Workspace | None":
        known = await self.workspace()
        return known if known.everywhere or workspace in ("", known.id) else None

    async def workspace(self) -> "Workspace":
        from bots.slack.adapter import identify

        if self._workspace is None:
            self._workspace = await identify(self.token, api=self.api)
        return self._workspace

    async def tenant(self, workspace: str = "") -> TenantId | None:
        if await self.find(workspace) is None:
            return None
        if self._tenant is None:
            asking = partial(tenant_on_slack, self.system, self.tenant_slug)
            _, self._tenant = await through(self.circuit, asking, within_s=WITHIN_S)
        return self._tenant

    async def owner(self, given: Granted) -> TenantId | None:
        known = await self._accepted()
        if known is None:
            return None
        related = bool(given.enterprise) and given.enterprise == known.enterprise
        inside = related and (known.everywhere or not given.workspace)
        return await self.tenant() if inside or given.workspace == known.id else None

    async def workspaces(self, tenant: TenantId) -> Sequence[str]:
        known = await self._accepted()
        return [known.id] if known and tenant == await self.tenant() else []

    async def has(self, tenant: TenantId, workspace: str) -> bool:
        known = await self._accepted()
        ours = known is not None and (known.everywhere or workspace == known.id)
        return ours and tenant == await self.tenant()

    async def _accepted(self) -> "Workspace | None":
        """None where Slack takes the token no more: what others have installed works all the same."""
        try:
            return await self.workspace()
        except Refused:
            return None


@dataclass(frozen=True, slots=True)
class SlackApp:
    """What the app shows Slack to get tokens."""

    client_id: str
    client_secret: str = field(repr=False)
    api: str

    async def exchange(self, **arguments: str) -> Granted:
        """Raises `Refused` where Slack says no, and `Unavailable` where nobody knows."""
        from bots.slack.adapter import call_once

        basic = b64encode(f"{self.client_id}:{self.client_secret}".encode()).decode()
        answer, _ = await call_once("", "oauth.v2.access", api=self.api, basic=basic, **arguments)
        return granted(answer)


@dataclass(slots=True)
class InstalledWorkspaces:
    """Those that installed the app: their tokens are in the database, sealed, and renewed before they end.
    While the database is away, what it said last counts."""

    app: SlackApp
    store: TalkStore
    system: AsyncEngine
    sealer: Sealer
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    clock: Callable[[], float] = time.monotonic
    renews: bool = True
    circuit: Circuit = field(default_factory=database_circuit)
    _tenants: LastKnown[TenantId | None] = field(init=False)
    _installations: LastKnown[Installation | None] = field(init=False)
    _known: dict[str, tuple[float, "tuple[TenantId, Workspace]"]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._tenants, self._installations = LastKnown(self.circuit), LastKnown(self.circuit)

    async def find(self, workspace: str) -> "Workspace | None":
        known = await self._find(workspace)
        return known[1] if known else None

    async def tenant(self, workspace: str) -> TenantId | None:
        known = self._lately(workspace)
        return known[0] if known else await self._asked(workspace)

    async def owner(self, given: Granted) -> TenantId | None:
        return await self._asked(given.workspace) or await self._asked(given.enterprise)

    async def workspaces(self, tenant: TenantId) -> Sequence[str]:
        async with self.store.transaction(tenant) as tx:
            known = await tx.talk.installations.of(PLATFORM)
        ids = [id_ for one in known for id_ in ([one.workspace] if one.workspace else one.teams)]
        return [id_ for id_ in ids if await self.tenant(id_) == tenant]

    async def has(self, tenant: TenantId, workspace: str) -> bool:
        return await self._having(tenant, workspace) is not None

    async def joins(self, workspace: str, enterprise: str) -> None:
        """A workspace of an organisation that has installed the app for all of them was heard of. While the
        database is away, it will be again."""
        if workspace in self._known or not workspace.startswith("T"):
            return
        with suppress(Unavailable):
            await self._joins(workspace, enterprise)

    async def _joins(self, workspace: str, enterprise: str) -> None:
        if await self.tenant(workspace) is not None:  # that stays so, whoever has the organisation
            return
        tenant = await self.tenant(enterprise)
        if tenant is not None:
            async with self.store.transaction(tenant) as tx:
                await tx.talk.installations.joins(PLATFORM, enterprise=enterprise, workspace=workspace)

    def forget(self, workspace: str) -> None:
        self._known.pop(workspace, None)
        self._tenants.forget(workspace)
        self._installations.forget(workspace)

    def sealed(self, tenant: TenantId, given: Granted, *, by: MemberId | None, bot_id: str) -> Installation:
        return Installation(
            platform=PLATFORM,
            enterprise=given.enterprise,
            workspace=given.workspace,
            name=given.name,
            bot_user=given.bot_user,
            bot_id=bot_id,
            tokens=self._sealed_tokens(tenant, given),
            scopes=given.scopes,
            expires_at=self._ends_at(given),
            installed_by=by,
        )

    def tokens(self, tenant: TenantId, installation: Installation) -> dict[str, Any]:
        """Raises `Rejected` where they were sealed with another key."""
        return self.sealer.unseal(installation.tokens, about=_about(tenant))

    async def _find(self, workspace: str) -> "tuple[TenantId, Workspace] | None":
        if known := self._lately(workspace):
            return known
        tenant = await self._asked(workspace)
        if tenant is None:
            return None
        installation = await self._installations.ask(workspace, partial(self._having, tenant, workspace))
        if installation is None:
            return None
        installation = await self._fresh(tenant, installation)
        self._installations.learn(workspace, installation)
        found = self._workspace(tenant, workspace, installation)
        self._known[workspace] = self.clock() + _KNOWN_S, (tenant, found)
        return tenant, found

    def _lately(self, workspace: str) -> "tuple[TenantId, Workspace] | None":
        until, known = self._known.get(workspace, (0.0, None))
        if known is not None and self.clock() >= until:
            del self._known[workspace]
            return None
        return known

    async def _asked(self, workspace: str) -> TenantId | None:
        if not workspace:
            return None
        return await self._tenants.ask(workspace, partial(tenant_of, self.system, PLATFORM, workspace))

    async def _having(self, tenant: TenantId, workspace: str) -> Installation | None:
        async with self.store.transaction(tenant) as tx:
            return await tx.talk.installations.having(PLATFORM, workspace)

    def _workspace(self, tenant: TenantId, workspace: str, installation: Installation) -> "Workspace":
        from bots.slack.adapter import Workspace

        return Workspace(
            id=workspace,
            bot_token=str(self.tokens(tenant, installation)["access"]),
            bot_user=installation.bot_user,
            bot_id=installation.bot_id,
            name=installation.name,
            enterprise=installation.enterprise or None,
            scopes=installation.scopes,
        )

    async def _fresh(self, tenant: TenantId, old: Installation) -> Installation:
        """With a token that goes on for a while. A refresh token is good for one use: one process uses it."""
        if not self.renews or old.expires_at is None or old.expires_at - self.now() > _EARLY:
            return old
        ended = old.expires_at <= self.now()
        try:
            async with self.store.transaction(tenant) as tx:
                claimed = await tx.talk.installations.claim(old, for_s=_RENEWING_S)
        except Unavailable:
            claimed = False  # nor can anything new be kept
        if not claimed:
            if ended:
                raise Unavailable("The token of the workspace is being renewed.", 1.0)
            return old
        try:
            given = await self.app.exchange(
                grant_type="refresh_token", refresh_token=str(self.tokens(tenant, old)["refresh"])
            )
        except Refused as error:
            log.warning("slack.not_renewed", workspace=old.workspace or old.enterprise, error=error.code)
            if ended:
                raise Rejected(f"The app has to be installed in {old.name} again: {error.code}.") from error
            return old
        except Unavailable:
            if ended:
                raise
            return old
        new = replace(old, tokens=self._sealed_tokens(tenant, given), expires_at=self._ends_at(given))
        where = old.workspace or old.enterprise
        async with self.store.transaction(tenant) as tx:
            kept = await tx.talk.installations.renew(old, new)
            again = None if kept else await tx.talk.installations.having(PLATFORM, where)
        return new if kept or again is None else again

    def _sealed_tokens(self, tenant: TenantId, given: Granted) -> str:
        tokens = {"access": given.access_token, "refresh": given.refresh_token}
        return self.sealer.seal(tokens, about=_about(tenant))

    def _ends_at(self, given: Granted) -> datetime | None:
        return self.now() + timedelta(seconds=given.lasts_s) if given.lasts_s else None


@dataclass(frozen=True, slots=True)
class AllWorkspaces:
    """What installed the app comes before the token in the settings, which may be one of an organisation."""

    installed: InstalledWorkspaces
    own: OneWorkspace

    async def find(self, workspace: str) -> "Workspace | None":
        return await self.installed.find(workspace) or await self.own.find(workspace)

    async def tenant(self, workspace: str) -> TenantId | None:
        return await self.installed.tenant(workspace) or await self.own.tenant(workspace)

    async def owner(self, given: Granted) -> TenantId | None:
        return await self.installed.owner(given) or await self.own.owner(given)

    async def workspaces(self, tenant: TenantId) -> Sequence[str]:
        return [*await self.installed.workspaces(tenant), *await self.own.workspaces(tenant)]

    async def has(self, tenant: TenantId, workspace: str) -> bool:
        return await self.installed.has(tenant, workspace) or await self.own.has(tenant, workspace)


def workspaces_of(
    settings: Settings,
    store: TalkStore,
    system: AsyncEngine,
    *,
    circuit: Circuit | None = None,
    looking: bool = False,
) -> tuple[Workspaces, InstalledWorkspaces | None]:
    """One of the two ways, or both: the settings say which. Who is only `looking` makes no key, and renews
    no token.
    """
    own = installed = None
    circuit = circuit or database_circuit()
    if settings.slack_bot_token is not None:
        token = settings.slack_bot_token.get_secret_value()
        own = OneWorkspace(token, settings.slack_api_url, settings.slack_tenant, system, circuit)
    if settings.slack_client_id is not None and settings.slack_client_secret is not None:
        secret = settings.slack_client_secret.get_secret_value()
        app = SlackApp(settings.slack_client_id, secret, settings.slack_api_url)
        installed = InstalledWorkspaces(
            app,
            store,
            system,
            sealer(settings, make=not looking),
            renews=not looking,
            circuit=circuit,
        )
    if own and installed:
        return AllWorkspaces(installed, own), installed
    found = own or installed
    if found is None:
        raise Rejected("Neither EXPERT_SLACK_BOT_TOKEN nor EXPERT_SLACK_CLIENT_ID is set.")
    return found, installed


def _about(tenant: TenantId) -> str:
    """Tokens of one tenant are no tokens of another."""
    return f"slack tokens {tenant}"

"""Examines who is on Slack: the tenants, their workspaces, their reviewers and where reviews are shown."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy.ext.asyncio import AsyncEngine

from bots.slack.calls import Refused
from bots.slack.people import to_identity
from bots.slack.scopes import needed, wanted_for
from brain.adapters.postgres.store import SqlStore, connect
from brain.adapters.postgres.tenants import tenants
from brain.domain.errors import Rejected, Unavailable
from brain.domain.identity import Department, Member, Role, TenantId
from brain.domain.installation import Installation
from config.audit_key import audit_keyring
from config.findings import Finding
from config.settings import DatabaseUrls, Settings
from config.slack_workspaces import PLATFORM, InstalledWorkspaces, tenant_on_slack, workspaces_of

if TYPE_CHECKING:
    from bots.slack.adapter import Workspace

# As many as Slack lets us ask for in a minute.
_REVIEWERS_LOOKED_UP = 40
_INVITE = "Send its admin a link: expert slack install"


def missing_scopes(scopes: Sequence[str]) -> str:
    """Empty where nothing is missing."""
    missing = [one for one in needed() if one not in scopes]
    without = dict.fromkeys(what for one in missing for what in wanted_for(one))
    return f"{', '.join(missing)} missing; without: {', '.join(without)}" if missing else ""


async def examine_people(settings: Settings, urls: DatabaseUrls, own: "Workspace | None") -> list[Finding]:
    """`own` is the workspace of the token in the settings, where that is good."""
    app, system = connect(urls.app, pool_size=1), connect(urls.system, pool_size=1)
    try:
        return await _Look(settings, SqlStore(app, audit_keyring(settings)), system).look(own)
    finally:
        await app.dispose()
        await system.dispose()


@dataclass(frozen=True, slots=True)
class _Look:
    settings: Settings
    store: SqlStore
    system: AsyncEngine

    async def look(self, own: "Workspace | None") -> list[Finding]:
        found: list[Finding] = []
        there: dict[str, list[Workspace]] = {}
        if self.settings.slack_bot_token is not None:
            try:
                slug, _ = await tenant_on_slack(self.system, self.settings.slack_tenant)
            except Rejected as error:
                found.append(
                    Finding("tenant", ok=False, detail=str(error), advice="Set EXPERT_SLACK_TENANT.")
                )
            else:
                found.append(Finding("tenant", ok=True, detail=slug))
                there[slug] = [own] if own else []
        known = await tenants(self.system)
        _, installed = workspaces_of(self.settings, self.store, self.system, looking=True)
        if installed is not None:
            for slug, tenant in known.items():
                await self._workspaces(installed, slug, tenant, found, there)
            if not any(one.check.startswith("workspace") for one in found):
                detail = "no other workspace has installed the app yet"
                found.append(Finding("workspaces", ok=True, detail=detail, advice=_INVITE))
        for slug, workspaces in there.items():
            prefix = f"{slug}: " if len(there) > 1 else ""
            found += await self._of_tenant(known[slug], workspaces, prefix=prefix)
        return found

    async def _workspaces(
        self,
        installed: InstalledWorkspaces,
        slug: str,
        tenant: TenantId,
        found: list[Finding],
        there: "dict[str, list[Workspace]]",
    ) -> None:
        async with self.store.transaction(tenant) as tx:
            installations = await tx.talk.installations.of(PLATFORM)
        for one in installations:
            workspace, finding = await self._workspace(installed, slug, one)
            found.append(finding)
            there.setdefault(slug, [])
            if workspace is not None:
                there[slug].append(workspace)

    async def _workspace(
        self, installed: InstalledWorkspaces, slug: str, one: Installation
    ) -> "tuple[Workspace | None, Finding]":
        from bots.slack.adapter import identify

        id_ = one.workspace or one.enterprise
        name = f"workspace {one.name}"
        try:
            workspace = await installed.find(id_)
            if workspace is None:
                raise Rejected(f"{id_} is another tenant's")
            if one.expires_at is not None and one.expires_at <= installed.now():
                detail = f"{id_}, of the tenant {slug}; its token has ended, and is renewed at its next use"
                return None, Finding(name, ok=True, detail=detail)
            seen = await identify(workspace.bot_token, api=self.settings.slack_api_url)
        except Refused as error:
            return None, Finding(name, ok=False, detail=f"Slack says {error.code}", advice=_INVITE)
        except (Rejected, Unavailable) as error:
            return None, Finding(name, ok=False, detail=str(error), advice=_INVITE)
        if missing := missing_scopes(seen.scopes):
            return workspace, Finding(name, ok=False, detail=missing, advice=_INVITE)
        detail = f"{id_}, of the tenant {slug}"
        if one.expires_at is not None:
            detail += "; its token is renewed"
        return workspace, Finding(name, ok=True, detail=detail)

    async def _of_tenant(
        self, tenant: TenantId, workspaces: "Sequence[Workspace]", *, prefix: str
    ) -> list[Finding]:
        async with self.store.transaction(tenant) as tx:
            departments, members = await tx.people.departments(), await tx.people.members()
            shown = {
                one.id for one in departments if await tx.talk.channels.reviewing(one.id, platform=PLATFORM)
            }
            linked = {one.id for one in members if await tx.talk.identities.of(one.id, platform=PLATFORM)}
        reviewing = [one for one in members if any(one.may(Role.REVIEWER, where.id) for where in departments)]
        unknown = [one for one in reviewing if one.id not in linked]
        return [
            _channels(f"{prefix}review channels", [one for one in departments if one.id not in shown]),
            await self._reviewers(f"{prefix}reviewers", workspaces, reviewing, unknown),
        ]

    async def _reviewers(
        self,
        check: str,
        workspaces: "Sequence[Workspace]",
        reviewing: Sequence[Member],
        unknown: Sequence[Member],
    ) -> Finding:
        if not reviewing:
            advice = "expert member add HANDLE --name NAME --email ADDRESS --role DEPARTMENT:reviewer"
            return Finding(check, ok=False, detail="there are none", advice=advice)
        absent = [f"{one.handle} (no e-mail address)" for one in unknown if not one.email]
        if workspaces:
            looked_up = [one for one in unknown if one.email][:_REVIEWERS_LOOKED_UP]
            found = await asyncio.gather(*(self._on_slack(workspaces, one.email or "") for one in looked_up))
            pairs = zip(looked_up, found, strict=True)
            nowhere = {False: "", None: ", but Slack does not say just now"}
            absent += [f"{one.handle} ({one.email}{nowhere[there]})" for one, there in pairs if not there]
        if not absent:
            return Finding(check, ok=True, detail=f"all {len(reviewing)} are on Slack")
        advice = (
            "Give them the address they have on Slack with `expert member add`, or link them:"
            " expert member link HANDLE --slack WORKSPACE/USER"
        )
        return Finding(check, ok=False, detail=f"not found on Slack: {', '.join(absent)}", advice=advice)

    async def _on_slack(self, workspaces: "Sequence[Workspace]", email: str) -> bool | None:
        """None where Slack does not say."""
        from bots.slack.adapter import call_once

        silent = False
        for workspace in workspaces:
            try:
                found, _ = await call_once(
                    workspace.bot_token,
                    "users.lookupByEmail",
                    api=self.settings.slack_api_url,
                    email=email,
                )
            except Refused:
                continue
            except Unavailable:
                silent = True
                continue
            if not to_identity(workspace.id, found["user"]).guest:
                return True
        return None if silent else False


def _channels(check: str, without: Sequence[Department]) -> Finding:
    if not without:
        return Finding(check, ok=True, detail="every department has one")
    return Finding(
        check,
        ok=True,
        detail=f"none for {', '.join(one.slug for one in without)}: reviews go to each reviewer alone",
        advice="To review together, type /expert setup in the department's channel.",
    )

"""Have the bot in a workspace, and let go of one that does not want it any more."""

from datetime import datetime

from brain.domain.errors import Denied
from brain.domain.identity import MemberId, Principal, TenantId
from brain.domain.installation import Installation
from brain.domain.records import AuditEntry
from brain.ports.talk import TalkStore, TalkTransaction
from brain.usecases.administer import require_admin_everywhere


async def may_install(store: TalkStore, tenant: TenantId, member: MemberId) -> None:
    """Raises `Denied` unless they are admin of every department: people of all of them may be there."""
    async with store.transaction(tenant) as tx:
        await _require(tx, tenant, member)


async def install(store: TalkStore, tenant: TenantId, member: MemberId, installation: Installation) -> None:
    async with store.transaction(tenant) as tx:
        await _require(tx, tenant, member)
        await tx.talk.installations.save(installation)
        await _note(tx, member, "workspace.installed", installation.workspace or installation.enterprise)


async def leave(
    store: TalkStore, tenant: TenantId, platform: str, *, workspace: str, before: datetime | None = None
) -> None:
    """The workspace, or the whole organisation of that id, has no bot any more: its tokens and rules go.

    Heard of late, it may have been installed again meanwhile: what was not installed `before` stays.
    """
    async with store.transaction(tenant) as tx:
        gone = await tx.talk.installations.forget(platform, workspace=workspace, before=before)
        if before is not None and await tx.talk.installations.having(platform, workspace) is not None:
            return
        for one in {workspace, *(team for installation in gone for team in installation.teams)}:
            await tx.talk.channels.forget(platform, workspace=one)
        await _note(tx, None, "workspace.left", workspace)


async def _require(tx: TalkTransaction, tenant: TenantId, member: MemberId) -> None:
    known = await tx.people.member(str(member))
    if known is None or known.disabled_at is not None:
        raise Denied("Whoever this link was made for is no admin any more.")
    await require_admin_everywhere(tx, Principal(tenant, known))


async def _note(tx: TalkTransaction, actor: MemberId | None, action: str, workspace: str) -> None:
    await tx.records.audit(AuditEntry(actor, action, f"workspace {workspace}"))

"""Hand out everything that is kept of a tenant, or of one person."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from brain.domain.errors import Missing
from brain.domain.identity import MemberId, Principal
from brain.domain.privacy import Exported
from brain.domain.records import AuditEntry
from brain.ports import PrivacyStore
from brain.usecases.administer import require_admin_everywhere
from brain.usecases.refusals import refusals_audited


@dataclass(frozen=True, slots=True)
class Export:
    store: PrivacyStore

    async def begin(self, principal: Principal, handle: str | None) -> MemberId | None:
        """Whose rows are wanted; None for all. Audited before anything is handed out."""
        subject = "the tenant" if handle is None else "a member"
        async with (
            refusals_audited(self.store, principal, "export", subject, nameless=True),
            self.store.transaction(principal.tenant) as tx,
        ):
            await require_admin_everywhere(tx, principal)
            member = await tx.people.member(handle) if handle is not None else None
            if handle is not None and member is None:
                raise Missing(f"There is no member {handle!r}.")
            exported = f"member {member.id}" if member else f"tenant {principal.tenant}"
            action = "member.exported" if member else "tenant.exported"
            await tx.records.audit(AuditEntry(principal.member.id, action, exported))
        return member.id if member else None

    async def rows(self, principal: Principal, member: MemberId | None) -> AsyncIterator[Exported]:
        async with self.store.transaction(principal.tenant) as tx:
            async for row in tx.everything.rows(member):
                yield row

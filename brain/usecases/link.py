"""Say by hand whom a chat platform means by a member, where no verified e-mail address says it."""

from brain.domain.conversation import Identity
from brain.domain.errors import Conflict, Missing, Rejected
from brain.domain.identity import Member, Principal
from brain.domain.records import AuditEntry
from brain.ports.talk import TalkStore, TalkTransaction
from brain.usecases.administer import managed


async def link(store: TalkStore, principal: Principal, handle: str, identity: Identity) -> Member:
    """For admins of every department of the member: whoever that is may do what the member may."""
    async with store.transaction(principal.tenant) as tx:
        member = await managed(tx, principal, handle)
        if member.disabled_at is not None:
            raise Rejected(f"{member.handle} is disabled; first `expert member enable {member.handle}`.")
        linked = await _linked(tx, identity)
        if linked is not None and linked.id != member.id and linked.roles:
            raise Conflict(f"{_name(identity)} is {linked.handle}; first `expert member unlink` it there.")
        if linked is None or linked.id != member.id:
            await tx.talk.identities.link(identity, member.id)
            await _note(tx, principal, "member.linked", member, identity)
    return member


async def unlink(store: TalkStore, principal: Principal, handle: str, identity: Identity) -> Member:
    """Where the platform has verified the address of the member for them, they are linked again when they
    next say something."""
    async with store.transaction(principal.tenant) as tx:
        member = await managed(tx, principal, handle)
        linked = await _linked(tx, identity)
        if linked is None or linked.id != member.id:
            raise Missing(f"{_name(identity)} is not linked to {member.handle}.")
        await tx.talk.identities.unlink(identity)
        await _note(tx, principal, "member.unlinked", member, identity)
    return member


async def _linked(tx: TalkTransaction, identity: Identity) -> Member | None:
    known = await tx.talk.identities.known(identity.platform, workspace=identity.workspace)
    member = known.get(identity.external_id)
    return await tx.people.member(str(member)) if member else None


async def _note(
    tx: TalkTransaction, principal: Principal, action: str, member: Member, identity: Identity
) -> None:
    details = (("platform", identity.platform), ("identity", f"{identity.workspace}/{identity.external_id}"))
    await tx.records.audit(AuditEntry(principal.member.id, action, f"member {member.id}", details))


def _name(identity: Identity) -> str:
    return f"{identity.platform} {identity.workspace}/{identity.external_id}"

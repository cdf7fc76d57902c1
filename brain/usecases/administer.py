"""Members and keys: added, changed, taken away. Every act needs an admin, and is audited."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from uuid import UUID, uuid4

from brain.domain.errors import Denied, Missing, Rejected
from brain.domain.identity import DepartmentId, Member, MemberId, Principal, Role
from brain.domain.records import AuditEntry, Key, KeyId
from brain.ports import Store, Transaction
from brain.usecases.authenticate import digest, new_key


@dataclass(frozen=True, slots=True)
class NewMember:
    """`roles` by department slug."""

    handle: str
    name: str
    email: str | None
    roles: Mapping[str, frozenset[Role]]


@dataclass(frozen=True, slots=True)
class Saved:
    """`former` is the member as they were before; None where they are new."""

    member: Member
    former: Member | None


async def add_member(store: Store, principal: Principal, new: NewMember) -> Saved:
    """Adds, or gives an existing member of that handle these roles, name and address instead."""
    handle = new.handle.strip().lower()
    if not handle or not handle.replace("-", "").replace(".", "").replace("_", "").isalnum():
        raise Rejected("A handle has letters, digits, dots, dashes and underscores only.")
    if _is_id(handle):
        raise Rejected("A handle must not look like an id.")
    async with store.transaction(principal.tenant) as tx:
        departments = {department.slug: department.id for department in await tx.people.departments()}
        if unknown := sorted(set(new.roles) - set(departments)):
            raise Missing(
                f"There is no department {unknown[0]!r}; there is {', '.join(sorted(departments))}."
            )
        roles = {departments[slug]: held for slug, held in new.roles.items() if held}
        if not roles:
            raise Rejected("Give at least one role in at least one department, such as it-ops=asker.")
        former = next((one for one in await tx.people.members() if one.handle == handle), None)
        touched = set(roles) | set(former.roles if former else ())
        await _require_admin(tx, principal, touched)
        if former is not None and former.disabled_at is not None:
            raise Rejected(f"{handle} is disabled; first `expert member enable {handle}`.")
        member = Member(
            id=former.id if former else MemberId(uuid4()),
            handle=handle,
            name=new.name.strip() or handle,
            email=new.email,
            roles=roles,
            absent_until=former.absent_until if former else None,
        )
        await save_keeping_admins(tx, principal, member)
        await _note(tx, principal, "member.saved", f"member {member.id}")
    return Saved(member, former)


async def disable_member(store: Store, principal: Principal, handle: str) -> Member:
    """Their keys are revoked with them: enabled again, a member starts with new ones."""
    async with store.transaction(principal.tenant) as tx:
        member = await managed(tx, principal, handle)
        if member.id == principal.member.id:
            raise Rejected("You cannot disable yourself; ask another admin.")
        disabled = replace(member, disabled_at=member.disabled_at or tx.now)
        await save_keeping_admins(tx, principal, disabled)
        await _note(tx, principal, "member.disabled", f"member {member.id}")
        await _revoke_all(tx, principal, member)
    return disabled


async def enable_member(store: Store, principal: Principal, handle: str) -> Member:
    """With the roles they had, and without any of the keys."""
    async with store.transaction(principal.tenant) as tx:
        member = await managed(tx, principal, handle)
        if member.erased_at is not None:
            raise Rejected(f"{member.handle} was erased; add the person as a new member.")
        if member.disabled_at is None:
            return member
        enabled = replace(member, disabled_at=None)
        await save_keeping_admins(tx, principal, enabled)
        await _note(tx, principal, "member.enabled", f"member {member.id}")
        # One may have been made in the moment in which the member was disabled.
        await _revoke_all(tx, principal, member)
    return enabled


async def add_key(store: Store, principal: Principal, handle: str, *, name: str) -> tuple[Key, str]:
    """The key and its secret, which is shown this once and kept nowhere."""
    async with store.transaction(principal.tenant) as tx:
        member = await managed(tx, principal, handle)
        if member.disabled_at is not None:
            raise Rejected(f"{member.handle} is disabled; first `expert member enable {member.handle}`.")
        secret = new_key(principal.tenant)
        key = Key(KeyId(uuid4()), member.id, name.strip() or "key", digest(secret), tx.now)
        await tx.people.save_key(key)
        await _note(tx, principal, "key.added", f"key {key.id}")
    return key, secret


async def revoke_key(store: Store, principal: Principal, key: KeyId) -> Key:
    async with store.transaction(principal.tenant) as tx:
        found = next((one for one in await tx.people.keys() if one.id == key), None)
        if found is None:
            raise Missing(f"There is no key {key}.")
        await managed(tx, principal, str(found.member))
        revoked = replace(found, revoked_at=found.revoked_at or tx.now)
        await tx.people.save_key(revoked)
        await _note(tx, principal, "key.revoked", f"key {key}")
    return revoked


async def require_any_admin(tx: Transaction, principal: Principal) -> Member:
    member = await tx.people.member(str(principal.member.id))
    if member is None or not member.is_admin():
        raise Denied("Only an admin may do this.")
    return member


async def require_admin_everywhere(tx: Transaction, principal: Principal) -> Member:
    """For what concerns all departments at once, the closed ones too."""
    await _require_admin(tx, principal, [department.id for department in await tx.people.departments()])
    return await require_any_admin(tx, principal)


def _is_id(handle: str) -> bool:
    try:
        UUID(handle)
    except ValueError:
        return False
    return True


async def managed(tx: Transaction, principal: Principal, handle: str) -> Member:
    """A member whom the principal may manage: admin in every department that member belongs to.

    Otherwise one department's admin could speak with the rights of another's.
    """
    member = await tx.people.member(handle)
    await require_any_admin(tx, principal)
    if member is None:
        raise Missing(f"There is no member {handle!r}.")
    await _require_admin(tx, principal, member.roles)
    return member


async def save_keeping_admins(tx: Transaction, principal: Principal, member: Member) -> None:
    """Refuses to leave a department without an admin: nobody could ever give it one again."""
    before = await tx.people.members()
    had = _administered(before)
    await tx.people.save_member(member)
    # Saving made this the only change under way, so that what is read from here on still holds at its end.
    if member.id != principal.member.id:
        await _require_admin(tx, principal, member.roles)
    if lost := had - _administered(await tx.people.members()):
        names = sorted(one.name for one in await tx.people.departments() if one.id in lost)
        handle = next(one.handle for one in before if one.id == member.id)
        raise Rejected(
            f"{handle} is the last admin of {', '.join(names)}: make somebody else admin there first."
        )


def _administered(members: Iterable[Member]) -> set[DepartmentId]:
    return {one for member in members for one in member.roles if member.may(Role.ADMIN, one)}


async def _revoke_all(tx: Transaction, principal: Principal, member: Member) -> None:
    for key in await tx.people.keys():
        if key.member == member.id and key.revoked_at is None:
            await tx.people.save_key(replace(key, revoked_at=tx.now))
            await _note(tx, principal, "key.revoked", f"key {key.id}")


async def _require_admin(tx: Transaction, principal: Principal, departments: Iterable[DepartmentId]) -> None:
    member = await require_any_admin(tx, principal)
    names = {department.id: department.name for department in await tx.people.departments()}
    for department in departments:
        if not member.may(Role.ADMIN, department):
            raise Denied(f"This needs the role admin in {names[department]} as well.")


async def _note(tx: Transaction, principal: Principal, action: str, subject: str) -> None:
    await tx.records.audit(AuditEntry(actor=principal.member.id, action=action, subject=subject))

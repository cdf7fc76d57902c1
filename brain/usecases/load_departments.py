"""Bring a tenant's departments in line with their files. Doing it again changes nothing."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from brain.domain.identity import (
    Department,
    DepartmentId,
    Member,
    Role,
    TenantId,
    Thresholds,
    Visibility,
)
from brain.domain.records import AuditEntry
from brain.ports import Store, Transaction
from brain.usecases.withdraw import follow_up


@dataclass(frozen=True, slots=True)
class DepartmentFile:
    """A department as its file has it; `reviewers` are the handles of its first reviewers."""

    department: Department
    reviewers: tuple[str, ...]


async def load_departments(store: Store, tenant: TenantId, files: Sequence[DepartmentFile]) -> list[str]:
    """A file gives rights only when its department is made; from then on, who holds which is up to admins.

    Returns those named in a file who are no members yet, as "handle (department)", and owners without a role
    in which they could see to a review.
    """
    async with store.transaction(tenant) as tx:
        former = await tx.people.departments()
        before = {department.id for department in former}
        in_force = {department.slug: department.thresholds for department in former}
        for file in files:
            await tx.people.save_department(_as_calibrated(file.department, in_force))
        present = await tx.people.departments()
        ids = {department.slug: department.id for department in present}
        for narrowed in _narrowed(former, present):
            await _restrict(tx, narrowed)
        made = {
            department: frozenset(file.reviewers)
            for file in files
            if (department := ids[file.department.slug]) not in before
        }
        members = await tx.people.members()
        for member in members:
            await _grant(tx, member, _first_roles(member, made, before))
        members = await tx.people.members()
    known = {member.handle for member in members}
    absent = [
        f"{handle} ({file.department.slug})"
        for file in files
        for handle in file.reviewers
        if handle not in known
    ]
    return absent + [one for file in files for one in _idle_owner(file, ids, members)]


def _as_calibrated(told: Department, in_force: Mapping[str, Thresholds]) -> Department:
    """The file does not take back what was calibrated; `expert uncalibrate` does."""
    present = in_force.get(told.slug)
    if present is None or present.filed is None:
        return told
    publish = max(present.publish, told.thresholds.abstain)
    return replace(told, thresholds=told.thresholds.calibrated(publish))


def _idle_owner(
    file: DepartmentFile, ids: Mapping[str, DepartmentId], members: Sequence[Member]
) -> list[str]:
    """The owner, where no review could be handed to them."""
    department, owner = ids[file.department.slug], file.department.owner
    could = (Role.REVIEWER, Role.ADMIN)
    if not owner or any(
        one.handle == owner and any(one.may(r, department) for r in could) for one in members
    ):
        return []
    return [f"{owner} (owner of {file.department.slug}: needs the role reviewer or admin there)"]


def _narrowed(former: Sequence[Department], present: Sequence[Department]) -> list[Department]:
    """Those that everyone could read until now."""
    open_before = {one.id for one in former if one.visibility is Visibility.TENANT}
    return [one for one in present if one.id in open_before and one.visibility is Visibility.DEPARTMENT]


async def _restrict(tx: Transaction, department: Department) -> None:
    await follow_up(tx, await tx.library.restrict(department.id))
    await tx.records.audit(AuditEntry(None, "department.narrowed", f"department {department.id}"))


def _first_roles(
    member: Member, made: Mapping[DepartmentId, Collection[str]], before: Collection[DepartmentId]
) -> dict[DepartmentId, set[Role]]:
    """In departments just made: reviewer for those named, admin for those who are admin everywhere else.

    Without an admin, nobody could ever give a role in it, nor manage those who hold one.
    """
    roles: dict[DepartmentId, set[Role]] = defaultdict(set)
    if member.disabled_at is not None:
        return roles
    everywhere = bool(before) and all(member.may(Role.ADMIN, one) for one in before)
    for department, reviewers in made.items():
        if member.handle in reviewers:
            roles[department].add(Role.REVIEWER)
        if everywhere:
            roles[department].add(Role.ADMIN)
    return roles


async def _grant(tx: Transaction, member: Member, roles: Mapping[DepartmentId, set[Role]]) -> None:
    if not roles:
        return
    held = {department: frozenset(given) for department, given in roles.items()}
    await tx.people.save_member(replace(member, roles={**member.roles, **held}))
    for department, given in held.items():
        details = (("department", str(department)), ("roles", ", ".join(sorted(given))))
        await tx.records.audit(AuditEntry(None, "member.granted", f"member {member.id}", details))

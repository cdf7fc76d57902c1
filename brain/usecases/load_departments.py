"""Bring a tenant's departments in line with their files. Doing it again changes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from brain.domain.identity import Department, Role, TenantId
from brain.ports import Store


@dataclass(frozen=True, slots=True)
class DepartmentFile:
    """A department as its file has it; `reviewers` are members' handles."""

    department: Department
    reviewers: tuple[str, ...]


async def load_departments(store: Store, tenant: TenantId, files: Sequence[DepartmentFile]) -> list[str]:
    """Returns the reviewers named in a file who are no members yet, as "handle (department)"."""
    missing = []
    async with store.transaction(tenant) as tx:
        for file in files:
            await tx.people.save_department(file.department)
        ids = {department.slug: department.id for department in await tx.people.departments()}
        for file in files:
            department = ids[file.department.slug]
            for handle in file.reviewers:
                member = await tx.people.member(handle)
                if member is None:
                    missing.append(f"{handle} ({file.department.slug})")
                elif Role.REVIEWER not in member.roles.get(department, frozenset()):
                    held = member.roles.get(department, frozenset()) | {Role.REVIEWER}
                    await tx.people.save_member(replace(member, roles={**member.roles, department: held}))
    return missing

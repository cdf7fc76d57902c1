"""Who may act on a department: shared by the use cases that write."""

from brain.domain.errors import Denied, Missing
from brain.domain.identity import Department, Principal, Role
from brain.ports import Transaction


async def department_for(tx: Transaction, principal: Principal, slug: str, *roles: Role) -> Department:
    """The department of that name, where the principal holds one of the roles in it now."""
    member = await tx.people.member(str(principal.member.id))
    departments = {department.slug: department for department in await tx.people.departments()}
    if slug not in departments:
        known = ", ".join(sorted(departments)) or "none yet"
        raise Missing(f"There is no department {slug!r}; there is {known}.")
    department = departments[slug]
    if member is None or not any(member.may(role, department.id) for role in roles):
        wanted = " or ".join(role.value for role in roles)
        raise Denied(f"This needs the role {wanted} in {department.name}.")
    return department

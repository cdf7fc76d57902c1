"""Founds a tenant: departments from their files, first people, and their keys."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import uuid4

from brain.adapters.postgres.tenants import create_tenant, tenants
from brain.domain.errors import Conflict
from brain.domain.identity import Member, MemberId, Principal, Role, TenantId
from brain.domain.records import AuditEntry, Key, KeyId
from brain.usecases.authenticate import digest, new_key
from brain.usecases.load_departments import DepartmentFile, load_departments
from config.wiring import Wiring


@dataclass(frozen=True, slots=True)
class Founder:
    """One of the first members; `roles` are held in every department, or by slug where given."""

    handle: str
    name: str
    roles: frozenset[Role]
    only_in: frozenset[str] | None = None
    email: str | None = None


async def found(
    wiring: Wiring,
    *,
    slug: str,
    name: str,
    founders: Sequence[Founder],
    files: Sequence[DepartmentFile],
) -> dict[str, str]:
    """Returns a new key by handle. An attempt that was cut off is completed; a finished one is refused."""
    tenant = (await tenants(wiring.system_engine)).get(slug)
    if tenant is None:
        tenant = await create_tenant(wiring.system_engine, slug=slug, name=name)
    async with wiring.store.transaction(tenant) as tx:
        if await tx.people.members():
            raise Conflict(f"The tenant {slug!r} exists already and has members.")
    await load_departments(wiring.store, tenant, files)
    reviewers = {file.department.slug: file.reviewers for file in files}
    async with wiring.store.transaction(tenant) as tx:
        departments = {department.slug: department.id for department in await tx.people.departments()}
        for founder in founders:
            held = (founder.only_in or frozenset()) & departments.keys() or departments.keys()
            roles = {departments[one]: founder.roles for one in held}
            for slug_, id_ in departments.items():
                if founder.handle in reviewers.get(slug_, ()):
                    roles[id_] = roles.get(id_, frozenset()) | {Role.REVIEWER}
            member = Member(MemberId(uuid4()), founder.handle, founder.name, email=founder.email, roles=roles)
            await tx.people.save_member(member)
            await tx.records.audit(AuditEntry(None, "member.saved", f"member {member.id}"))
        await tx.records.audit(AuditEntry(None, "tenant.founded", f"tenant {tenant}"))
    return await mint(wiring, tenant, {founder.handle: founder.handle for founder in founders})


async def mint(wiring: Wiring, tenant: TenantId, names: Mapping[str, str]) -> dict[str, str]:
    """A new key for each handle, called by the name given; a former one of that name is revoked."""
    keys = {}
    async with wiring.store.transaction(tenant) as tx:
        for handle, name in names.items():
            member = await tx.people.member(handle)
            if member is not None and member.disabled_at is None:
                for former in await tx.people.keys():
                    if (former.member, former.name) == (member.id, name):
                        await tx.people.save_key(replace(former, revoked_at=former.revoked_at or tx.now))
                keys[handle] = new_key(tenant)
                await tx.people.save_key(Key(KeyId(uuid4()), member.id, name, digest(keys[handle]), tx.now))
                await tx.records.audit(AuditEntry(None, "key.added", f"member {member.id}"))
    return keys


async def principal(wiring: Wiring, tenant: TenantId, handle: str) -> Principal | None:
    async with wiring.store.transaction(tenant) as tx:
        member = await tx.people.member(handle)
    return Principal(tenant, member) if member else None

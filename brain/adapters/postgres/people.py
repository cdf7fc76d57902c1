"""Departments, members and keys in PostgreSQL."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row, delete, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from brain.adapters.postgres import tables
from brain.domain.clock import Clock, WorkingHours
from brain.domain.errors import Conflict, Denied
from brain.domain.identity import (
    Department,
    DepartmentId,
    Member,
    MemberId,
    Role,
    TenantId,
    Thresholds,
    Visibility,
)
from brain.domain.records import Key, KeyId, KeyOwner

_MEMBERS = """
SELECT m.id, m.handle, m.name, m.email, m.disabled_at, m.erased_at, m.absent_until, s.department_id, s.role
FROM member m LEFT JOIN membership s ON (s.tenant_id, s.member_id) = (m.tenant_id, m.id)
"""


@dataclass(frozen=True, slots=True)
class SqlPeople:
    connection: AsyncConnection
    tenant: TenantId
    # Members as this transaction first read them.
    _read: dict[MemberId, Member] = field(default_factory=dict, init=False, repr=False)

    async def departments(self) -> list[Department]:
        rows = await self.connection.execute(text("SELECT * FROM department ORDER BY slug"))
        return [_department(row) for row in rows]

    async def save_department(self, department: Department) -> None:
        await self._take_turns()
        values = {
            "name": department.name,
            "description": department.description,
            "icon": department.icon,
            "visibility": department.visibility.value,
            "publish": department.thresholds.publish,
            "abstain": department.thresholds.abstain,
            "publish_filed": department.thresholds.filed,
            "instructions": department.instructions,
            "article_days": department.article_days,
            "owner": department.owner,
            **_clock_values(department.clock),
        }
        statement = insert(tables.table(tables.Department)).values(
            tenant_id=self.tenant, id=department.id, slug=department.slug, **values
        )
        await self.connection.execute(
            statement.on_conflict_do_update(index_elements=["tenant_id", "slug"], set_=values)
        )

    async def members(self) -> list[Member]:
        rows = await self.connection.execute(text(_MEMBERS + "ORDER BY m.handle"))
        return self._noted(_members(list(rows)))

    async def member(self, handle: str) -> Member | None:
        rows = await self.connection.execute(
            text(_MEMBERS + "WHERE m.handle = :handle OR m.id::text = :handle"), {"handle": handle}
        )
        return next(iter(self._noted(_members(list(rows)))), None)

    async def save_member(self, member: Member) -> None:
        await self._take_turns()
        read = self._read.pop(member.id, None)
        if read is not None and await self.member(str(member.id)) != read:
            raise Conflict(f"Somebody else changed {read.handle} at the same time; look again.")
        self._read.pop(member.id, None)
        values = {
            "handle": member.handle,
            "name": member.name,
            "email": member.email.lower() if member.email else None,
            "disabled_at": member.disabled_at,
            "absent_until": member.absent_until,
        }
        statement = insert(tables.table(tables.Member)).values(tenant_id=self.tenant, id=member.id, **values)
        try:
            await self.connection.execute(
                statement.on_conflict_do_update(index_elements=["tenant_id", "id"], set_=values)
            )
        except IntegrityError as error:
            raise Conflict(
                f"Another member has the handle {member.handle!r} or this e-mail address."
            ) from error
        membership = tables.table(tables.Membership)
        await self.connection.execute(delete(membership).where(membership.c.member_id == member.id))
        rows = [
            {
                "tenant_id": self.tenant,
                "department_id": department,
                "member_id": member.id,
                "role": role.value,
            }
            for department, roles in member.roles.items()
            for role in roles
        ]
        if rows:
            await self.connection.execute(insert(membership), rows)

    async def keys(self) -> list[Key]:
        rows = await self.connection.execute(text("SELECT * FROM api_key ORDER BY created_at"))
        return [
            Key(KeyId(r.id), MemberId(r.member_id), r.name, r.digest, r.created_at, r.revoked_at)
            for r in rows
        ]

    async def save_key(self, key: Key) -> None:
        await still_here(self.connection, key.member)
        statement = insert(tables.table(tables.ApiKey)).values(
            tenant_id=self.tenant,
            id=key.id,
            member_id=key.member,
            name=key.name,
            digest=key.digest,
            created_at=key.created_at,
            revoked_at=key.revoked_at,
        )
        await self.connection.execute(
            statement.on_conflict_do_update(
                index_elements=["tenant_id", "id"], set_={"revoked_at": key.revoked_at}
            )
        )

    async def key_owner(self, digest: str) -> KeyOwner | None:
        rows = await self.connection.execute(
            text(
                f"SELECT owner.*, k.revoked_at FROM ({_MEMBERS}) owner"
                " JOIN api_key k ON k.member_id = owner.id WHERE k.digest = :digest"
            ),
            {"digest": digest},
        )
        found = list(rows)
        if not found:
            return None
        [member] = _members(found)
        return KeyOwner(member, admitted=found[0].revoked_at is None and member.disabled_at is None)

    async def _take_turns(self) -> None:
        """From here to its end, this transaction is the only one that changes the tenant's people."""
        await self.connection.execute(
            text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": f"people/{self.tenant}"}
        )

    def _noted(self, members: list[Member]) -> list[Member]:
        for member in members:
            self._read.setdefault(member.id, member)
        return members


async def still_here(connection: AsyncConnection, member: MemberId) -> None:
    """Before anything of a person's is written: they are not erased, nor can be until this ends."""
    here = await connection.scalar(
        text("SELECT 1 FROM member WHERE id = :id AND erased_at IS NULL FOR SHARE"), {"id": member}
    )
    if here is None:
        raise Denied("This member was erased.")


def _department(row: Row[Any]) -> Department:
    return Department(
        id=DepartmentId(row.id),
        slug=row.slug,
        name=row.name,
        description=row.description,
        icon=row.icon,
        visibility=Visibility(row.visibility),
        thresholds=Thresholds(row.publish, row.abstain, row.publish_filed),
        instructions=row.instructions,
        article_days=row.article_days,
        clock=_clock(row),
        owner=row.owner,
    )


def _clock_values(clock: Clock) -> dict[str, Any]:
    hours = clock.working_hours
    return {
        "review_hours": clock.review_hours,
        "remind_after_h": clock.remind_after_h,
        "hand_on_after_h": clock.hand_on_after_h,
        "owner_after_h": clock.owner_after_h,
        "time_zone": hours.time_zone if hours else None,
        "opens_minute": hours.opens_minute if hours else 0,
        "closes_minute": hours.closes_minute if hours else 0,
        "working_days": sorted(hours.days) if hours else [],
    }


def _clock(row: Row[Any]) -> Clock:
    hours = None
    if row.time_zone is not None:
        days = frozenset(row.working_days)
        hours = WorkingHours(row.time_zone, row.opens_minute, row.closes_minute, days)
    return Clock(row.review_hours, row.remind_after_h, row.hand_on_after_h, row.owner_after_h, hours)


def _members(rows: list[Row[Any]]) -> list[Member]:
    """One row for each role of each member, in the order that members are wanted in."""
    roles: dict[MemberId, dict[DepartmentId, set[Role]]] = defaultdict(lambda: defaultdict(set))
    first: dict[MemberId, Row[Any]] = {}
    for row in rows:
        first.setdefault(MemberId(row.id), row)
        if row.role is not None:
            roles[MemberId(row.id)][DepartmentId(row.department_id)].add(Role(row.role))
    return [
        Member(
            id=member,
            handle=row.handle,
            name=row.name,
            email=row.email,
            roles={department: frozenset(held) for department, held in roles[member].items()},
            disabled_at=row.disabled_at,
            erased_at=row.erased_at,
            absent_until=row.absent_until,
        )
        for member, row in first.items()
    ]

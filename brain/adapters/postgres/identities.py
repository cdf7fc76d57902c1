"""Whom we know on chat platforms, in PostgreSQL."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from brain.adapters.postgres import tables
from brain.adapters.postgres.people import SqlPeople
from brain.domain.conversation import Identity, Reader
from brain.domain.identity import DepartmentId, Member, MemberId, TenantId

# Hundreds read a channel, and most of them are alike: only what differs leaves the database.
_READERS = """
SELECT DISTINCT reader.guest, m.disabled_at IS NOT NULL AS disabled, ARRAY(
    SELECT DISTINCT s.department_id FROM membership s
    WHERE (s.tenant_id, s.member_id) = (m.tenant_id, m.id) ORDER BY s.department_id) AS departments
FROM unnest(CAST(:platforms AS text[]), CAST(:ids AS text[]), CAST(:emails AS text[]),
    CAST(:guests AS boolean[])) AS reader (platform, id, email, guest)
LEFT JOIN identity i ON (i.platform, i.external_id) = (reader.platform, reader.id)
LEFT JOIN LATERAL (
    SELECT * FROM member
    WHERE member.id = coalesce(i.member_id, (SELECT e.id FROM member e WHERE e.email = reader.email))
) AS m ON true
"""


@dataclass(frozen=True, slots=True)
class SqlIdentities:
    """An external id is kept with its workspace, as platforms count people workspace by workspace."""

    connection: AsyncConnection
    tenant: TenantId
    people: SqlPeople

    async def member(self, identity: Identity) -> Member | None:
        linked = await self.connection.scalar(
            text("SELECT member_id FROM identity WHERE (platform, external_id) = (:platform, :id)"),
            {"platform": identity.platform, "id": _external(identity.workspace, identity.external_id)},
        )
        known = None if linked is None else await self.people.member(str(linked))
        unlinked = known is None or (known.handle == identity.handle and not known.roles)
        if unlinked and identity.email and not identity.guest and not identity.bot:
            found = await self.connection.scalar(
                text("SELECT id FROM member WHERE email = :email AND erased_at IS NULL"),
                {"email": identity.email.lower()},
            )
            if found is not None:
                await self.link(identity, MemberId(found))
                return await self.people.member(str(found))
        return known

    async def link(self, identity: Identity, member: MemberId) -> None:
        statement = insert(tables.table(tables.PlatformIdentity)).values(
            tenant_id=self.tenant,
            platform=identity.platform,
            external_id=_external(identity.workspace, identity.external_id),
            member_id=member,
        )
        await self.connection.execute(
            statement.on_conflict_do_update(
                index_elements=["tenant_id", "platform", "external_id"], set_={"member_id": member}
            )
        )

    async def unlink(self, identity: Identity) -> None:
        await self.connection.execute(
            text("DELETE FROM identity WHERE (platform, external_id) = (:platform, :id)"),
            {"platform": identity.platform, "id": _external(identity.workspace, identity.external_id)},
        )

    async def of(self, member: MemberId, *, platform: str) -> list[tuple[str, str]]:
        rows = await self.connection.execute(
            text(
                "SELECT external_id FROM identity WHERE member_id = :member AND platform = :platform"
                " ORDER BY external_id"
            ),
            {"member": member, "platform": platform},
        )
        split = (external_id.partition("/") for external_id in rows.scalars())
        return [(workspace, id_) for workspace, _, id_ in split]

    async def readers(self, people: Sequence[Identity]) -> Collection[Reader]:
        rows = await self.connection.execute(
            text(_READERS),
            {
                "platforms": [one.platform for one in people],
                "ids": [_external(one.workspace, one.external_id) for one in people],
                "emails": [one.email.lower() if one.email and not one.guest else None for one in people],
                "guests": [one.guest for one in people],
            },
        )
        return [
            Reader(row.guest, row.disabled, frozenset(map(DepartmentId, row.departments))) for row in rows
        ]

    async def known(self, platform: str, *, workspace: str) -> Mapping[str, MemberId]:
        rows = await self.connection.execute(
            text(
                "SELECT external_id, member_id FROM identity"
                " WHERE platform = :platform AND starts_with(external_id, :workspace)"
            ),
            {"platform": platform, "workspace": f"{workspace}/"},
        )
        return {row.external_id.partition("/")[2]: MemberId(row.member_id) for row in rows}


def _external(workspace: str, id_: str) -> str:
    return f"{workspace}/{id_}"

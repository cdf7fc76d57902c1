"""Tenants, seen from outside any of them: the system role's business."""

from dataclasses import dataclass
from uuid import uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from brain.adapters.postgres.installations import MEANT
from brain.adapters.postgres.store import reachable
from brain.domain.errors import Conflict
from brain.domain.identity import TenantId


async def tenants(system: AsyncEngine) -> dict[str, TenantId]:
    """Every tenant's id by slug."""
    async with reachable(), system.connect() as connection:
        rows = await connection.execute(text("SELECT slug, id FROM tenant ORDER BY slug"))
        return {row.slug: TenantId(row.id) for row in rows}


async def embedders_in_force(system: AsyncEngine) -> dict[str, list[str]]:
    """The tenants' slugs by embedder; tenants that know nothing yet are left out."""
    async with reachable(), system.connect() as connection:
        rows = await connection.execute(
            text(
                "SELECT embedder, array_agg(slug ORDER BY slug) AS slugs FROM tenant"
                " WHERE embedder IS NOT NULL GROUP BY embedder ORDER BY embedder"
            )
        )
        return {row.embedder: row.slugs for row in rows}


async def create_tenant(system: AsyncEngine, *, slug: str, name: str) -> TenantId:
    tenant = TenantId(uuid4())
    async with reachable(), system.begin() as connection:
        made = await connection.scalar(
            text(
                "INSERT INTO tenant (id, slug, name) VALUES (:id, :slug, :name)"
                " ON CONFLICT (slug) DO NOTHING RETURNING id"
            ),
            {"id": tenant, "slug": slug, "name": name},
        )
    if made is None:
        raise Conflict(f"There is already a tenant {slug!r}.")
    return tenant


async def tenant_of(system: AsyncEngine, platform: str, workspace: str) -> TenantId | None:
    """Whose workspace it is. Of several tenants, of the one that had it first."""
    async with reachable(), system.connect() as connection:
        found = await connection.scalar(
            text(
                f"SELECT tenant_id FROM installation WHERE {MEANT} ORDER BY installed_at, tenant_id LIMIT 1"
            ),
            {"platform": platform, "workspace": workspace},
        )
    return TenantId(found) if found else None


@dataclass(frozen=True, slots=True)
class Installed:
    """`places`: the workspace, or the organisation and those of its workspaces that were heard of."""

    tenant: TenantId
    places: tuple[str, ...]
    bot_user: str
    bot_id: str
    enterprise: str


async def installed_on(system: AsyncEngine, platform: str) -> list[Installed]:
    """All of them; who had a workspace first comes last."""
    async with reachable(), system.connect() as connection:
        rows = await connection.execute(
            text(
                "SELECT tenant_id, workspace, enterprise, teams, bot_user, bot_id FROM installation"
                " WHERE platform = :platform ORDER BY installed_at DESC, tenant_id DESC"
            ),
            {"platform": platform},
        )
        return [
            Installed(
                TenantId(row.tenant_id),
                (row.workspace,) if row.workspace else (row.enterprise, *row.teams),
                row.bot_user,
                row.bot_id,
                row.enterprise,
            )
            for row in rows
        ]

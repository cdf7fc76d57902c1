"""The workspaces that have the bot, in PostgreSQL; their tokens are sealed before they get here."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from brain.adapters.postgres import tables
from brain.domain.identity import MemberId, TenantId
from brain.domain.installation import Installation

# The workspace itself, one of an organisation that has the bot everywhere, or that organisation.
MEANT = """
platform = :platform
AND (workspace = :workspace OR workspace = '' AND (enterprise = :workspace OR :workspace = ANY(teams)))
"""
_KEY = ("tenant_id", "platform", "enterprise", "workspace")


@dataclass(frozen=True, slots=True)
class SqlInstallations:
    connection: AsyncConnection
    tenant: TenantId

    async def save(self, installation: Installation) -> None:
        values = {
            "name": installation.name,
            "bot_user": installation.bot_user,
            "bot_id": installation.bot_id,
            "tokens": installation.tokens,
            "scopes": list(installation.scopes),
            "expires_at": installation.expires_at,
            "installed_by": installation.installed_by,
            "renewing_until": None,
            "installed_at": func.now(),
        }
        statement = insert(tables.table(tables.Installation)).values(
            tenant_id=self.tenant,
            platform=installation.platform,
            enterprise=installation.enterprise,
            workspace=installation.workspace,
            teams=list(installation.teams),
            **values,
        )
        await self.connection.execute(statement.on_conflict_do_update(index_elements=list(_KEY), set_=values))
        # It may have joined an organisation, or left one: a workspace has one installation.
        await self.connection.execute(
            text(
                "DELETE FROM installation WHERE platform = :platform AND workspace = :workspace"
                " AND workspace <> '' AND enterprise <> :enterprise"
            ),
            {
                "platform": installation.platform,
                "workspace": installation.workspace,
                "enterprise": installation.enterprise,
            },
        )

    async def of(self, platform: str) -> list[Installation]:
        rows = await self.connection.execute(
            text("SELECT * FROM installation WHERE platform = :platform ORDER BY installed_at, workspace"),
            {"platform": platform},
        )
        return [_installation(row) for row in rows]

    async def having(self, platform: str, workspace: str) -> Installation | None:
        rows = await self.connection.execute(
            text(f"SELECT * FROM installation WHERE {MEANT} ORDER BY workspace = '', installed_at LIMIT 1"),
            {"platform": platform, "workspace": workspace},
        )
        return next((_installation(row) for row in rows), None)

    async def forget(
        self, platform: str, *, workspace: str, before: datetime | None = None
    ) -> list[Installation]:
        """A workspace of an organisation that has the bot everywhere is taken out of it."""
        gone = await self.connection.execute(
            text(
                "DELETE FROM installation WHERE platform = :platform"
                " AND (workspace = :workspace OR workspace = '' AND enterprise = :workspace)"
                " AND installed_at < coalesce(:before, 'infinity'::timestamptz) RETURNING *"
            ),
            {"platform": platform, "workspace": workspace, "before": before},
        )
        await self.connection.execute(
            text(
                "UPDATE installation SET teams = array_remove(teams, :workspace)"
                " WHERE platform = :platform AND :workspace = ANY(teams)"
            ),
            {"platform": platform, "workspace": workspace},
        )
        return [_installation(row) for row in gone]

    async def joins(self, platform: str, *, enterprise: str, workspace: str) -> None:
        await self.connection.execute(
            text(
                "UPDATE installation SET teams = teams || :workspace WHERE platform = :platform"
                " AND enterprise = :enterprise AND workspace = '' AND NOT :workspace = ANY(teams)"
            ),
            {"platform": platform, "enterprise": enterprise, "workspace": workspace},
        )

    async def claim(self, installation: Installation, *, for_s: float) -> bool:
        claimed = await self.connection.execute(
            text(
                "UPDATE installation SET renewing_until = clock_timestamp() + make_interval(secs => :for_s)"
                f" WHERE {_THIS} AND (renewing_until IS NULL OR renewing_until < clock_timestamp())"
            ),
            _key(installation) | {"for_s": for_s},
        )
        return claimed.rowcount > 0

    async def renew(self, old: Installation, new: Installation) -> bool:
        renewed = await self.connection.execute(
            text(
                "UPDATE installation SET tokens = :new, expires_at = :expires_at, renewing_until = NULL"
                f" WHERE {_THIS}"
            ),
            _key(old) | {"new": new.tokens, "expires_at": new.expires_at},
        )
        return renewed.rowcount > 0


# As it was read: tokens that were replaced meanwhile are left alone.
_THIS = """
(platform, enterprise, workspace, tokens) = (:platform, :enterprise, :workspace, :tokens)
"""


def _key(installation: Installation) -> dict[str, Any]:
    return {
        "platform": installation.platform,
        "enterprise": installation.enterprise,
        "workspace": installation.workspace,
        "tokens": installation.tokens,
    }


def _installation(row: Row[Any]) -> Installation:
    return Installation(
        platform=row.platform,
        enterprise=row.enterprise,
        workspace=row.workspace,
        name=row.name,
        bot_user=row.bot_user,
        bot_id=row.bot_id,
        tokens=row.tokens,
        scopes=tuple(row.scopes),
        teams=tuple(row.teams),
        expires_at=row.expires_at,
        installed_by=MemberId(row.installed_by) if row.installed_by else None,
    )

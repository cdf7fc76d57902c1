"""What must be true of a database before it is served from: its roles are below row security."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from brain.adapters.postgres.store import reachable
from brain.domain.errors import Rejected

APP_SETTING = "EXPERT_DATABASE_URL_APP"
SYSTEM_SETTING = "EXPERT_DATABASE_URL_SYSTEM"

# Also as a member of another role: it could become that one.
_ROLE = """
SELECT current_user AS name,
    bool_or(r.rolsuper OR r.rolbypassrls) AS above,
    bool_or(EXISTS (SELECT FROM pg_class c WHERE c.relowner = r.oid AND c.relkind IN ('r', 'p'))) AS owns
FROM pg_roles r WHERE pg_has_role(current_user, r.oid, 'MEMBER')
"""


async def role_below_row_security(engine: AsyncEngine, *, setting: str, may_own: bool = False) -> str:
    """The name of the role behind `setting`. Raises `Rejected` where row security does not bind it."""
    async with reachable(), engine.connect() as connection:
        role = (await connection.execute(text(_ROLE))).one()
    if role.above:
        raise Rejected(
            f"{setting} connects as {role.name}, which is above row-level security: it could read every"
            f" tenant's rows. ALTER ROLE {role.name} NOSUPERUSER NOBYPASSRLS, or name another role there."
        )
    if role.owns and not may_own:
        raise Rejected(
            f"{setting} connects as {role.name}, which owns tables, and may therefore switch row-level"
            " security off. Name a role there that owns nothing, and is no member of one that does."
        )
    return str(role.name)

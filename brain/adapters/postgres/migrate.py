"""Brings the database to the newest revision."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from brain.adapters.postgres.security import secure

_MIGRATIONS = Path(__file__).parent / "migrations"
# One number for "somebody is migrating": two processes that start together take turns.
_LOCK = 7_316_254_001


def configuration(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def _upgrade(connection: Connection, app_role: str, system_role: str) -> None:
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    command.upgrade(configuration(connection), "head")
    secure(connection, app_role=app_role, system_role=system_role)


def _revisions(connection: Connection) -> tuple[str | None, str | None]:
    script = ScriptDirectory.from_config(configuration(connection))
    return MigrationContext.configure(connection).get_current_revision(), script.get_current_head()


async def migrate(owner_url: str, *, app_role: str, system_role: str) -> None:
    """Run every missing migration, and set rights and policies, in one transaction."""
    engine = create_async_engine(owner_url)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_upgrade, app_role, system_role)
    finally:
        await engine.dispose()


async def revisions(owner_url: str) -> tuple[str | None, str | None]:
    """The database's revision and the newest one this code knows."""
    engine = create_async_engine(owner_url)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(_revisions)
    finally:
        await engine.dispose()

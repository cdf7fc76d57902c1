"""The models and what the migrations make are the same database."""

from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from brain.adapters.postgres.migrate import migrate, revisions
from brain.adapters.postgres.store import connect
from brain.adapters.postgres.tables import metadata
from config.settings import DatabaseUrls


def _differences(connection: Connection) -> list[Any]:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return list(compare_metadata(context, metadata))


async def test_models_and_migrations_agree(urls: DatabaseUrls) -> None:
    engine = connect(urls.owner, pool_size=1)
    async with engine.connect() as connection:
        differences = await connection.run_sync(_differences)
    await engine.dispose()
    assert differences == []


async def test_migrating_again_changes_nothing(urls: DatabaseUrls) -> None:
    before = await revisions(urls.owner)
    await migrate(urls.owner, app_role="expert_app", system_role="expert_system")
    assert await revisions(urls.owner) == before
    assert before[0] == before[1]

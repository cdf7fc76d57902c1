"""The models and what the migrations make are the same database."""

import shutil
import tempfile
from pathlib import Path
from typing import Any
from uuid import uuid4

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from brain.adapters.postgres.migrate import configuration, migrate, revisions
from brain.adapters.postgres.store import connect
from brain.adapters.postgres.tables import metadata, of_no_tenant
from config.embedded_postgres import EmbeddedPostgres
from config.settings import DatabaseUrls


def _differences(connection: Connection) -> list[Any]:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return list(compare_metadata(context, [metadata, of_no_tenant]))  # type: ignore[arg-type]  # it takes several


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


# A review that somebody opened before there were clocks, with what it refers to.
_OLD_ROWS = """
INSERT INTO tenant (id, slug, name) VALUES (:id, 'old', 'Old Ltd');
INSERT INTO department (tenant_id, id, slug, name, description, icon, visibility, publish, abstain,
    instructions, review_hours) VALUES (:id, :id, 'it', 'IT', '', '', 'tenant', 0.6, 0.1, '', 24);
INSERT INTO member (tenant_id, id, handle, name) VALUES (:id, :id, 'amira', 'Amira');
INSERT INTO conversation (tenant_id, id, platform, workspace, channel, thread)
    VALUES (:id, :id, 'api', '', '', '');
INSERT INTO question (tenant_id, id, conversation_id, asker_id, text, idempotency_key)
    VALUES (:id, :id, :id, :id, 'How?', 'k');
INSERT INTO answer (tenant_id, id, question_id, department_id, version, status, text, confidence, model,
    prompt_hash) VALUES (:id, :id, :id, :id, 1, 'in_review', '42', 0.3, 'm', '');
INSERT INTO review (tenant_id, id, number, question_id, answer_id, department_id, status, shown_hash)
    VALUES (:id, :id, 1, :id, :id, :id, 'open', 'h');
"""
_GUARDED = ("tenant", "department", "member", "conversation", "question", "answer", "review", "outbox")


def _before_clocks(connection: Connection, tenant: str) -> None:
    """The database as it was at revision 0005, under row-level security, with an open review in it."""
    command.upgrade(configuration(connection), "0005")
    for table in _GUARDED:
        column = "id" if table == "tenant" else "tenant_id"
        own = f"{column}::text = current_setting('expert.tenant_id', true)"
        connection.execute(text(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"))
        connection.execute(text(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY"))
        connection.execute(text(f"CREATE POLICY own_tenant ON {table} USING ({own}) WITH CHECK ({own})"))
    connection.execute(text("SELECT set_config('expert.tenant_id', :id, true)"), {"id": tenant})
    for statement in _OLD_ROWS.strip().split(";\n"):
        connection.execute(text(statement.replace(":id", f"'{tenant}'").rstrip(";")))


async def test_reviews_that_were_open_before_there_were_clocks_get_one() -> None:
    tenant = str(uuid4())
    home = Path(tempfile.mkdtemp(prefix="expert-"))
    try:
        with EmbeddedPostgres(home) as postgres:
            owner = create_async_engine(postgres.urls.owner)
            async with owner.begin() as connection:
                await connection.run_sync(_before_clocks, tenant)
            await migrate(postgres.urls.owner, app_role="expert_app", system_role="expert_system")
            async with owner.begin() as connection:
                seen_by_nobody = await connection.scalar(text("SELECT count(*) FROM review"))
                await connection.execute(
                    text("SELECT set_config('expert.tenant_id', :id, true)"), {"id": tenant}
                )
                rings_at = await connection.scalar(text("SELECT rings_at FROM review"))
                rings = (await connection.execute(text("SELECT name, payload FROM outbox"))).all()
            await owner.dispose()
    finally:
        shutil.rmtree(home)
    assert seen_by_nobody == 0, "the owner is under the tenants' policies again"
    assert rings_at is not None
    assert [(row.name, row.payload) for row in rings] == [("ReviewClockRang", {"review": tenant})]

"""No tenant sees, changes or guesses another's rows: every table, four verbs, a shared pool under fire."""

import asyncio
import random
from contextlib import suppress
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import BigInteger, Boolean, DateTime, Float, Integer, Table, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from brain.adapters.postgres.store import SqlStore, connect, enter
from brain.adapters.postgres.tables import metadata, of_no_tenant
from brain.adapters.postgres.tenants import create_tenant
from brain.domain.identity import TenantId
from config.embedded_postgres import EmbeddedPostgres
from config.settings import DatabaseUrls
from tests.conftest import World

TABLES = [table.name for table in metadata.sorted_tables]
# Columns whose values a check constraint limits.
LIMITED: dict[str, Any] = {
    "visibility": "tenant",
    "role": "asker",
    "verdict.kind": "approve",
    "review_move.kind": "reminded",
    "label": "positive",
    "state": "ready",
    "occasion": "answer",
    "answers": "mentions",
    "may_ask": "members",
}
STATUS = {
    "document": "live",
    "article": "live",
    "answer": "draft",
    "review": "open",
}


def _value(table: Table, name: str) -> Any:
    column = table.c[name]
    for known in (name, f"{table.name}.{name}"):
        if known in LIMITED:
            return LIMITED[known]
    if name == "status":
        return STATUS[table.name]
    match column.type:
        case Uuid():
            return uuid4()
        case ARRAY() | JSONB():
            return [] if isinstance(column.type, ARRAY) else {}
        case Boolean():
            return True
        case BigInteger() | Integer() | Float():
            return 0
        case DateTime():
            return None
        case _ if name == "vector":
            return [0.5, 0.5]
        case _:
            return f"secret-{uuid4().hex}"


def _row(table: Table, tenant: UUID) -> dict[str, Any]:
    """A row that satisfies every constraint but references."""
    row = {
        column.name: _value(table, column.name)
        for column in table.columns
        if column.identity is None and not isinstance(column.type, DateTime) and not column.nullable
    }
    if table.name == "passage":
        row["document_id"] = uuid4()
    return row | {"id" if table.name == "tenant" else "tenant_id": tenant}


async def _reached(connection: AsyncConnection, statement: str) -> list[Any]:
    try:
        return list((await connection.execute(text(statement))).all())
    except DBAPIError as error:
        if "permission denied" in str(error):
            return []
        raise


def _tenant_column(table: Table) -> str:
    return "id" if table.name == "tenant" else "tenant_id"


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("sets_tenant", [True, False], ids=["other tenant", "no tenant"])
async def test_no_verb_reaches_a_foreign_row(
    name: str, sets_tenant: bool, app_engine: AsyncEngine, postgres: EmbeddedPostgres
) -> None:
    table, victim, attacker = metadata.tables[name], uuid4(), TenantId(uuid4())
    root = connect(postgres.superuser_url, pool_size=1)
    async with root.begin() as connection:
        await connection.execute(text("SET LOCAL session_replication_role = replica"))
        await connection.execute(table.insert().values(_row(table, victim)))
    column = _tenant_column(table)
    statements = {
        "select": f"SELECT 1 FROM {name} WHERE {column} = '{victim}'",
        "update": f"UPDATE {name} SET {column} = {column} WHERE {column} = '{victim}' RETURNING 1",
        "delete": f"DELETE FROM {name} WHERE {column} = '{victim}' RETURNING 1",
    }
    for verb, statement in statements.items():
        async with app_engine.connect() as connection:
            if sets_tenant:
                await enter(connection, attacker)
            assert await _reached(connection, statement) == [], f"{verb} reached a row of {name}"
    async with app_engine.connect() as connection:
        if sets_tenant:
            await enter(connection, attacker)
        with pytest.raises(DBAPIError, match=r"row-level security|permission denied"):
            await connection.execute(table.insert().values(_row(table, victim)))
    async with root.begin() as connection:
        left = await connection.scalar(text(f"SELECT count(*) FROM {name} WHERE {column} = '{victim}'"))
        await connection.execute(text("SET LOCAL session_replication_role = replica"))
        await connection.execute(text(f"DELETE FROM {name} WHERE {column} = '{victim}'"))
    await root.dispose()
    assert left == 1


async def test_every_table_is_under_forced_row_security(app_engine: AsyncEngine) -> None:
    """A table that somebody adds without a policy, in a model or behind its back, is found here."""
    async with app_engine.connect() as connection:
        rows = await connection.execute(
            text(
                "SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity AS forced,"
                " EXISTS (SELECT FROM pg_policies p WHERE p.tablename = c.relname"
                "   AND p.policyname = 'own_tenant' AND p.cmd = 'ALL'"
                "   AND p.qual IS NOT NULL AND p.with_check IS NOT NULL) AS covered"
                " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
                " WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'v', 'm')"
                " AND c.relname <> 'alembic_version'"
            )
        )
        uncovered = [row.relname for row in rows if not (row.forced and row.covered)]
    assert uncovered == []


async def test_serving_roles_neither_own_nor_bypass(app_engine: AsyncEngine) -> None:
    async with app_engine.connect() as connection:
        rows = await connection.execute(
            text(
                "SELECT r.rolname, r.rolsuper OR r.rolbypassrls AS above,"
                " EXISTS (SELECT FROM pg_class c WHERE c.relowner = r.oid) AS owns"
                " FROM pg_roles r WHERE r.rolname IN ('expert_app', 'expert_system')"
            )
        )
        found = {row.rolname: (row.above, row.owns) for row in rows}
    assert found == {"expert_app": (False, False), "expert_system": (False, False)}


async def test_unique_keys_start_with_the_tenant(app_engine: AsyncEngine) -> None:
    """A unique key across tenants would tell one tenant what another has."""
    async with app_engine.connect() as connection:
        rows = await connection.execute(
            text(
                "SELECT c.relname, a.attname FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid"
                " JOIN pg_namespace n ON n.oid = c.relnamespace"
                " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]"
                " WHERE n.nspname = 'public' AND i.indisunique"
                " AND c.relname NOT IN ('tenant', 'alembic_version', 'schedule')"
            )
        )
        assert {(row.relname, row.attname) for row in rows if row.attname != "tenant_id"} == set()


async def test_what_is_of_no_tenant_is_out_of_reach_for_all_of_them(app_engine: AsyncEngine) -> None:
    for table in of_no_tenant.sorted_tables:
        async with app_engine.connect() as connection:
            with pytest.raises(DBAPIError, match="permission denied"):
                await connection.execute(text(f"SELECT 1 FROM {table.name}"))


async def test_the_relay_reads_nothing_but_its_tables(system_engine: AsyncEngine, world: World) -> None:
    reachable = []
    for name in TABLES:
        async with system_engine.connect() as connection:
            with suppress(DBAPIError):
                await connection.execute(text(f"SELECT 1 FROM {name}"))
                reachable.append(name)
    assert sorted(reachable) == ["inbox", "installation", "message", "outbox", "task", "tenant"]
    # Of installations, whose they are, not their tokens; of deliveries, when they came, not what they say.
    for column, name in (("tokens", "installation"), ("payload", "inbox"), ("ids", "message")):
        async with system_engine.connect() as connection:
            with pytest.raises(DBAPIError, match="permission denied"):
                await connection.execute(text(f"SELECT {column} FROM {name}"))


async def test_a_shared_pool_never_hands_over_a_tenant(
    urls: DatabaseUrls, system_engine: AsyncEngine
) -> None:
    """2,000 requests of two tenants over two connections, some failing, some cancelled in the middle."""
    rng = random.Random(20_261_121)
    engine = connect(urls.app, pool_size=2)
    store = SqlStore(engine)
    tenants = [
        await create_tenant(system_engine, slug=f"pool-{uuid4().hex[:8]}", name="Pool") for _ in range(2)
    ]
    foreign: list[UUID] = []
    finished = 0

    async def request(tenant: TenantId, fate: str) -> None:
        nonlocal finished
        async with store.transaction(tenant) as tx:
            rows = await tx.connection.execute(text("SELECT id FROM tenant"))
            foreign.extend(row.id for row in rows if row.id != tenant)
            await tx.connection.execute(text("UPDATE tenant SET reviews = reviews + 1"))
            if fate == "fails":
                await tx.connection.execute(text("SELECT 1 / 0"))
            await asyncio.sleep(0)
            finished += 1

    async def one(tenant: TenantId, fate: str) -> None:
        work = asyncio.create_task(request(tenant, fate))
        if fate == "cancelled":
            await asyncio.sleep(rng.random() / 200)
            work.cancel()
        with suppress(DBAPIError, asyncio.CancelledError):
            await work

    fates = ["fine"] * 8 + ["fails", "cancelled"]
    for _ in range(20):
        await asyncio.gather(*(one(rng.choice(tenants), rng.choice(fates)) for _ in range(100)))
    async with engine.connect() as connection:
        unset = (await connection.execute(text("SELECT id FROM tenant"))).all()
    await engine.dispose()

    assert foreign == []
    assert unset == []
    assert finished > 1_000

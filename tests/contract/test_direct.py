"""Text that goes to the driver itself is in the same transaction as the rest, and fails in the same way."""

import asyncio
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncEngine

from brain.adapters.postgres.direct import DirectConnection
from brain.adapters.postgres.store import connect
from config.settings import DatabaseUrls
from tests.conftest import World

MADE = "INSERT INTO bucket (tenant_id, whose, remaining) VALUES (:tenant, :whose, 1)"
FOUND = "SELECT count(*) FROM bucket WHERE whose = :whose"


async def says(world: World, *said: tuple[str, dict[str, object]]) -> None:
    """One after the other, in one transaction."""
    async with world.store.transaction(world.tenant) as tx:
        for statement, values in said:
            await tx.connection.execute(text(statement), values)


async def test_what_is_rolled_back_never_was(world: World) -> None:
    row: dict[str, object] = {"tenant": world.tenant, "whose": uuid4()}
    with pytest.raises(ProgrammingError):
        await says(world, (MADE, row), ("SELECT nothing FROM bucket", {}))
    async with world.store.transaction(world.tenant) as tx:
        assert await tx.connection.scalar(text(FOUND), {"whose": row["whose"]}) == 0
        await tx.connection.execute(text(MADE), row)
        assert await tx.connection.scalar(text(FOUND), {"whose": row["whose"]}) == 1


async def test_each_transaction_of_a_connection_is_one_of_its_own(app_engine: AsyncEngine) -> None:
    async with DirectConnection(app_engine) as connection:
        for slug in ("one", "two"):
            async with connection.begin():
                before = await connection.scalar(text("SELECT current_setting('expert.tenant_id', true)"))
                assert before in (None, "")
                told = text("SELECT set_config('expert.tenant_id', :slug, true)")
                assert await connection.scalar(told, {"slug": slug}) == slug


async def test_rows_are_read_as_those_of_sqlalchemy(world: World) -> None:
    async with world.store.transaction(world.tenant) as tx:
        [first, second] = await tx.connection.execute(
            text("SELECT number, 'a\\:' || :name AS said FROM generate_series(1, :most) AS n (number)"),
            {"name": "b", "most": 2},
        )
        assert (first.number, first.said, tuple(second)) == (1, "a:b", (2, "a:b"))
        gone = await tx.connection.execute(
            text("DELETE FROM bucket WHERE whose = :whose"), {"whose": uuid4()}
        )
        assert gone.rowcount == 0


async def test_errors_are_told_by_their_kind_and_without_what_was_to_be_written(world: World) -> None:
    row: dict[str, object] = {"tenant": world.tenant, "whose": uuid4()}
    with pytest.raises(IntegrityError) as twice:
        await says(world, (MADE, row), (MADE, row))
    assert twice.value.hide_parameters
    with pytest.raises(ProgrammingError, match="row-level security"):
        await says(world, (MADE, row | {"tenant": uuid4()}))


async def test_a_statement_that_a_migration_has_outdated_is_prepared_anew(
    world: World, urls: DatabaseUrls
) -> None:
    owner, engine = connect(urls.owner, pool_size=1), connect(urls.owner, pool_size=1)
    table = f"outdated_{uuid4().hex}"
    async with owner.begin() as connection:
        await connection.execute(text(f"CREATE TABLE {table} (one integer)"))
    try:
        seen = []
        for _ in range(3):
            try:
                async with DirectConnection(engine) as direct, direct.begin():
                    await direct.execute(text("SELECT 1"))
                    seen.append(list((await direct.execute(text(f"SELECT * FROM {table}"))).keys()))
            except DBAPIError:
                seen.append(["outdated"])
            if len(seen) == 1:
                async with owner.begin() as connection:
                    await connection.execute(text(f"ALTER TABLE {table} ADD two integer"))
        assert seen == [["one"], ["outdated"], ["one", "two"]]
    finally:
        async with owner.begin() as connection:
            await connection.execute(text(f"DROP TABLE {table}"))
        await owner.dispose()
        await engine.dispose()


async def test_who_is_cancelled_leaves_the_connection_as_it_was(urls: DatabaseUrls) -> None:
    engine = connect(urls.app, pool_size=1)
    began = asyncio.Event()

    async def sleeping() -> None:
        async with DirectConnection(engine) as direct, direct.begin():
            await direct.execute(text("SELECT 1"))
            began.set()
            await direct.execute(text("SELECT pg_sleep(60)"))

    asleep = asyncio.create_task(sleeping())
    await began.wait()
    await asyncio.sleep(0.01)
    asleep.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asleep
    async with DirectConnection(engine) as direct, direct.begin():
        assert await direct.scalar(text("SELECT 2")) == 2
        assert await direct.scalar(text("SELECT 3")) == 3
    await engine.dispose()

"""What PostgreSQL does to a transaction under way is told as what a caller can do about it."""

import asyncio

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from brain.adapters.postgres.store import connect, reachable
from brain.domain.errors import Unavailable
from config.embedded_postgres import EmbeddedPostgres
from config.settings import DatabaseUrls
from tests.conftest import World

LOCK = "SELECT FROM department WHERE slug = :slug FOR UPDATE"


async def test_of_two_that_wait_for_each_other_one_is_told_to_repeat(world: World) -> None:
    both_hold_one = asyncio.Barrier(2)

    async def take(*slugs: str) -> None:
        async with world.store.transaction(world.tenant) as tx:
            await tx.connection.execute(text(LOCK), {"slug": slugs[0]})
            await both_hold_one.wait()
            await tx.connection.execute(text(LOCK), {"slug": slugs[1]})

    ended = await asyncio.gather(take("hr", "it-ops"), take("it-ops", "hr"), return_exceptions=True)
    [refused] = [one for one in ended if one is not None]
    assert isinstance(refused, Unavailable)
    assert "can be repeated" in str(refused)


@pytest.mark.parametrize("state", ["serialization_failure", "deadlock_detected", "lock_not_available"])
async def test_a_collision_in_the_queue_passes_too(system_engine: AsyncEngine, state: str) -> None:
    with pytest.raises(Unavailable, match="can be repeated"):
        async with reachable(), system_engine.begin() as connection:
            await connection.execute(text(f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{state}'; END $$"))


async def test_a_connection_that_dies_promises_nothing(world: World, postgres: EmbeddedPostgres) -> None:
    """In COMMIT, too, where what was begun may have been done."""

    async def interrupted() -> None:
        async with world.store.transaction(world.tenant) as tx:
            pid = await tx.connection.scalar(text("SELECT pg_backend_pid()"))
            await asyncio.to_thread(postgres.execute, f"SELECT pg_terminate_backend({pid}, 5000);")

    with pytest.raises(Unavailable, match="look whether it did") as raised:
        await interrupted()
    assert "nothing was changed" not in str(raised.value)


async def test_a_database_that_is_not_there(urls: DatabaseUrls) -> None:
    gone = connect(
        urls.app.replace("/expert?", "/no_such_place?").replace("host=", "host=/nowhere"), pool_size=1
    )
    with pytest.raises(Unavailable):
        async with reachable(), gone.connect():
            pytest.fail("there is nothing to connect to")
    await gone.dispose()


async def test_a_database_that_is_just_leaving() -> None:
    """Asked after its goodbye and before the connection is closed, asyncpg calls it a bug of its own."""
    with pytest.raises(Unavailable):
        async with reachable():
            raise asyncpg.InternalClientError("cannot switch to state 15; another operation is in progress")

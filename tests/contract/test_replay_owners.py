"""What was journaled for a tenant by what was known without the database, compared with what the database
says once it is back."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

from sqlalchemy import text
from structlog.testing import capture_logs

from brain.adapters.journal import Journal
from brain.domain.conversation import Delivery, DeliveryId
from brain.domain.errors import Unavailable
from brain.domain.identity import TenantId
from config.last_known import database_circuit
from tests.conftest import World
from workers.replay import Owners, Replay, replaying


def _delivery() -> Delivery:
    return Delivery(DeliveryId(uuid4()), "slack", f"event/{uuid4()}", "", '{"text": "kept"}')


def _owned(by: TenantId | None) -> Owners:
    async def owners(deliveries: Sequence[Delivery]) -> list[TenantId | None]:
        return [by for _ in deliveries]

    return owners


async def _kept(world: World, delivery: Delivery) -> int:
    async with world.store.transaction(world.tenant) as tx:
        query = text("SELECT count(*) FROM inbox WHERE delivery_id = :id")
        return int(await tx.connection.scalar(query, {"id": delivery.external_id}) or 0)


async def _replayed(world: World, home: Path, tenant: TenantId, owner: Owners) -> tuple[int, int]:
    """How many are in the database, and how many were put aside, by one that begins in an outage."""
    circuit = database_circuit()
    with circuit.attempt() as attempt:
        attempt.failed(opens=True)
    journal, delivery = Journal(home / "journal", most_bytes=2**20), _delivery()
    await journal.append(tenant, delivery)
    await Replay(journal, world.store, circuit, owners={"slack": owner}).once()
    damaged, held = journal.damaged, journal.held
    await journal.close()
    assert held == 0
    return await _kept(world, delivery), damaged


async def test_what_is_still_the_tenants_is_replayed(world: World, tmp_path: Path) -> None:
    assert await _replayed(world, tmp_path, world.tenant, _owned(world.tenant)) == (1, 0)


async def test_what_was_said_before_a_workspace_was_removed_is_replayed(world: World, tmp_path: Path) -> None:
    assert await _replayed(world, tmp_path, world.tenant, _owned(None)) == (1, 0)


async def test_what_another_tenant_has_by_now_is_put_aside(world: World, tmp_path: Path) -> None:
    assert await _replayed(world, tmp_path, world.tenant, _owned(TenantId(uuid4()))) == (0, 1)
    assert list((tmp_path / "journal" / "aside").iterdir())


async def test_what_was_a_tenants_that_is_gone_is_put_aside(world: World, tmp_path: Path) -> None:
    gone = TenantId(uuid4())
    for owner in (_owned(None), _owned(gone)):
        assert await _replayed(world, tmp_path, gone, owner) == (0, 1)


async def test_an_outage_is_told_once(world: World, tmp_path: Path) -> None:
    asked = asyncio.Semaphore(0)

    async def away(_: Sequence[Delivery]) -> list[TenantId | None]:
        asked.release()
        raise Unavailable("The database is away.")

    journal = Journal(tmp_path / "journal", most_bytes=2**20)
    await journal.append(world.tenant, _delivery())
    waiting = Replay(journal, world.store, database_circuit(), owners={"slack": away}, every_s=0.01)
    with capture_logs() as logs:
        async with replaying(waiting):
            for _ in range(5):
                await asked.acquire()
    assert [one["deliveries"] for one in logs if one["event"] == "journal.waits"] == [1]
    await journal.close()

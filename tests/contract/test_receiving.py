"""Deliveries that come in the same moment are kept in one transaction, each as if it were alone."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine

from brain.domain.conversation import Delivery, DeliveryId
from brain.domain.errors import DatabaseAway, Rejected
from brain.domain.identity import TenantId
from brain.usecases.receive import receive
from tests.conftest import World


def _delivery(name: str, *, twin: str = "", payload: str = "{}") -> Delivery:
    return Delivery(DeliveryId(uuid4()), "slack", name, twin, payload)


@contextmanager
def _statements(engine: AsyncEngine) -> Iterator[list[str]]:
    said: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        said.append(statement)

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    yield said
    event.remove(engine.sync_engine, "before_cursor_execute", note)


async def _kept(world: World) -> list[str]:
    """By their names; each has its event."""
    async with world.store.transaction(world.tenant) as tx:
        rows = await tx.connection.execute(
            text(
                "SELECT i.delivery_id FROM inbox i JOIN outbox o ON o.payload->>'delivery' = i.id::text"
                " WHERE o.name = 'DeliveryAccepted' ORDER BY 1"
            )
        )
        return [name for (name,) in rows]


async def test_tenants_share_a_round_trip_and_see_only_what_is_theirs(
    world: World, other_world: World, app_engine: AsyncEngine
) -> None:
    tenants = [world.tenant, other_world.tenant] * 10
    with _statements(app_engine) as said:
        await asyncio.gather(
            *(receive(world.store, tenant, _delivery(f"Ev{n:02}")) for n, tenant in enumerate(tenants))
        )

    assert len(said) == 1
    assert await _kept(world) == [f"Ev{n:02}" for n in range(0, 20, 2)]
    assert await _kept(other_world) == [f"Ev{n:02}" for n in range(1, 20, 2)]


async def test_the_same_delivery_and_its_twin_in_the_same_moment_are_one(world: World) -> None:
    mention, message = _delivery("Ev1", twin="m1"), _delivery("Ev2", twin="m1")
    again = _delivery("Ev1", twin="m1")
    await asyncio.gather(
        *(receive(world.store, world.tenant, one) for one in (_delivery("Ev0"), mention, message, again))
    )

    assert await _kept(world) == ["Ev0", "Ev1"]


async def test_one_that_can_never_be_kept_takes_no_other_with_it(world: World) -> None:
    wrong = _delivery("Ev1", payload="\x00")
    outcomes = await asyncio.gather(
        *(receive(world.store, world.tenant, one) for one in (_delivery("Ev0"), wrong, _delivery("Ev2"))),
        return_exceptions=True,
    )

    assert [type(one) for one in outcomes] == [type(None), Rejected, type(None)]
    assert await _kept(world) == ["Ev0", "Ev2"]


async def test_a_tenant_that_is_not_there_takes_no_other_with_it(world: World) -> None:
    nobody = TenantId(uuid4())
    outcomes = await asyncio.gather(
        receive(world.store, world.tenant, _delivery("Ev0")),
        receive(world.store, nobody, _delivery("Ev1")),
        receive(world.store, world.tenant, _delivery("Ev2")),
        return_exceptions=True,
    )

    assert [type(one) for one in outcomes] == [type(None), Rejected, type(None)]
    assert await _kept(world) == ["Ev0", "Ev2"]


async def test_a_database_that_fails_in_the_middle_has_kept_none_of_them(
    world: World, app_engine: AsyncEngine
) -> None:
    def cut_off(*_: object) -> None:
        raise ConnectionResetError

    event.listen(app_engine.sync_engine, "before_cursor_execute", cut_off)
    outcomes = await asyncio.gather(
        *(receive(world.store, world.tenant, _delivery(f"Ev{n}")) for n in range(3)), return_exceptions=True
    )
    event.remove(app_engine.sync_engine, "before_cursor_execute", cut_off)

    assert [type(one) for one in outcomes] == [DatabaseAway] * 3
    assert await _kept(world) == []
    await receive(world.store, world.tenant, _delivery("Ev3"))
    assert await _kept(world) == ["Ev3"]


async def test_however_many_come_at_once(world: World) -> None:
    names = [f"Ev{n:03}" for n in range(600)]
    await asyncio.gather(*(receive(world.store, world.tenant, _delivery(name)) for name in names))

    assert await _kept(world) == names

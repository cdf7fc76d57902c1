"""Who somebody on a platform is to us after they were welcomed, unlinked, disabled."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from brain.domain.conversation import Identity
from brain.domain.identity import Audience, Role
from brain.usecases.recognise import audience, recognise, welcome
from tests.conftest import World

GUEST = Identity("slack", "T1", "U1", "Gus", guest=True)
AMIRA = Identity("slack", "T1", "U2", "Amira")
COLLEAGUE = Identity("slack", "T1", "U3", "Nils")


async def unlink(world: World, identity: Identity) -> None:
    async with world.store.transaction(world.tenant) as tx:
        await tx.talk.identities.unlink(identity)


async def test_who_is_unlinked_can_be_welcomed_again(world: World) -> None:
    first = await welcome(world.store, world.tenant, GUEST)
    await unlink(world, GUEST)
    again = await welcome(world.store, world.tenant, GUEST)
    assert first is not None
    assert again == first


@pytest.mark.parametrize("has", ["a role", "been disabled"])
async def test_welcoming_takes_nothing_back_that_somebody_decided(world: World, has: str) -> None:
    first = await welcome(world.store, world.tenant, GUEST)
    assert first is not None
    roles = {world.departments["it-ops"].id: frozenset({Role.ADMIN})} if has == "a role" else {}
    disabled_at = None if roles else datetime.now(UTC)
    async with world.store.transaction(world.tenant) as tx:
        await tx.people.save_member(replace(first.member, roles=roles, disabled_at=disabled_at))
    await unlink(world, GUEST)
    assert await welcome(world.store, world.tenant, GUEST) is None
    assert await recognise(world.store, world.tenant, GUEST) is None


async def test_a_welcomed_guest_reads_nothing_of_their_own_and_a_colleague_what_all_may(world: World) -> None:
    guest = await welcome(world.store, world.tenant, GUEST)
    colleague = await welcome(world.store, world.tenant, COLLEAGUE)
    assert guest is not None
    assert colleague is not None
    assert not guest.audience.reads(world.departments["it-ops"])
    assert colleague.audience.reads(world.departments["it-ops"])
    assert not colleague.audience.reads(world.departments["payroll"])


async def test_who_is_disabled_is_an_outsider_among_those_who_read(world: World) -> None:
    member = world.people["amira"].member
    async with world.store.transaction(world.tenant) as tx:
        await tx.talk.identities.link(AMIRA, member.id)
    inside = Audience(world.tenant)
    assert await audience(world.store, world.tenant, [AMIRA, COLLEAGUE], None) == inside
    async with world.store.transaction(world.tenant) as tx:
        await tx.people.save_member(replace(member, disabled_at=datetime.now(UTC)))
    assert await audience(world.store, world.tenant, [COLLEAGUE], None) == inside
    assert (await audience(world.store, world.tenant, [AMIRA, COLLEAGUE], None)).outsiders

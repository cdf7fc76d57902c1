"""What becomes of the copy, and of those who ask, while Weaviate misbehaves."""

import asyncio
from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from brain.adapters.fastembed_embedder import PACKAGED
from brain.adapters.weaviate_connection import Access, require_usable
from brain.adapters.weaviate_index import WeaviateIndex
from brain.adapters.weaviate_replica import ATTEMPTS, Place, WeaviateReplica
from brain.domain.circuit import State
from brain.domain.errors import Missing, Rejected, Unavailable
from brain.usecases.read import documents
from tests.conftest import World
from tests.contract.fake_weaviate import FakeWeaviate, Held
from tests.contract.knowledge_index.replicated import replica_at, replicated, silent, told
from tests.contract.knowledge_index.shelf import Shelf

GATES = "# Gates\n\n" + "".join(f"## Gate {n}\n\nGate {n} opens at {n}:30.\n\n" for n in range(8))
WHEN = "When does gate 7 open?"


@pytest.fixture
async def shelf(world: World, replica: WeaviateReplica) -> Shelf:
    return await replicated(world, replica)


@pytest.fixture
def index(shelf: Shelf) -> WeaviateIndex:
    assert isinstance(shelf.index, WeaviateIndex)
    return shelf.index


@pytest.fixture
def place(shelf: Shelf, index: WeaviateIndex) -> Place:
    return Place(index.replica.collection(PACKAGED), shelf.world.tenant)


def _held(server: FakeWeaviate, place: Place) -> dict[UUID, Held]:
    return server.collections[place.collection].tenants[str(place.tenant)]


async def test_what_is_refused_or_lost_is_sent_again(
    shelf: Shelf, index: WeaviateIndex, server: FakeWeaviate
) -> None:
    server.refused, server.lost = [2, 8, 0], [0, 0, 1]
    await shelf.reads("gates.md", GATES)
    assert server.calls["BatchObjects"] == 4
    assert (await index.compare(shelf.world.tenant, PACKAGED)).agrees


@pytest.mark.parametrize("trouble", ["refused", "lost"])
async def test_what_is_never_taken_is_tried_again_later(
    shelf: Shelf, index: WeaviateIndex, server: FakeWeaviate, trouble: str
) -> None:
    setattr(server, trouble, [3] * ATTEMPTS)
    with pytest.raises(Unavailable, match="did not take 3 of 8 passages"):
        await shelf.reads("gates.md", GATES)
    difference = await index.compare(shelf.world.tenant, PACKAGED)
    assert (difference.passages, len(difference.missing), difference.agrees) == (8, 3, False)
    await shelf.settle()
    assert (await index.compare(shelf.world.tenant, PACKAGED)).agrees


async def test_while_it_is_away_postgresql_finds(world: World, server: FakeWeaviate) -> None:
    """Whether a connection is there or has to be made; once it is back, it is asked again after a while."""
    replica = replica_at(Access(server.url, server.grpc_url, server.key), "127.0.0.1", ask_s=1.0)
    moments = [0.0]
    replica.connection.circuit.clock = lambda: moments[-1]
    shelf = await replicated(world, replica)
    await shelf.reads("gates.md", GATES)
    before = await shelf.finds(WHEN)
    server.away = True
    assert await shelf.finds(WHEN) == before
    assert replica.connection.circuit.reason
    await replica.connection.close()
    assert await shelf.finds(WHEN) == before
    with pytest.raises(Unavailable):
        await shelf.settle()
    assert replica.connection.circuit.state is State.OPEN
    server.away = False
    moments.append(60.0)
    await shelf.settle()
    searches = server.calls["Search"]
    assert await shelf.finds(WHEN) == before
    assert server.calls["Search"] == searches + 2
    await replica.connection.close()


async def test_a_server_that_lost_everything_is_not_asked_until_it_has_it_again(
    shelf: Shelf, index: WeaviateIndex, server: FakeWeaviate
) -> None:
    tenant = shelf.world.tenant
    await shelf.reads("gates.md", GATES)
    before = await shelf.finds(WHEN)
    server.collections.clear()
    assert await shelf.finds(WHEN) == before
    assert not await index.is_whole(tenant, PACKAGED)
    with pytest.raises(Missing):
        await index.compare(tenant, PACKAGED)
    assert await index.rebuild(tenant, PACKAGED, report=silent) == 8
    searches = server.calls["Search"]
    assert await shelf.finds(WHEN) == before
    assert server.calls["Search"] == searches + 2


async def test_a_change_that_finds_nothing_to_change_gives_the_copy_up(
    shelf: Shelf, index: WeaviateIndex, server: FakeWeaviate
) -> None:
    server.collections.clear()
    await shelf.world.reads("gates.md", GATES)
    for source in await told(shelf.world):
        await index.follow(shelf.world.tenant, source)
    assert not await index.is_whole(shelf.world.tenant, PACKAGED)
    assert server.collections == {}


async def test_a_wrong_setting_is_told_and_changes_wait_until_it_is_corrected(
    shelf: Shelf, index: WeaviateIndex, server: FakeWeaviate
) -> None:
    await shelf.world.reads("gates.md", GATES)
    [source] = await told(shelf.world)
    for access, host, setting in (
        (Access(server.url, server.grpc_url, "open"), "127.0.0.1", "EXPERT_WEAVIATE_API_KEY"),
        (Access(server.url, server.grpc_url, server.key), "127.0.0.2", "EXPERT_ALLOW_HOSTS"),
    ):
        wrong = replace(index, replica=replica_at(access, host, prefix=index.replica.prefix))
        with pytest.raises(Unavailable, match=setting):
            await wrong.follow(shelf.world.tenant, source)
        assert setting in wrong.replica.connection.circuit.reason
        [first, *_] = await Shelf(shelf.world, wrong, shelf.settle).finds(WHEN)
        assert "7:30" in first.passage.text
    await index.follow(shelf.world.tenant, source)
    assert (await index.compare(shelf.world.tenant, PACKAGED)).agrees


async def test_an_address_that_nobody_opened_is_not_connected_to(server: FakeWeaviate) -> None:
    for access, setting in (
        (Access(server.url, server.grpc_url), "EXPERT_WEAVIATE_URL"),
        (Access("http://169.254.169.254"), "EXPERT_WEAVIATE_URL"),
    ):
        replica = replica_at(access)
        with pytest.raises(Unavailable, match=f"{setting}.*EXPERT_ALLOW_HOSTS"):
            await replica.version()


@pytest.mark.parametrize(
    ("access", "told"),
    [
        (Access("https://weaviate.example.org/v1"), "EXPERT_WEAVIATE_URL must end with the host"),
        (Access("https://weaviate.example.org", "grpc.example.org:443"), "EXPERT_WEAVIATE_GRPC_URL: "),
        (Access("https://key@weaviate.example.org"), "EXPERT_WEAVIATE_URL: .* user name"),
    ],
)
def test_an_address_that_cannot_work_is_named(access: Access, told: str) -> None:
    with pytest.raises(Rejected, match=told):
        require_usable(access)


async def test_a_collection_of_somebody_elses_is_left_alone(
    world: World, replica: WeaviateReplica, server: FakeWeaviate
) -> None:
    await replicated(world, replica)
    schema = server.collections[replica.collection(PACKAGED)].schema
    schema["multiTenancyConfig"]["enabled"] = False
    schema["shardingConfig"] = {
        "virtualPerPhysical": 128, "desiredCount": 1, "actualCount": 1, "desiredVirtualCount": 128,
        "actualVirtualCount": 128, "key": "_id", "strategy": "hash", "function": "murmur3",
    }  # fmt: skip
    with pytest.raises(Rejected, match="not one that The Expert made"):
        await replicated(world, replica)


async def test_a_collection_that_the_client_does_not_understand_is_a_trouble_of_the_servers(
    world: World, replica: WeaviateReplica, server: FakeWeaviate
) -> None:
    await replicated(world, replica)
    del server.collections[replica.collection(PACKAGED)].schema["replicationConfig"]
    with pytest.raises(Unavailable, match="not answering as it should"):
        await replicated(world, replica)


async def test_nothing_is_told_to_a_copy_that_has_no_place_yet(
    world: World, replica: WeaviateReplica, server: FakeWeaviate
) -> None:
    server.away = True
    with pytest.raises(Unavailable):
        await replicated(world, replica)
    await world.reads("gates.md", GATES)
    assert await told(world) == []


async def test_weaviate_itself_holds_back_what_may_not_be_read(
    shelf: Shelf, index: WeaviateIndex, place: Place
) -> None:
    await shelf.reads("gates.md", GATES)
    await shelf.reads("pay.md", "# Pay\n\nGate pay is 7 euros.\n", department="payroll", by="petra")
    vector = await shelf.vector(WHEN)
    found = {}
    for by in ("amira", "petra"):
        scopes = await index.source.readable(shelf.audience(by), None, replica=place.collection)
        assert scopes is not None
        near = await index.replica.near(place, vector, scopes=scopes, limit=100)
        worded = await index.replica.worded(place, ["gate"], scopes=scopes, limit=100)
        assert set(near) == set(worded)
        found[by] = len(near)
    assert found == {"amira": 8, "petra": 9}


async def test_a_copy_that_is_wrong_shows_nobody_what_they_may_not_read(
    shelf: Shelf, other_world: World, index: WeaviateIndex, server: FakeWeaviate, place: Place
) -> None:
    """In it, everything is everybody's, and another tenant's passages are there, too."""
    await shelf.reads("gates.md", GATES)
    await shelf.reads("pay.md", "# Pay\n\nGate pay is 7 euros.\n", department="payroll", by="petra")
    other = await replicated(other_world, index.replica)
    await other.reads("badges.md", "# Badges\n\nA badge opens gate 7.\n")
    held = _held(server, place)
    held |= _held(server, Place(place.collection, other_world.tenant))
    [scope, *_] = await index.source.readable(shelf.audience("amira"), None, replica=place.collection) or []
    for id_, one in held.items():
        held[id_] = Held(one.properties | {"scope": scope}, one.vectors)
    assert len(held) == 10
    assert await shelf.titles("What does gate 7 pay, and what opens it?") == {"Gates"}


async def test_a_comparison_finds_what_differs_and_a_rebuild_mends_that_alone(
    shelf: Shelf, index: WeaviateIndex, server: FakeWeaviate, place: Place
) -> None:
    tenant = shelf.world.tenant
    await shelf.reads("gates.md", GATES)
    held = _held(server, place)
    gone, other, *_ = sorted(held)
    stray = uuid4()
    held[stray] = held.pop(gone)
    held[other] = Held(held[other].properties | {"mark": "old"}, held[other].vectors)
    difference = await index.compare(tenant, PACKAGED)
    assert difference.missing == {gone, other}
    assert difference.surplus == {stray}
    progress: list[tuple[int, int]] = []
    copied = await index.rebuild(tenant, PACKAGED, report=lambda done, of: progress.append((done, of)))
    assert (copied, progress) == (2, [(2, 8)])
    assert (await index.compare(tenant, PACKAGED)).agrees
    assert stray not in _held(server, place)


async def test_a_rebuild_that_broke_off_goes_on_where_it_was(
    world: World, replica: WeaviateReplica, server: FakeWeaviate
) -> None:
    await world.reads("gates.md", GATES)
    server.refused = [3] * ATTEMPTS
    with pytest.raises(Unavailable):
        await replicated(world, replica)
    server.calls.clear()
    shelf = await replicated(world, replica)
    assert server.calls["BatchObjects"] == 1
    assert isinstance(shelf.index, WeaviateIndex)
    assert (await shelf.index.compare(world.tenant, PACKAGED)).agrees


async def test_changes_are_told_once_a_transaction_to_a_copy_alone(shelf: Shelf, other_world: World) -> None:
    await shelf.world.reads("gates.md", GATES)
    await other_world.reads("gates.md", GATES)
    [document] = await documents(shelf.world.store, shelf.world.people["ravi"])
    assert await told(shelf.world) == [document.id]
    assert await told(other_world) == []
    await shelf.world.reads("gates.md", GATES.replace("7:30", "8:00"))
    assert await told(shelf.world) == [document.id] * 2


async def test_changes_that_are_copied_at_once_end_as_postgresql_is(
    shelf: Shelf, index: WeaviateIndex
) -> None:
    world = shelf.world
    for hour in range(3):
        await world.reads("gates.md", GATES.replace(":30", f":{hour}5"))
    [source, *_] = await told(world)
    await asyncio.gather(*(index.follow(world.tenant, source) for _ in range(4)))
    assert (await index.compare(world.tenant, PACKAGED)).agrees


async def test_another_embedder_has_a_copy_of_its_own(
    shelf: Shelf, other_world: World, index: WeaviateIndex, server: FakeWeaviate
) -> None:
    """Former collections go with their last tenant."""
    await replicated(other_world, index.replica)
    await shelf.reads("gates.md", GATES)
    former, tenant = index.replica.collection(PACKAGED), shelf.world.tenant
    await index.rebuild(tenant, "another", report=silent)
    await index.source.end(tenant, former)  # as one who was still looking for it there
    assert await index.is_whole(tenant, "another")
    following = index.replica.collection("another")
    assert set(server.collections[former].tenants) == {str(other_world.tenant)}
    assert set(server.collections[following].tenants) == {str(tenant)}
    assert "7:30" in (await shelf.finds(WHEN))[0].passage.text
    await index.rebuild(other_world.tenant, "another", report=silent)
    assert set(server.collections) == {following}
    # The embedder in force is still the first one: what changes now is told to nobody who keeps this copy.
    await index.follow(tenant, uuid4())
    assert not await index.is_whole(tenant, "another")

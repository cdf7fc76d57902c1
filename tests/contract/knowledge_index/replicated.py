"""Shelves whose index is Weaviate, a stand-in or a real one, and the suite for them."""

import asyncio
import random
import time
from collections.abc import Iterator
from functools import partial
from uuid import UUID

import pytest
from sqlalchemy import text

from brain.adapters.addresses import AllowedHosts
from brain.adapters.outbound import Gate
from brain.adapters.postgres.index import PostgresIndex
from brain.adapters.postgres.replica import ReplicaSource
from brain.adapters.weaviate_connection import Access, WeaviateConnection
from brain.adapters.weaviate_index import WeaviateIndex
from brain.adapters.weaviate_replica import Place, WeaviateReplica
from brain.domain.circuit import Circuit
from brain.ports import TextKind
from tests.conftest import World
from tests.contract.knowledge_index.shelf import Shelf
from tests.contract.knowledge_index.suite import KnowledgeIndexSuite


def silent(_done: int, _of: int) -> None:
    """Nobody is watching."""


def replica_at(
    access: Access, *hosts: str, prefix: str = "ExpertTest", ask_s: float = 30.0
) -> WeaviateReplica:
    circuit = Circuit("Weaviate", clock=time.monotonic, jitter=random.Random(7).random)
    return WeaviateReplica(
        WeaviateConnection(access, Gate(AllowedHosts.parse(hosts)), circuit),
        prefix=prefix,
        pause_s=0.01,
        ask_s=ask_s,
    )


async def replicated(world: World, replica: WeaviateReplica) -> Shelf:
    """With a whole copy of the nothing that is known yet."""
    engine = world.store.engine
    index = WeaviateIndex(PostgresIndex(engine), ReplicaSource(engine), replica)
    await index.rebuild(world.tenant, world.ask.embedder.name, report=silent)
    return Shelf(world, index, partial(settle, world, index))


async def settle(world: World, index: WeaviateIndex) -> None:
    """As the worker does with what it is told; then until Weaviate finds all that it holds."""
    for source in dict.fromkeys(await told(world)):
        await index.follow(world.tenant, source)
    place = Place(index.replica.collection(world.ask.embedder.name), world.tenant)
    [vector] = await world.ask.embedder.embed(["anything"], kind=TextKind.QUESTION)
    async with world.store.transaction(world.tenant) as tx:
        scopes = (await tx.connection.execute(text("SELECT id FROM scope"))).scalars().all()
    async with asyncio.timeout(60):
        held = await index.replica.count(place)
        while held > len(await index.replica.near(place, vector, scopes=scopes, limit=10_000)):  # noqa: ASYNC110  # found is all that tells
            await asyncio.sleep(0.1)


async def told(world: World) -> list[UUID]:
    """The documents and articles whose changes were told, as often as they were."""
    async with world.store.transaction(world.tenant) as tx:
        rows = await tx.connection.execute(
            text("SELECT payload->>'source' FROM outbox WHERE name = 'PassagesChanged' ORDER BY position")
        )
        return list(map(UUID, rows.scalars().all()))


class ReplicatedSuite(KnowledgeIndexSuite):
    """Of the `replica` that whoever inherits it has."""

    @pytest.fixture
    async def shelf(self, world: World, replica: WeaviateReplica) -> Shelf:
        return await replicated(world, replica)

    @pytest.fixture
    async def other_shelf(self, other_world: World, replica: WeaviateReplica) -> Shelf:
        return await replicated(other_world, replica)

    @pytest.fixture(autouse=True)
    def asked(self, shelf: Shelf, replica: WeaviateReplica) -> Iterator[None]:
        """Nothing went wrong there, so that nothing stood in for it."""
        yield
        assert replica.connection.circuit.reason == ""

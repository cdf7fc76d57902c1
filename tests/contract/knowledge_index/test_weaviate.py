"""Weaviate as the knowledge index, against a stand-in that speaks its REST and gRPC."""

from collections.abc import AsyncIterator, Iterator

import pytest

from brain.adapters.weaviate_connection import Access
from brain.adapters.weaviate_index import WeaviateIndex
from brain.adapters.weaviate_replica import WeaviateReplica
from tests.conftest import World
from tests.contract.fake_weaviate import FakeWeaviate, fake_weaviate
from tests.contract.knowledge_index.replicated import replica_at, replicated
from tests.contract.knowledge_index.shelf import Shelf
from tests.contract.knowledge_index.suite import KnowledgeIndexSuite


@pytest.fixture
async def server() -> AsyncIterator[FakeWeaviate]:
    async with fake_weaviate(FakeWeaviate(key="sesame")) as running:
        yield running


@pytest.fixture
async def replica(server: FakeWeaviate) -> AsyncIterator[WeaviateReplica]:
    replica = replica_at(Access(server.url, server.grpc_url, server.key), "127.0.0.1")
    yield replica
    await replica.connection.close()


@pytest.fixture
async def shelf(world: World, replica: WeaviateReplica) -> Shelf:
    return await replicated(world, replica)


@pytest.fixture
async def other_shelf(other_world: World, replica: WeaviateReplica) -> Shelf:
    return await replicated(other_world, replica)


class TestWeaviate(KnowledgeIndexSuite):
    @pytest.fixture(autouse=True)
    def asked(self, server: FakeWeaviate, shelf: Shelf) -> Iterator[None]:
        """It was Weaviate that was asked, and not what stands in for it."""
        yield
        assert isinstance(shelf.index, WeaviateIndex)
        assert server.calls["Search"] > 0
        assert shelf.index.replica.connection.circuit.reason == ""

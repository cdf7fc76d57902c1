"""A stand-in of Weaviate, and the connection to it."""

from collections.abc import AsyncIterator

import pytest

from brain.adapters.weaviate_connection import Access
from brain.adapters.weaviate_replica import WeaviateReplica
from tests.contract.fake_weaviate import FakeWeaviate, fake_weaviate
from tests.contract.knowledge_index.replicated import replica_at


@pytest.fixture
async def server() -> AsyncIterator[FakeWeaviate]:
    async with fake_weaviate(FakeWeaviate(key="sesame")) as running:
        yield running


@pytest.fixture
async def replica(server: FakeWeaviate) -> AsyncIterator[WeaviateReplica]:
    replica = replica_at(Access(server.url, server.grpc_url, server.key), "127.0.0.1")
    yield replica
    await replica.connection.close()

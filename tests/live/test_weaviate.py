"""The whole suite of the knowledge index against a real Weaviate. Opt in:

    EXPERT_WEAVIATE_URL=http://127.0.0.1:8080 python -m pytest tests/live

EXPERT_WEAVIATE_GRPC_URL and EXPERT_WEAVIATE_API_KEY are read, too. Its collections begin with ExpertLive and
go at the end of each test; nothing else there is touched.
"""

import os
from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest

from brain.adapters.fastembed_embedder import PACKAGED
from brain.adapters.weaviate_connection import Access
from brain.adapters.weaviate_index import WeaviateIndex
from brain.adapters.weaviate_replica import Place, WeaviateReplica
from tests.conftest import World
from tests.contract.knowledge_index.replicated import ReplicatedSuite, replica_at, silent
from tests.contract.knowledge_index.shelf import Shelf
from tests.contract.knowledge_index.suite import VPN

ACCESS = Access(
    os.environ.get("EXPERT_WEAVIATE_URL", ""),
    os.environ.get("EXPERT_WEAVIATE_GRPC_URL") or None,
    os.environ.get("EXPERT_WEAVIATE_API_KEY") or None,
)
WHICH = "Which port does the VPN use?"


@pytest.fixture
async def replica(world: World, other_world: World) -> AsyncIterator[WeaviateReplica]:
    hosts = {httpx.URL(url).host for url in (ACCESS.url, ACCESS.grpc_url) if url}
    replica = replica_at(ACCESS, *hosts, prefix=f"ExpertLive{uuid4().hex[:8]}")
    yield replica
    for one in (world, other_world):
        await replica.clear(one.tenant, but="")
    await replica.connection.close()


class TestLiveWeaviate(ReplicatedSuite):
    async def test_both_of_its_rankings_find_what_may_be_read(self, shelf: Shelf) -> None:
        index = shelf.index
        assert isinstance(index, WeaviateIndex)
        await shelf.reads("vpn.md", VPN)
        place = Place(index.replica.collection(PACKAGED), shelf.world.tenant)
        scopes = await index.source.readable(shelf.audience("amira"), None, replica=place.collection)
        assert scopes
        vector = await shelf.vector(WHICH)
        assert len(await index.replica.near(place, vector, scopes=scopes, limit=10)) == 2
        assert len(await index.replica.worded(place, ["51820"], scopes=scopes, limit=10)) == 1
        assert await index.replica.near(place, vector, scopes=[2**40], limit=10) == []
        assert await index.replica.worded(place, ["51820"], scopes=[2**40], limit=10) == []
        assert (await index.compare(shelf.world.tenant, PACKAGED)).agrees

    async def test_a_copy_that_was_removed_is_made_again(self, shelf: Shelf) -> None:
        index = shelf.index
        assert isinstance(index, WeaviateIndex)
        await shelf.reads("vpn.md", VPN)
        before = await shelf.finds(WHICH)
        await index.replica.clear(shelf.world.tenant, but="")
        assert await shelf.finds(WHICH) == before
        assert not await index.is_whole(shelf.world.tenant, PACKAGED)
        assert await index.rebuild(shelf.world.tenant, PACKAGED, report=silent) == 2
        await shelf.settle()
        assert await shelf.finds(WHICH) == before

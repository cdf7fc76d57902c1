"""The copy of passages in Weaviate: its collections, what is written to them, and what they find.

It holds no text: what a passage says is read in PostgreSQL. The client's classes are imported where there
is a connection already, which has loaded them in a thread.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from brain.adapters.postgres.replica import Entry
from brain.adapters.weaviate_connection import LONGEST_S, WeaviateConnection
from brain.domain.errors import Rejected, Unavailable
from brain.domain.identity import TenantId
from brain.domain.knowledge import PassageId, Vector
from brain.domain.ranking import K1, B

if TYPE_CHECKING:
    from weaviate import WeaviateAsyncClient
    from weaviate.collections import CollectionAsync

    _Held = CollectionAsync[Mapping[str, Any], None]

# Grows with what an object holds: each version has collections of its own, filled before they are asked.
SCHEMA = 1
PREFIX = "ExpertPassages"
WHOLE = "whole"

# A question does not wait longer for an index that has a stand-in.
ASK_S = 2.0
BATCH = 200
# How often what was not taken is sent again.
ATTEMPTS = 4
# What a query returns at most, unless the server's QUERY_MAXIMUM_RESULTS says otherwise.
MOST = 10_000


@dataclass(frozen=True, slots=True)
class Place:
    """A tenant's part of a collection."""

    collection: str
    tenant: TenantId


@dataclass(frozen=True, slots=True)
class WeaviateReplica:
    connection: WeaviateConnection
    prefix: str = PREFIX
    pause_s: float = 0.5
    ask_s: float = ASK_S

    def collection(self, embedder: str) -> str:
        """One for each embedder, as its vectors compare with no others, and each version of what is held."""
        return f"{self.prefix}{SCHEMA}_{hashlib.sha256(embedder.encode()).hexdigest()[:16]}"

    async def near(
        self, place: Place, vector: Vector, *, scopes: Sequence[int], limit: int
    ) -> list[PassageId]:
        """The nearest first."""
        async with self.connection.asking(self.ask_s) as client:
            from weaviate.classes.query import Filter

            # https://docs.weaviate.io/weaviate/search/similarity#search-with-a-vector
            found = await _held(client, place).query.near_vector(
                near_vector=list(vector),
                target_vector=WHOLE,
                filters=Filter.by_property("scope").contains_any(list(scopes)),
                limit=limit,
                return_properties=False,
            )
        return [PassageId(UUID(int=one.uuid.int)) for one in found.objects]

    async def worded(
        self, place: Place, terms: Sequence[str], *, scopes: Sequence[int], limit: int
    ) -> list[PassageId]:
        """Those with the best words first; `terms` as they are indexed."""
        if not terms:
            return []
        async with self.connection.asking(self.ask_s) as client:
            from weaviate.classes.query import Filter

            # https://docs.weaviate.io/weaviate/search/bm25
            found = await _held(client, place).query.bm25(
                query=" ".join(terms),
                query_properties=["terms"],
                filters=Filter.by_property("scope").contains_any(list(scopes)),
                limit=limit,
                return_properties=False,
            )
        return [PassageId(UUID(int=one.uuid.int)) for one in found.objects]

    async def open(self, place: Place) -> None:
        """Make what is missing of the collection and the tenant's part of it."""
        async with self.connection.asking(LONGEST_S) as client:
            if not await client.collections.exists(place.collection):
                await _create(client, place.collection)
            collection = client.collections.use(place.collection)
            config = await collection.config.get()
            if not config.multi_tenancy_config.enabled or WHOLE not in (config.vector_config or {}):
                raise Rejected(
                    f"The collection {place.collection} in Weaviate is not one that The Expert made."
                    " Delete it there, then: expert reindex."
                )
            if not await collection.tenants.exists(str(place.tenant)):
                await collection.tenants.create(str(place.tenant))

    async def clear(self, tenant: TenantId, *, but: str) -> list[str]:
        """Remove the tenant from every other collection of ours, and those that are empty then."""
        left = []
        async with self.connection.asking(LONGEST_S) as client:
            for name in await client.collections.list_all():
                if name == but or not name.startswith(self.prefix):
                    continue
                tenants = client.collections.use(name).tenants
                if await tenants.exists(str(tenant)):
                    await tenants.remove(str(tenant))
                if not await tenants.get():
                    await client.collections.delete(name)
                left.append(name)
        return left

    async def marks(self, place: Place, *, source: UUID) -> dict[PassageId, str]:
        """What is held of one document or article. Raises `Missing` where the place is not there."""
        async with self.connection.asking(LONGEST_S) as client:
            from weaviate.classes.query import Filter

            found = await _held(client, place).query.fetch_objects(
                filters=Filter.by_property("source").equal(source), limit=MOST, return_properties=["mark"]
            )
        if len(found.objects) == MOST:
            return {id_: mark async for id_, of, mark in self.everything(place) if of == source}
        return {PassageId(UUID(int=one.uuid.int)): str(one.properties["mark"]) for one in found.objects}

    async def everything(self, place: Place) -> AsyncIterator[tuple[PassageId, UUID, str]]:
        """Each passage with its source and mark. Raises `Missing` where the place is not there."""
        after: UUID | None = None
        while True:
            async with self.connection.asking(LONGEST_S) as client:
                # https://docs.weaviate.io/weaviate/manage-collections/cursor-api
                found = await _held(client, place).query.fetch_objects(
                    limit=1_000, after=after, return_properties=["mark", "source"]
                )
            for one in found.objects:
                after = UUID(int=one.uuid.int)
                yield PassageId(after), UUID(str(one.properties["source"])), str(one.properties["mark"])
            if not found.objects:
                return

    async def count(self, place: Place) -> int:
        """Raises `Missing` where the place is not there."""
        async with self.connection.asking(LONGEST_S) as client:
            counted = await _held(client, place).aggregate.over_all(total_count=True)
        return counted.total_count or 0

    async def write(self, place: Place, entries: Sequence[Entry]) -> None:
        """Insert or replace; read back, and what is not there as it was sent is sent again.

        Raises `Unavailable` where some of it is never taken.
        """
        for start in range(0, len(entries), BATCH):
            await self._write(place, entries[start : start + BATCH])

    async def _write(self, place: Place, entries: Sequence[Entry]) -> None:
        waiting = list(entries)
        for attempt in range(ATTEMPTS):
            if attempt:
                await asyncio.sleep(self.pause_s * 2 ** (attempt - 1))
            reason = await self._send(place, waiting)
            held = await self._held_marks(place, [one.id for one in waiting])
            waiting = [one for one in waiting if held.get(one.id) != one.mark]
            if not waiting:
                return
        raise Unavailable(
            f"Weaviate did not take {len(waiting)} of {len(entries)} passages"
            f"{f': {reason[:200]}' if reason else ', though it said that it did'}."
        )

    async def _send(self, place: Place, entries: Sequence[Entry]) -> str:
        """Returns why some of them were refused; empty where none was."""
        async with self.connection.asking(LONGEST_S) as client:
            from weaviate.classes.data import DataObject
            from weaviate.exceptions import WeaviateInsertManyAllFailedError

            objects = [
                DataObject(
                    uuid=one.id,
                    properties={
                        "terms": one.terms,
                        "scope": one.scope,
                        "source": one.source,
                        "mark": one.mark,
                    },
                    vector={WHOLE: list(one.vector)},
                )
                for one in entries
            ]
            try:
                # https://docs.weaviate.io/weaviate/manage-objects/import
                done = await _held(client, place).data.insert_many(objects)
            except WeaviateInsertManyAllFailedError as error:
                return str(error)
        return next((one.message for one in done.errors.values()), "")

    async def _held_marks(self, place: Place, passages: Sequence[PassageId]) -> dict[PassageId, str]:
        async with self.connection.asking(LONGEST_S) as client:
            found = await _held(client, place).query.fetch_objects_by_ids(
                list(passages), limit=len(passages), return_properties=["mark"]
            )
        return {PassageId(UUID(int=one.uuid.int)): str(one.properties["mark"]) for one in found.objects}

    async def remove(self, place: Place, passages: Sequence[PassageId]) -> None:
        """Those that are not there are ignored."""
        for start in range(0, len(passages), BATCH):
            some = list(passages[start : start + BATCH])
            async with self.connection.asking(LONGEST_S) as client:
                from weaviate.classes.query import Filter

                # https://docs.weaviate.io/weaviate/manage-objects/delete#delete-multiple-objects
                done = await _held(client, place).data.delete_many(where=Filter.by_id().contains_any(some))
            if done.failed:
                raise Unavailable(f"Weaviate did not remove {done.failed} of {done.matches} passages.")

    async def version(self) -> str:
        async with self.connection.asking(LONGEST_S) as client:
            return str((await client.get_meta())["version"])


def _held(client: "WeaviateAsyncClient", place: Place) -> "_Held":
    return client.collections.use(place.collection).with_tenant(str(place.tenant))


async def _create(client: "WeaviateAsyncClient", name: str) -> None:
    """https://docs.weaviate.io/weaviate/config-refs/collections"""
    from weaviate.classes.config import (
        Configure,
        DataType,
        Property,
        StopwordsPreset,
        Tokenization,
        VectorDistances,
    )

    await client.collections.create(
        name,
        description="The Expert's passages, to be found; PostgreSQL has what they say.",
        vector_config=Configure.Vectors.self_provided(
            name=WHOLE,
            vector_index_config=Configure.VectorIndex.hnsw(distance_metric=VectorDistances.COSINE),
        ),
        multi_tenancy_config=Configure.multi_tenancy(
            enabled=True, auto_tenant_creation=False, auto_tenant_activation=True
        ),
        inverted_index_config=Configure.inverted_index(
            bm25_b=B, bm25_k1=K1, stopwords_preset=StopwordsPreset.NONE
        ),
        properties=[
            # Our own terms with blanks between: whatever counts words there counts the same ones.
            Property(
                name="terms",
                data_type=DataType.TEXT,
                tokenization=Tokenization.WHITESPACE,
                index_searchable=True,
                index_filterable=False,
            ),
            Property(name="scope", data_type=DataType.INT, index_filterable=True),
            Property(name="source", data_type=DataType.UUID, index_filterable=True),
            Property(
                name="mark",
                data_type=DataType.TEXT,
                tokenization=Tokenization.FIELD,
                index_searchable=False,
                index_filterable=False,
            ),
        ],
    )

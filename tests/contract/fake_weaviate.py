"""A server that speaks Weaviate's REST and gRPC with the client's own protobufs, and fails as a test asks.

It holds everything in memory and finds by looking at all of it. What it refuses, it refuses in the words of a
real server; what the adapter does not use, it does not know.
"""

import asyncio
import math
import struct
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import grpc
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState
from weaviate.proto.v1 import (
    aggregate_pb2,
    base_pb2,
    batch_delete_pb2,
    batch_pb2,
    properties_pb2,
    search_get_pb2,
    tenants_pb2,
    weaviate_pb2_grpc,
)

from brain.domain.ranking import rarity

_MOST = 10_000


@dataclass(frozen=True, slots=True)
class Held:
    properties: dict[str, Any]
    vectors: dict[str, tuple[float, ...]]


@dataclass(slots=True)
class Collection:
    schema: dict[str, Any]
    tenants: dict[str, dict[UUID, Held]] = field(default_factory=dict)

    def type_of(self, name: str) -> str:
        return next(str(one["dataType"][0]) for one in self.schema["properties"] if one["name"] == name)


@dataclass(slots=True)
class FakeWeaviate:
    """`refused` and `lost`: how many objects of the next batches are refused, or acknowledged and not kept.

    `away`: every call is answered 503, or UNAVAILABLE. `calls` counts the gRPC calls by name.
    """

    key: str = ""
    refused: list[int] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)
    away: bool = False
    collections: dict[str, Collection] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    url: str = ""
    grpc_url: str = ""


class _Refusal(Exception):
    """With the words of a real server."""


@dataclass(frozen=True, slots=True)
class _Rest:
    fake: FakeWeaviate

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/v1/meta", self._guarded(self._meta)),
                Route("/v1/schema", self._guarded(self._classes), methods=["GET", "POST"]),
                Route("/v1/schema/{name}", self._guarded(self._class), methods=["GET", "DELETE"]),
                Route("/v1/schema/{name}/tenants", self._guarded(self._tenants), methods=["POST", "DELETE"]),
                Route("/v1/schema/{name}/tenants/{tenant}", self._guarded(self._tenant), methods=["HEAD"]),
            ]
        )

    def _guarded(self, answer: Callable[[Request], Awaitable[Response]]) -> Any:
        async def guard(request: Request) -> Response:
            if self.fake.away:
                return Response(status_code=503)
            if self.fake.key and request.headers.get("authorization") != f"Bearer {self.fake.key}":
                return JSONResponse({"code": 401, "message": "unauthorized: invalid api key"}, 401)
            return await answer(request)

        return guard

    async def _meta(self, _: Request) -> Response:
        return JSONResponse({"hostname": "http://[::]:8080", "modules": {}, "version": "1.37.2"})

    async def _classes(self, request: Request) -> Response:
        if request.method == "GET":
            return JSONResponse({"classes": [one.schema for one in self.fake.collections.values()]})
        asked = await request.json()
        if asked["class"] in self.fake.collections:
            return _refused(f"class name {asked['class']} already exists")
        made = self.fake.collections[asked["class"]] = Collection(_with_defaults(asked))
        return JSONResponse(made.schema)

    async def _class(self, request: Request) -> Response:
        name = request.path_params["name"]
        if request.method == "DELETE":
            self.fake.collections.pop(name, None)
            return Response(status_code=200)
        found = self.fake.collections.get(name)
        return JSONResponse(found.schema) if found else Response(status_code=404)

    async def _tenants(self, request: Request) -> Response:
        found = self.fake.collections.get(request.path_params["name"])
        if found is None:
            return Response(status_code=404)
        if not found.schema["multiTenancyConfig"]["enabled"]:
            return _refused("multi-tenancy is not enabled")
        for one in await request.json():
            if request.method == "DELETE":
                found.tenants.pop(one, None)
            else:
                assert one["name"] not in found.tenants, "made once"
                found.tenants[one["name"]] = {}
        return JSONResponse([])

    async def _tenant(self, request: Request) -> Response:
        found = self.fake.collections.get(request.path_params["name"])
        there = found is not None and request.path_params["tenant"] in found.tenants
        return Response(status_code=200 if there else 404)


def _refused(message: str) -> JSONResponse:
    return JSONResponse({"error": [{"message": message}]}, 422)


def _with_defaults(asked: dict[str, Any]) -> dict[str, Any]:
    """As a server gives it back: https://docs.weaviate.io/weaviate/config-refs/collections"""
    known = {"text", "int", "uuid"}
    for one in asked["properties"]:
        assert set(one["dataType"]) <= known, one
        one.setdefault("indexFilterable", True)
        one.setdefault("indexSearchable", one["dataType"] == ["text"])
        one.setdefault("indexRangeFilters", False)
    inverted = asked["invertedIndexConfig"]
    inverted.setdefault("cleanupIntervalSeconds", 60)
    inverted["stopwords"] |= {"additions": None, "removals": None}
    for vector in asked["vectorConfig"].values():
        assert vector["vectorIndexType"] == "hnsw", vector
        vector["vectorIndexConfig"] = {
            "skip": False, "cleanupIntervalSeconds": 300, "maxConnections": 32, "efConstruction": 128,
            "ef": -1, "dynamicEfMin": 100, "dynamicEfMax": 500, "dynamicEfFactor": 8,
            "vectorCacheMaxObjects": 10**12, "flatSearchCutoff": 40_000, "distance": "cosine",
            "pq": {"enabled": False}, "bq": {"enabled": False}, "sq": {"enabled": False},
            "filterStrategy": "acorn", "multivector": {"enabled": False},
        } | vector["vectorIndexConfig"]  # fmt: skip
    return {"replicationConfig": {"factor": 1, "asyncEnabled": False}, "description": ""} | asked


class _Servicer(weaviate_pb2_grpc.WeaviateServicer):
    def __init__(self, fake: FakeWeaviate) -> None:
        self._fake = fake

    async def Search(self, request: Any, context: Any) -> Any:  # noqa: N802  # their name
        async with self._call("Search", context):
            held = self._held(request.collection, request.tenant)
            collection = self._fake.collections[request.collection]
            if request.after and request.HasField("filters"):
                raise _Refusal("cursor api: invalid 'after' parameter: filters can't be set")
            fitting = sorted(
                (id_, one)
                for id_, one in held.items()
                if not request.HasField("filters") or _fits(collection, id_, one, request.filters)
            )
            if request.HasField("near_vector"):
                ranked = _nearest(fitting, request.near_vector)
            elif request.HasField("bm25_search"):
                ranked = _best_worded(collection, held, fitting, request.bm25_search)
            else:
                ranked = [one for one in fitting if not request.after or one[0] > UUID(request.after)]
            limit = min(request.limit or 10, _MOST)
            return search_get_pb2.SearchReply(
                results=[_result(request, collection, id_, one) for id_, one in ranked[:limit]]
            )

    async def BatchObjects(self, request: Any, context: Any) -> Any:  # noqa: N802  # their name
        async with self._call("BatchObjects", context):
            errors = {}
            refused = self._fake.refused.pop(0) if self._fake.refused else 0
            lost = self._fake.lost.pop(0) if self._fake.lost else 0
            for index, one in enumerate(request.objects):
                try:
                    if index < refused:
                        raise _Refusal("store is read-only due to low disk space")
                    held = self._held(one.collection, one.tenant)
                    new = _object(self._fake.collections[one.collection], held, one)
                    if index >= len(request.objects) - lost:
                        continue
                    held[UUID(one.uuid)] = new
                except _Refusal as error:
                    errors[index] = str(error)
            return batch_pb2.BatchObjectsReply(
                errors=[
                    batch_pb2.BatchObjectsReply.BatchError(index=index, error=error)
                    for index, error in errors.items()
                ]
            )

    async def BatchDelete(self, request: Any, context: Any) -> Any:  # noqa: N802  # their name
        async with self._call("BatchDelete", context):
            held = self._held(request.collection, request.tenant)
            collection = self._fake.collections[request.collection]
            gone = [id_ for id_, one in held.items() if _fits(collection, id_, one, request.filters)]
            for id_ in gone:
                del held[id_]
            return batch_delete_pb2.BatchDeleteReply(matches=len(gone), successful=len(gone))

    async def TenantsGet(self, request: Any, context: Any) -> Any:  # noqa: N802  # their name
        async with self._call("TenantsGet", context):
            if request.collection not in self._fake.collections:
                raise _Refusal(f"could not find class {request.collection} in schema")
            names = set(request.names.values)
            return tenants_pb2.TenantsGetReply(
                tenants=[
                    tenants_pb2.Tenant(name=one, activity_status=tenants_pb2.TENANT_ACTIVITY_STATUS_HOT)
                    for one in self._fake.collections[request.collection].tenants
                    if not request.HasField("names") or one in names
                ]
            )

    async def Aggregate(self, request: Any, context: Any) -> Any:  # noqa: N802  # their name
        async with self._call("Aggregate", context):
            count = len(self._held(request.collection, request.tenant))
            return aggregate_pb2.AggregateReply(
                single_result=aggregate_pb2.AggregateReply.Single(objects_count=count)
            )

    @asynccontextmanager
    async def _call(self, name: str, context: Any) -> AsyncIterator[None]:
        self._fake.calls[name] += 1
        if self._fake.away:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the node is shutting down")
        keys = dict(context.invocation_metadata())
        if self._fake.key and keys.get("authorization") != f"Bearer {self._fake.key}":
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "unauthorized: invalid api key")
        try:
            yield
        except _Refusal as error:
            # What a handler of theirs returns comes without a code: https://pkg.go.dev/google.golang.org/grpc
            await context.abort(grpc.StatusCode.UNKNOWN, str(error))

    def _held(self, collection: str, tenant: str) -> dict[UUID, Held]:
        if (found := self._fake.collections.get(collection)) is None:
            raise _Refusal(f"could not find class {collection} in schema")
        if tenant not in found.tenants:
            raise _Refusal(f'tenant not found: "{tenant}"')
        return found.tenants[tenant]


def _object(collection: Collection, others: dict[UUID, Held], sent: Any) -> Held:
    names = {one["name"]: one["dataType"][0] for one in collection.schema["properties"]}
    properties: dict[str, Any] = {}
    for name, value in sent.properties.non_ref_properties.fields.items():
        kind = value.WhichOneof("kind")
        if (names.get(name), kind) not in {
            ("text", "string_value"),
            ("uuid", "string_value"),
            ("int", "number_value"),
        }:
            raise _Refusal(f"invalid {names.get(name)} property '{name}' on class: {kind}")
        plain = getattr(value, kind)
        properties[name] = int(plain) if kind == "number_value" else plain
    vectors = {one.name: _floats(one.vector_bytes) for one in sent.vectors}
    if set(vectors) != set(collection.schema["vectorConfig"]):
        raise _Refusal(f"collection {collection.schema['class']} has vectors {set(vectors)}")
    for other in list(others.values())[:1]:
        for name, vector in vectors.items():
            if len(vector) != len(other.vectors[name]):
                raise _Refusal(
                    f"new node has a vector with length {len(vector)}. Existing nodes have vectors with"
                    f" length {len(other.vectors[name])}"
                )
    return Held(properties, vectors)


def _floats(packed: bytes) -> tuple[float, ...]:
    return struct.unpack(f"<{len(packed) // 4}f", packed)


def _fits(collection: Collection, id_: UUID, one: Held, asked: Any) -> bool:
    operators = base_pb2.Filters
    if asked.operator in {operators.OPERATOR_OR, operators.OPERATOR_AND}:
        each = [_fits(collection, id_, one, inner) for inner in asked.filters]
        return any(each) if asked.operator == operators.OPERATOR_OR else all(each)
    name = asked.target.property
    kind = "uuid" if name == "_id" else collection.type_of(name)
    wanted = _wanted(asked, kind)
    value = str(id_) if name == "_id" else one.properties.get(name)
    indexed = name == "_id" or next(
        own["indexFilterable"] for own in collection.schema["properties"] if own["name"] == name
    )
    if not indexed:
        raise _Refusal(f"Filtering by property '{name}' requires inverted index. Is `indexFilterable` set?")
    return value in wanted


def _wanted(asked: Any, kind: str) -> Sequence[Any]:
    fields = {
        ("int", base_pb2.Filters.OPERATOR_EQUAL): "value_int",
        ("int", base_pb2.Filters.OPERATOR_CONTAINS_ANY): "value_int_array",
        ("uuid", base_pb2.Filters.OPERATOR_EQUAL): "value_text",
        ("uuid", base_pb2.Filters.OPERATOR_CONTAINS_ANY): "value_text_array",
    }
    name = asked.WhichOneof("test_value")
    if fields.get((kind, asked.operator)) != name:
        raise _Refusal(f'data type filter cannot use "{name}" on type "{kind}"')
    value = getattr(asked, name)
    return value.values if name.endswith("_array") else [value]


def _nearest(fitting: Iterable[tuple[UUID, Held]], asked: Any) -> list[tuple[UUID, Held]]:
    [target] = asked.targets.target_vectors
    [own] = asked.vectors or [one for many in asked.vector_for_targets for one in many.vectors]
    question = _floats(own.vector_bytes)

    def distance(one: Held) -> float:
        vector = one.vectors[target]
        if len(vector) != len(question):
            raise _Refusal(f"vector lengths don't match: {len(vector)} vs {len(question)}")
        dot = sum(a * b for a, b in zip(vector, question, strict=True))
        return float(1 - dot / (math.hypot(*vector) * math.hypot(*question)))

    return sorted(fitting, key=lambda one: distance(one[1]))


def _best_worded(
    collection: Collection, held: dict[UUID, Held], fitting: Iterable[tuple[UUID, Held]], asked: Any
) -> list[tuple[UUID, Held]]:
    """BM25 as theirs: a word's rarity is counted in all of the tenant's objects, whatever the filter."""
    [name] = asked.properties
    [own] = [one for one in collection.schema["properties"] if one["name"] == name]
    if not own["indexSearchable"]:
        raise _Refusal(f"Searching by property '{name}' requires inverted index.")
    assert own["tokenization"] == "whitespace", "the only one that this stand-in knows"
    assert collection.schema["invertedIndexConfig"]["stopwords"]["preset"] == "none"
    config = collection.schema["invertedIndexConfig"]["bm25"]
    counts = {id_: Counter(one.properties[name].split()) for id_, one in held.items()}
    mean = sum(one.total() for one in counts.values()) / max(len(counts), 1)
    weights = {
        term: rarity(sum(term in one for one in counts.values()), len(counts)) for term in asked.query.split()
    }

    def score(id_: UUID) -> float:
        own_counts = counts[id_]
        norm = config["k1"] * (1 - config["b"] + config["b"] * own_counts.total() / mean)
        each = (weight * own_counts[term] / (own_counts[term] + norm) for term, weight in weights.items())
        return float(sum(each))

    scored = [(score(id_), id_, one) for id_, one in fitting]
    best = sorted((one for one in scored if one[0] > 0), key=lambda one: (-one[0], one[1]))
    return [(id_, one) for _, id_, one in best]


def _result(request: Any, collection: Collection, id_: UUID, one: Held) -> Any:
    asked = request.properties
    assert not asked.return_all_nonref_properties, "all properties are more than anybody needs"
    fields = {}
    for name in asked.non_ref_properties:
        value = one.properties[name]
        kind = collection.type_of(name)
        fields[name] = properties_pb2.Value(**{f"{kind}_value": value})
    return search_get_pb2.SearchResult(
        properties=search_get_pb2.PropertiesResult(non_ref_props=properties_pb2.Properties(fields=fields)),
        metadata=search_get_pb2.MetadataResult(id=str(id_), id_as_bytes=id_.bytes),
    )


@asynccontextmanager
async def fake_weaviate(fake: FakeWeaviate) -> AsyncIterator[FakeWeaviate]:
    server = grpc.aio.server()
    weaviate_pb2_grpc.add_WeaviateServicer_to_server(_Servicer(fake), server)  # type: ignore[no-untyped-call]  # generated without types
    grpc_port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    config = uvicorn.Config(_Rest(fake).app(), port=0, lifespan="off", log_config=None, loop="asyncio")
    config.load()
    state = ServerState()
    rest = await asyncio.get_running_loop().create_server(
        lambda: H11Protocol(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    async with rest:
        port = rest.sockets[0].getsockname()[1]
        fake.url, fake.grpc_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{grpc_port}"
        yield fake
        await asyncio.gather(*state.tasks)
    await server.stop(grace=None)

"""Which index finds passages, by the settings; and the copies that it needs, made and kept whole."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from brain.adapters.addresses import AllowedHosts
from brain.adapters.outbound import Gate
from brain.adapters.postgres.index import PostgresIndex
from brain.adapters.postgres.replica import ReplicaSource
from brain.adapters.postgres.store import connect
from brain.adapters.postgres.tenants import tenants
from brain.adapters.weaviate_connection import Access, WeaviateConnection, require_usable
from brain.adapters.weaviate_index import Difference, Report, WeaviateIndex
from brain.adapters.weaviate_replica import Place, WeaviateReplica
from brain.domain.circuit import Circuit
from brain.domain.errors import ExpertError, Missing, Rejected
from brain.domain.identity import TenantId
from config.database import database
from config.embedders import embedder_in_force
from config.settings import DatabaseUrls, Index, Settings

# How often it is looked whether a tenant has no whole copy yet: a new one, or one that was lost.
LOOK_EVERY_S = 10.0

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


def knowledge_index(
    settings: Settings, app: AsyncEngine, stack: AsyncExitStack
) -> PostgresIndex | WeaviateIndex:
    """Connects to nothing yet; what it will connect closes with the stack. Raises as `require_usable`."""
    if settings.index is Index.POSTGRES or settings.weaviate_url is None:
        return PostgresIndex(app)
    key = settings.weaviate_api_key
    rng = random.Random()  # noqa: S311  # spreads probes
    access = Access(
        settings.weaviate_url, settings.weaviate_grpc_url, key.get_secret_value() if key else None
    )
    require_usable(access)
    connection = WeaviateConnection(
        access,
        Gate(AllowedHosts.parse(settings.allow_hosts)),
        Circuit("Weaviate", clock=time.monotonic, jitter=rng.random),
    )
    stack.push_async_callback(connection.close)
    return WeaviateIndex(PostgresIndex(app), ReplicaSource(app), WeaviateReplica(connection))


@asynccontextmanager
async def replicating(
    index: PostgresIndex | WeaviateIndex, system: AsyncEngine, *, wanted: str | None
) -> AsyncIterator[None]:
    """For as long as the block lasts, every tenant has a whole copy, or gets one.

    Where PostgreSQL is the index, copies that there were are given up: nobody would keep them as it is.
    """
    if isinstance(index, PostgresIndex):
        for tenant in (await tenants(system)).values():
            await ReplicaSource(index.engine).end(tenant)
        yield
        return
    replicator = asyncio.create_task(_always(index, system, wanted))
    try:
        yield
    finally:
        replicator.cancel()
        await asyncio.wait({replicator})


async def _always(index: WeaviateIndex, system: AsyncEngine, wanted: str | None) -> None:
    told: set[str] = set()
    while True:
        try:
            embedder = await embedder_in_force(system, wanted=wanted)
            for slug, tenant in (await tenants(system)).items():
                if not await index.is_whole(tenant, embedder):
                    async with index.source.turn():
                        copied = await index.rebuild(tenant, embedder, report=_unseen)
                    log.info("index.whole", tenant=slug, copied=copied)
            told.clear()
        except ExpertError as error:
            # PostgreSQL finds passages meanwhile; this is for whoever can mend it, each reason once.
            if str(error) not in told:
                log.warning("index.not_whole", reason=str(error))
            told.add(str(error))
        await asyncio.sleep(LOOK_EVERY_S)


def _unseen(_done: int, _of: int) -> None:
    """Nobody is watching."""


def rebuild(settings: Settings, *, report: Report) -> Mapping[str, int]:
    """How many passages had to be copied, by tenant. Raises `Rejected` where PostgreSQL is the index."""
    with database(settings) as urls:
        return asyncio.run(rebuild_all(settings, urls, report=report))


def compare(settings: Settings) -> Mapping[str, Difference | None]:
    """By tenant; None where there is no copy. Raises `Rejected` where PostgreSQL is the index."""
    with database(settings) as urls:
        return asyncio.run(compare_all(settings, urls))


async def rebuild_all(settings: Settings, urls: DatabaseUrls, *, report: Report) -> dict[str, int]:
    async with _opened(settings, urls) as (index, embedder, known):
        copied = {}
        for slug, tenant in known.items():
            async with index.source.turn():
                copied[slug] = await index.rebuild(tenant, embedder, report=report)
        return copied


async def compare_all(settings: Settings, urls: DatabaseUrls) -> dict[str, Difference | None]:
    async with _opened(settings, urls) as (index, embedder, known):
        found: dict[str, Difference | None] = {}
        for slug, tenant in known.items():
            try:
                found[slug] = await index.compare(tenant, embedder)
            except Missing:
                found[slug] = None
        return found


async def counted(settings: Settings, urls: DatabaseUrls) -> str:
    """For a first look: how much there is. Raises `Rejected` where a copy is not whole."""
    async with _opened(settings, urls) as (index, embedder, known):
        version = await index.replica.version()
        total = 0
        for slug, tenant in known.items():
            here = await index.source.count(tenant, embedder)
            try:
                there = await index.replica.count(Place(index.replica.collection(embedder), tenant))
            except Missing:
                there = None
            if there is None or not await index.is_whole(tenant, embedder):
                raise Rejected(f"Weaviate {version}: {slug} has no whole copy of its {here} passages")
            if here != there:
                raise Rejected(f"Weaviate {version}: {slug} has {here} passages, its copy {there}")
            total += here
        return f"Weaviate {version}, {total} passages of {len(known)} tenants"


@asynccontextmanager
async def _opened(
    settings: Settings, urls: DatabaseUrls
) -> AsyncIterator[tuple[WeaviateIndex, str, Mapping[str, TenantId]]]:
    async with AsyncExitStack() as stack:
        app, system = connect(urls.app, pool_size=3), connect(urls.system, pool_size=1)
        for engine in (app, system):
            stack.push_async_callback(engine.dispose)
        index = knowledge_index(settings, app, stack)
        if isinstance(index, PostgresIndex):
            raise Rejected(
                "PostgreSQL is the index itself, so there is no copy to rebuild or compare. To have one, set"
                " EXPERT_INDEX=weaviate; to change the embedding model: expert reindex --embedder NAME."
            )
        embedder = await embedder_in_force(system, wanted=settings.embedder)
        yield index, embedder, await tenants(system)

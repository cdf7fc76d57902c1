"""How fast and how exact hybrid search is over many passages of several tenants and departments.

Measures the product's own search (meaning and words, under row security, for an audience that may not read
everything), and in the same run pgvector bare and bm25s in memory, over the same passages and questions.

    python -m benchmarks.retrieval_speed --data ../shared/data --json retrieval_speed.json
"""

import argparse
import asyncio
import resource
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import asyncpg
import bm25s
import numpy as np
from pgvector import HalfVector
from pgvector.asyncpg import register_vector

from benchmarks.ask import percentiles
from benchmarks.outcome import machine, tell
from benchmarks.retrieval_corpus import Corpus, build
from brain.adapters.fastembed_embedder import PACKAGED
from brain.adapters.postgres.index import PostgresIndex
from brain.adapters.postgres.migrate import migrate
from brain.adapters.postgres.store import connect
from brain.adapters.postgres.tenants import create_tenant
from brain.domain.identity import Audience, DepartmentId, TenantId
from brain.domain.knowledge import Vector
from brain.domain.ranking import terms
from config.embedded_postgres import EmbeddedPostgres

LIMIT = 50
SPACE = UUID("6f0d9a1e-4b0e-4a50-9a57-1d7d3f6a2c11")
# Of all passages: four departments the asker may read, a closed one, and another tenant's.
SHARES = {"it-ops": 0.3, "hr": 0.2, "security": 0.2, "legal": 0.1, "closed": 0.1, "other tenant": 0.1}
_PASSAGE = (
    "tenant_id id scope_id department_id document_id ordinal title page start end text content_hash length"
)
WITHOUT = ("posting_term", "posting_passage", "embedding_hnsw", "embedding_scope")


@dataclass(frozen=True, slots=True)
class Filled:
    tenant: TenantId
    readable: frozenset[DepartmentId]
    narrow: DepartmentId
    places: Sequence[str]


def passage_id(position: int) -> UUID:
    return uuid5(SPACE, str(position))


@asynccontextmanager
async def filling(postgres: EmbeddedPostgres) -> AsyncIterator["asyncpg.Connection[Any]"]:
    """As the superuser, because ingesting that many would take hours; the rows are the same."""
    connection = await asyncpg.connect(postgres.superuser_url.replace("+asyncpg", ""))
    await register_vector(connection)
    await connection.execute("SET session_replication_role = replica")  # no checks of references: they hold
    kept = {row["indexname"]: row["indexdef"] for row in await connection.fetch("SELECT * FROM pg_indexes")}
    for name in WITHOUT:
        await connection.execute(f"DROP INDEX {name}")
    yield connection
    for name in WITHOUT:
        await connection.execute(kept[name])
    await connection.execute("VACUUM ANALYZE")
    await connection.close()


async def fill(postgres: EmbeddedPostgres, corpus: Corpus) -> Filled:
    urls = postgres.urls
    await migrate(urls.owner, app_role="expert_app", system_role="expert_system")
    system = connect(urls.system, pool_size=1)
    ours = await create_tenant(system, slug="ours", name="Ours")
    theirs = await create_tenant(system, slug="theirs", name="Theirs")
    await system.dispose()
    departments = {name: DepartmentId(uuid5(SPACE, name)) for name in SHARES}
    rng = np.random.default_rng(7)
    places = [str(one) for one in rng.choice(list(SHARES), size=len(corpus.halves), p=list(SHARES.values()))]
    async with filling(postgres) as connection:
        await connection.execute("UPDATE tenant SET embedder = $1", PACKAGED)
        scopes = {}
        for name, department in departments.items():
            tenant = theirs if name == "other tenant" else ours
            visibility = "department" if name == "closed" else "tenant"
            await connection.execute(
                "INSERT INTO department (tenant_id, id, slug, name, description, icon, visibility, publish,"
                " abstain, instructions, review_hours) VALUES ($1, $2, $3, $3, '', '', $4, 0.8, 0.2, '', 24)",
                tenant,
                department,
                name,
                visibility,
            )
            scopes[name] = await connection.fetchval(
                "INSERT INTO scope (tenant_id, departments) VALUES ($1, $2) RETURNING id",
                tenant,
                [department],
            )
        await copy(connection, corpus, places, (ours, theirs), scopes, departments)
    readable = frozenset(d for name, d in departments.items() if name not in ("closed", "other tenant"))
    return Filled(ours, readable, departments["legal"], places)


async def copy(
    connection: "asyncpg.Connection[Any]",
    corpus: Corpus,
    places: Sequence[str],
    tenants: tuple[TenantId, TenantId],
    scopes: dict[str, int],
    departments: dict[str, DepartmentId],
) -> None:
    for start in range(0, len(places), 5_000):
        passages, postings, embeddings = [], [], []
        for position in range(start, min(start + 5_000, len(places))):
            place, counts, id_ = places[position], corpus.terms(position), passage_id(position)
            tenant, scope = tenants[place == "other tenant"], scopes[place]
            length, text = counts.total(), corpus.text(position).replace("\0", "")
            passages.append(
                (tenant, id_, scope, departments[place], id_, 0, "", None, 0, len(text), text, "", length)
            )
            postings += [(tenant, term, id_, scope, times, length) for term, times in counts.items()]
            vector = HalfVector(corpus.vectors[position])
            embeddings += [(tenant, id_, PACKAGED, at, 384, scope, vector) for at in (-1, 0, 200)]
        await connection.copy_records_to_table("passage", records=passages, columns=_PASSAGE.split())
        columns = "tenant_id term passage_id scope_id occurrences length"
        await connection.copy_records_to_table("posting", records=postings, columns=columns.split())
        columns = "tenant_id passage_id embedder start dimensions scope_id vector"
        await connection.copy_records_to_table("embedding", records=embeddings, columns=columns.split())


async def timed(work: Callable[[int], Awaitable[object]], count: int) -> dict[str, float]:
    times = []
    for number in range(count):
        began = time.perf_counter()
        await work(number)
        times.append((time.perf_counter() - began) * 1000)
    return percentiles(times)


@dataclass(frozen=True, slots=True)
class Measured:
    times: dict[str, float]
    recall_at_10: float


async def product(postgres: EmbeddedPostgres, corpus: Corpus, filled: Filled, *, narrow: bool) -> Measured:
    engine = connect(postgres.urls.app, pool_size=2)
    index = PostgresIndex(engine)
    audience = Audience(filled.tenant, filled.readable)
    department = filled.narrow if narrow else None
    found: dict[int, set[UUID]] = {}

    async def search(number: int) -> None:
        vector = Vector(corpus.asked[number].tolist(), embedder=PACKAGED)
        result = await index.search(
            corpus.questions[number], vector=vector, audience=audience, department=department, limit=LIMIT
        )
        found[number] = {one.passage.id for one in result if one.dense_rank and one.dense_rank <= 10}

    for number in range(10):
        await search(number)
    times = await timed(search, len(corpus.questions))
    await engine.dispose()
    places = {"legal"} if narrow else set(SHARES) - {"closed", "other tenant"}
    readable = np.array([place in places for place in filled.places])
    return Measured(times, _recall(corpus, found, readable))


def _recall(corpus: Corpus, found: dict[int, set[UUID]], readable: "np.ndarray[Any, Any]") -> float:
    """Against every readable vector, one by one, in the precision in which they are stored."""
    stored = corpus.vectors.astype(np.float16).astype(np.float32)
    stored /= np.linalg.norm(stored, axis=1, keepdims=True)
    hits = 0
    for number, ids in found.items():
        scores = np.where(readable, stored @ corpus.asked[number], -2)
        best = np.argpartition(-scores, 10)[:10]
        hits += sum(passage_id(int(one)) in ids for one in best)
    return round(hits / (10 * len(found)), 4)


async def bare_pgvector(postgres: EmbeddedPostgres, corpus: Corpus) -> Measured:
    """No row security, no filter, no words: what the index can do at its best."""
    connection = await asyncpg.connect(postgres.superuser_url.replace("+asyncpg", ""))
    await register_vector(connection)
    await connection.execute("SET hnsw.ef_search = 100")
    found: dict[int, set[UUID]] = {}

    async def search(number: int) -> None:
        rows = await connection.fetch(
            "SELECT passage_id FROM embedding WHERE dimensions = 384 AND start = -1"
            " ORDER BY vector::halfvec(384) <=> $1::halfvec(384) LIMIT $2",
            HalfVector(corpus.asked[number]),
            LIMIT,
        )
        found[number] = {row["passage_id"] for row in rows[:10]}

    for number in range(10):
        await search(number)
    times = await timed(search, len(corpus.questions))
    await connection.close()
    return Measured(times, _recall(corpus, found, np.ones(len(corpus.halves), dtype=bool)))


async def bm25s_in_memory(corpus: Corpus) -> dict[str, float]:
    """No rights, no meaning, everything in this process's memory."""
    retriever = bm25s.BM25(method="lucene", k1=1.2, b=0.75)
    retriever.index(
        [list(corpus.terms(one).elements()) for one in range(len(corpus.halves))], show_progress=False
    )

    async def search(number: int) -> None:
        retriever.retrieve([sorted(set(terms(corpus.questions[number])))], k=LIMIT, show_progress=False)

    return await timed(search, len(corpus.questions))


async def plans(postgres: EmbeddedPostgres, corpus: Corpus, filled: Filled) -> list[str]:
    """Of each statement of one search, as PostgreSQL ran it for the product."""
    root = await asyncpg.connect(postgres.superuser_url.replace("+asyncpg", ""))
    settings = {"log_min_duration": "0", "log_analyze": "on", "log_buffers": "on", "log_level": "notice"}
    await root.execute("ALTER ROLE expert_app SET session_preload_libraries = 'auto_explain'")
    for name, value in settings.items():
        await root.execute(f"ALTER ROLE expert_app SET auto_explain.{name} = '{value}'")
    engine, shown = connect(postgres.urls.app, pool_size=1), list[str]()
    async with engine.connect() as connection:
        driver: Any = (await connection.get_raw_connection()).driver_connection
        driver.add_log_listener(lambda _, message: shown.append(str(message)))
    vector = Vector(corpus.asked[0].tolist(), embedder=PACKAGED)
    audience = Audience(filled.tenant, filled.readable)
    for _ in range(2):
        shown.clear()
        await PostgresIndex(engine).search(
            corpus.questions[0], vector=vector, audience=audience, department=None, limit=LIMIT
        )
    await engine.dispose()
    await root.execute("ALTER ROLE expert_app RESET ALL")
    await root.close()
    return shown


def resident_mb() -> float:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


async def measure(postgres: EmbeddedPostgres, corpus: Corpus, *, with_plans: bool) -> dict[str, object]:
    filled = await fill(postgres, corpus)
    if with_plans:
        print("\n".join(await plans(postgres, corpus, filled)))
    wide = await product(postgres, corpus, filled, narrow=False)
    narrow = await product(postgres, corpus, filled, narrow=True)
    memory_mb = resident_mb()  # before bm25s takes its own
    bare = await bare_pgvector(postgres, corpus)
    return {
        "search": wide.times,
        "search_recall_at_10": wide.recall_at_10,
        "search_one_department": narrow.times,
        "search_one_department_recall_at_10": narrow.recall_at_10,
        "bare_pgvector": bare.times,
        "bare_pgvector_recall_at_10": bare.recall_at_10,
        "bm25s": await bm25s_in_memory(corpus),
        "process_peak_mb": memory_mb,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with the public texts")
    parser.add_argument("--passages", type=int, default=100_000)
    parser.add_argument("--embedded", type=int, default=3_000, help="how many have an embedding of their own")
    parser.add_argument("--questions", type=int, default=300)
    parser.add_argument("--cache", type=Path, default=Path("build/retrieval_speed"), help="keeps embeddings")
    parser.add_argument("--plans", action="store_true", help="also show how PostgreSQL runs a search")
    parser.add_argument("--json", type=Path, help="also write the result to this file")
    arguments = parser.parse_args()
    corpus = build(
        arguments.data,
        passages=arguments.passages,
        embedded=arguments.embedded,
        questions=arguments.questions,
        cache=arguments.cache,
    )
    with (
        tempfile.TemporaryDirectory(prefix="expert-") as directory,
        EmbeddedPostgres(Path(directory)) as postgres,
    ):
        result = asyncio.run(measure(postgres, corpus, with_plans=arguments.plans))
    result = {
        "benchmark": "retrieval_speed",
        "machine": machine(),
        "passages": {"all": len(corpus.halves), "shares": SHARES, "own_embedding": corpus.embedded},
        **result,
        "bars": {"search_p95_ms": 60, "search_recall_at_10": 0.95},
    }
    tell(result, file=arguments.json)


if __name__ == "__main__":
    main()

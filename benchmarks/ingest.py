"""How fast documents are taken in, against the bare embedder over the same texts in the same run.

Ingests a sample of public runbooks through the product's own use case (parse, cut, embed, write), slice by
slice; after each slice the embedder alone embeds what was embedded in it. Then each document is sent again
with a sentence put into its middle, and that once more to another department, as what was embedded before
need not be embedded again.

    python -m benchmarks.ingest --data ../shared/data --limit 60 --json ingest.json
"""

import argparse
import asyncio
import gzip
import json
import random
import resource
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from uuid import uuid4

from benchmarks.outcome import machine, tell
from brain.adapters.documents import Documents
from brain.adapters.fastembed_embedder import PACKAGED, FastembedEmbedder
from brain.adapters.postgres.migrate import migrate
from brain.adapters.postgres.store import SqlStore, connect
from brain.adapters.postgres.tenants import create_tenant
from brain.domain.identity import Department, DepartmentId, Member, MemberId, Principal, Role
from brain.domain.knowledge import Vector
from brain.ports import TextKind
from brain.usecases.ingest import Ingest, Ingested, Upload
from config.embedded_postgres import EmbeddedPostgres
from config.settings import DatabaseUrls


@dataclass(slots=True)
class NotingEmbedder:
    """The real one; keeps what it was asked for."""

    inner: FastembedEmbedder
    name: str = PACKAGED
    asked: list[list[str]] = field(default_factory=list)

    async def embed(self, texts: Sequence[str], *, kind: TextKind) -> list[Vector]:
        self.asked.append(list(texts))
        return await self.inner.embed(texts, kind=kind)

    def count_tokens(self, text: str) -> int:
        return self.inner.count_tokens(text)


@dataclass(slots=True)
class Sums:
    documents: int = 0
    passages: int = 0
    texts: int = 0
    quarantined: int = 0
    ingesting_s: float = 0.0
    embedding_s: float = 0.0
    changed: "Pass | None" = None
    copied: "Pass | None" = None


@dataclass(frozen=True, slots=True)
class Pass:
    """One more time over all documents."""

    texts_embedded: int
    seconds: float


def runbooks(data: Path, limit: int) -> list[tuple[str, str]]:
    folder = data / "runbooks"
    if not folder.is_dir():
        raise SystemExit(f"There is no {folder}: --data names the folder that holds it.")
    found = []
    for path in sorted(folder.glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            found += [(str(row["_id"]), str(row["text"])) for row in map(json.loads, lines)]
    random.Random(20_261_121).shuffle(found)
    return found[:limit]


def amended(text: str) -> str:
    """With one more sentence, between two lines of the middle."""
    lines = text.splitlines()
    middle = len(lines) // 2
    return "\n".join((*lines[:middle], "Tell the shift lead before you begin.", *lines[middle:]))


async def measure(
    urls: DatabaseUrls, documents: Sequence[tuple[str, str]], in_flight: int, home: Path
) -> Sums:
    await migrate(urls.owner, app_role="expert_app", system_role="expert_system")
    app, system = connect(urls.app, pool_size=10), connect(urls.system, pool_size=1)
    embedder, parser = NotingEmbedder(FastembedEmbedder(PACKAGED, home=home)), Documents()
    store = SqlStore(app)
    ingest = Ingest(store, embedder, parser)
    tenant = await create_tenant(system, slug="bench", name="Bench")
    departments = [Department(DepartmentId(uuid4()), slug, slug) for slug in ("it-ops", "hr")]
    roles = {department.id: frozenset((Role.ADMIN,)) for department in departments}
    member = Member(MemberId(uuid4()), "mia", "Mia", roles=roles)
    async with store.transaction(tenant) as tx:
        for department in departments:
            await tx.people.save_department(department)
        await tx.people.save_member(member)
    principal, free, sums = Principal(tenant, member), asyncio.Semaphore(in_flight), Sums()

    async def one(source: str, text: str, to: str = "it-ops") -> Ingested:
        async with free:
            return await ingest(principal, Upload(to, f"{source}.md", text.encode()))

    async def once_more(changed: Sequence[tuple[str, str]], to: str) -> Pass:
        embedder.asked.clear()
        began = time.perf_counter()
        await asyncio.gather(*(one(*document, to) for document in changed))
        return Pass(sum(map(len, embedder.asked)), round(time.perf_counter() - began, 1))

    await ingest(
        principal, Upload("it-ops", "first.md", b"# First\n\nThe first one loads what others share.\n")
    )
    for start in range(0, len(documents), 10):
        embedder.asked.clear()
        began = time.perf_counter()
        for done in await asyncio.gather(*(one(*document) for document in documents[start : start + 10])):
            sums.passages += done.document.passages
            sums.quarantined += done.document.reason is not None
        sums.ingesting_s += time.perf_counter() - began
        began = time.perf_counter()
        for texts in embedder.asked:
            await embedder.inner.embed(texts, kind=TextKind.PASSAGE)
        sums.embedding_s += time.perf_counter() - began
        sums.texts += sum(map(len, embedder.asked))
    sums.documents = len(documents)
    sums.changed = await once_more([(source, amended(text)) for source, text in documents], "it-ops")
    sums.copied = await once_more([(source, amended(text)) for source, text in documents], "hr")
    embedder.inner.close()
    parser.close()
    await app.dispose()
    await system.dispose()
    return sums


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with the public texts")
    parser.add_argument("--limit", type=int, default=60, help="how many documents (default 60)")
    parser.add_argument("--in-flight", type=int, default=2, help="documents at a time (default 2)")
    parser.add_argument("--json", type=Path, help="also write the result to this file")
    arguments = parser.parse_args()
    documents = runbooks(arguments.data, arguments.limit)
    with tempfile.TemporaryDirectory(prefix="expert-") as directory:
        home = Path(directory)
        with EmbeddedPostgres(home) as postgres:
            sums = asyncio.run(measure(postgres.urls, documents, arguments.in_flight, home))
    peaks = {
        "process_peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        # The largest one that has ended: a parser, or PostgreSQL.
        "largest_child_peak_mb": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024,
    }
    result = {
        "benchmark": "ingest",
        "machine": machine(),
        "documents": sums.documents,
        "in_flight": arguments.in_flight,
        "quarantined": sums.quarantined,
        "passages": sums.passages,
        "texts_embedded": sums.texts,
        "first_s": round(sums.ingesting_s, 1),
        "changed": asdict(sums.changed) if sums.changed else None,
        "copied": asdict(sums.copied) if sums.copied else None,
        "ingest_passages_per_s": round(sums.passages / sums.ingesting_s, 2),
        "bare_embedder_passages_per_s": round(sums.passages / sums.embedding_s, 2),
        "ratio": round(sums.embedding_s / sums.ingesting_s, 3),
        **{name: round(value, 1) for name, value in peaks.items()},
        "bars": {"ratio": 0.8, "memory_mb": 1000},
    }
    tell(result, file=arguments.json)


if __name__ == "__main__":
    main()

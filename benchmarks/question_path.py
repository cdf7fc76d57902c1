"""How long a question takes without a language model over many passages: embed, match, search, rank, draft,
check and weigh; on a quiet server and while documents are read in. Beside it, in the same run, embedding the
question alone.

    python -m benchmarks.question_path --data ../shared/data
"""

import argparse
import asyncio
import resource
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.ask import bare, percentiles
from benchmarks.ingest import runbooks
from benchmarks.outcome import machine, tell
from benchmarks.retrieval_corpus import Corpus, build
from benchmarks.retrieval_speed import copy, filling
from benchmarks.stage import stage
from brain.adapters.fastembed_embedder import FastembedEmbedder
from brain.domain.answer import AnswerStatus
from brain.usecases.ingest import Upload
from config.embedded_postgres import EmbeddedPostgres
from tests.conftest import World

PLACE = "it-ops"
# So long a pause between two questions, as people make.
PAUSE_S = 0.05


async def fill(postgres: EmbeddedPostgres, world: World, corpus: Corpus) -> None:
    await world.reads("first.md", "# First\n\nThe first document makes the scope of its department.")
    async with filling(postgres) as connection:
        scope = await connection.fetchval("SELECT scope_id FROM passage LIMIT 1")
        places = [PLACE] * len(corpus.halves)
        departments = {PLACE: world.departments[PLACE].id}
        await copy(connection, corpus, places, (world.tenant, world.tenant), {PLACE: scope}, departments)


@dataclass(frozen=True, slots=True)
class Asked:
    """Milliseconds of each step, and of all steps of a question."""

    times: dict[str, list[float]]
    published: int


async def ask(world: World, questions: Sequence[str]) -> Asked:
    times: dict[str, list[float]] = defaultdict(list)
    published = 0
    for question in questions:
        began = time.perf_counter()
        answer = (await world.asks(question)).answer
        stored = (time.perf_counter() - began) * 1000
        if answer is None:
            raise SystemExit(f"No answer was saved for {question!r}.")
        for step, ms in answer.timings_ms.items():
            times[step].append(ms)
        times["path"].append(sum(answer.timings_ms.values()))
        times["with its transactions"].append(stored)
        published += answer.status is AnswerStatus.PUBLISHED
        await asyncio.sleep(PAUSE_S)
    return Asked(times, published)


async def read_until(stop: asyncio.Event, world: World, documents: Sequence[tuple[str, str]]) -> int:
    count = 0
    for name, text in documents:
        if stop.is_set():
            break
        await world.ingest(world.people["ravi"], Upload(PLACE, f"{name}.md", text.encode()))
        count += 1
    return count


async def measure(corpus: Corpus, documents: Sequence[tuple[str, str]]) -> dict[str, Any]:
    async with stage(FastembedEmbedder) as (postgres, world, embedder):
        await fill(postgres, world, corpus)
        await ask(world, corpus.questions[:20])  # the first ones load what later ones share
        half = len(corpus.questions) // 2
        alone = await bare(embedder, corpus.questions[:half])
        idle = await ask(world, corpus.questions[:half])
        stop = asyncio.Event()
        reading = asyncio.create_task(read_until(stop, world, documents))
        busy = await ask(world, corpus.questions[half:])
        stop.set()
        read = await reading
    return {
        "embedding_alone": percentiles(alone),
        "idle": {step: percentiles(values) for step, values in idle.times.items()},
        "during_ingestion": {step: percentiles(values) for step, values in busy.times.items()},
        "published": {"idle": idle.published, "during_ingestion": busy.published},
        "documents_read_meanwhile": read,
        "process_peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with the public texts and runbooks")
    parser.add_argument("--passages", type=int, default=30_000)
    parser.add_argument("--embedded", type=int, default=3_000, help="how many have an embedding of their own")
    parser.add_argument("--questions", type=int, default=300)
    parser.add_argument("--cache", type=Path, default=Path("build/retrieval_speed"), help="keeps embeddings")
    parser.add_argument("--json", type=Path, help="also write the result to this file")
    arguments = parser.parse_args()
    corpus = build(
        arguments.data,
        passages=arguments.passages,
        embedded=arguments.embedded,
        questions=arguments.questions,
        cache=arguments.cache,
    )
    result = {
        "benchmark": "question_path",
        "machine": machine(),
        "passages": len(corpus.halves),
        **asyncio.run(measure(corpus, runbooks(arguments.data, 1_000))),
        "bars": {"idle_path_p95_ms": 60, "during_ingestion_path_p95_ms": 150, "process_peak_mb": 1_200},
    }
    tell(result, file=arguments.json)


if __name__ == "__main__":
    main()

"""Our BM25 in SQL against a reference library, and both ways to scan for meaning, on the sample runbooks."""

import bm25s
import numpy as np
import pytest

from brain.adapters.postgres.index import PostgresIndex
from brain.domain.ranking import K1, B, terms
from brain.ports import TextKind
from tests.conftest import RUNBOOKS, World

QUESTIONS = (
    "How do I rotate the Redis password?",
    "restart a stuck RabbitMQ consumer on the waybill queue",
    "Kafka consumer lag threshold Gdansk",
    "QS-4107 upstream timeout customer portal",
    "restore a PostgreSQL backup to a point in time",
    "lost laptop report deadline",
    "renew the TLS certificate for quayside",
    "per diem for a full day in Halifax",
    "who approves privileged access",
    "label printer prints blank labels",
    "roll back a waybill deployment",
    "phishing mail reported by an employee",
    "WireGuard handshake fails",
    "visitor badge returned late",
    "salary payment date December",
    "disk full /var/lib/docker",
)


async def test_the_top_ten_agree_with_a_reference(world: World) -> None:
    for path in sorted(RUNBOOKS.glob("it-ops/*.md")):
        await world.reads(path.name, path.read_text())
    index = PostgresIndex(world.store.engine)
    audience = world.people["amira"].audience
    everything = {}
    [vector] = await world.ask.embedder.embed(["anything"], kind=TextKind.QUESTION)
    for one in await index.search("", vector=vector, audience=audience, department=None, limit=10_000):
        everything[one.passage.id] = one.passage
    ids = list(everything)
    reference = bm25s.BM25(method="lucene", k1=K1, b=B)
    reference.index([terms(everything[one].indexed_text) for one in ids], show_progress=False)

    overlaps = []
    for question in QUESTIONS:
        wanted = sorted(set(terms(question)))
        scores = reference.get_scores(wanted)
        best = [n for n in np.argsort(-scores, kind="stable")[:10] if scores[n] > 0]
        found = await index.search(question, vector=vector, audience=audience, department=None, limit=10)
        ours = {one.passage.id for one in found if one.lexical_rank is not None}
        # Passages with the score of the tenth are as good as the tenth.
        tied = {ids[n] for n in range(len(ids)) if best and scores[n] >= scores[best[-1]] - 1e-6}
        overlaps.append(len(ours & tied) / max(len(best), 1))
    assert len(ids) > 100
    assert float(np.mean(overlaps)) >= 0.9, overlaps


async def test_common_words_are_counted_for_the_best_by_the_rare_ones(world: World) -> None:
    """As in a corpus too large to read every posting of a question's words."""
    for path in sorted(RUNBOOKS.glob("it-ops/*.md")):
        await world.reads(path.name, path.read_text())
    audience = world.people["amira"].audience
    [vector] = await world.ask.embedder.embed(["anything"], kind=TextKind.QUESTION)
    whole = PostgresIndex(world.store.engine)
    parts = PostgresIndex(world.store.engine, postings=60)
    shared = []
    for question in QUESTIONS:
        ranked = []
        for index in (whole, parts):
            found = await index.search(question, vector=vector, audience=audience, department=None, limit=10)
            best = [one for one in found if one.lexical_rank is not None]
            ranked.append({one.passage.id: one.lexical_score for one in best})
        # The score is the same whichever way a passage was found.
        assert all(
            ranked[1][id_] == pytest.approx(ranked[0][id_]) for id_ in ranked[0].keys() & ranked[1].keys()
        )
        shared.append(len(ranked[0].keys() & ranked[1].keys()) / max(len(ranked[0]), 1))
    assert float(np.mean(shared)) >= 0.9, shared


async def test_the_approximate_scan_finds_what_the_exact_one_does(world: World, other_world: World) -> None:
    """Another tenant's rows are in the same HNSW graph, and a filter acts after its scan."""
    for path in sorted(RUNBOOKS.glob("it-ops/k*.md")):
        await world.reads(path.name, path.read_text())
        await other_world.reads(path.name, path.read_text())
    exact = PostgresIndex(world.store.engine)
    approximate = PostgresIndex(world.store.engine, exact_below=0)
    audience = world.people["amira"].audience
    for question in QUESTIONS:
        [vector] = await world.ask.embedder.embed([question], kind=TextKind.QUESTION)
        ranked = []
        for index in (exact, approximate):
            found = await index.search(question, vector=vector, audience=audience, department=None, limit=10)
            ranked.append({one.passage.id for one in found if one.dense_rank is not None})
        assert len(ranked[0]) == 10
        assert len(ranked[0] & ranked[1]) >= 9

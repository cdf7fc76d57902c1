"""Answering, asking back and declining, as benchmarks/quality.py measures it."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.harness.conversations import (
    ANSWER,
    CLARIFY,
    DECLINE,
    by_cosine,
    class_f1,
    macro_f1,
    read_tasks,
    results,
)
from benchmarks.harness.metrics import whole
from benchmarks.harness.sets import Kind, kinds
from benchmarks.harness.vectors import KeptEmbedder
from brain.adapters.fastembed_embedder import PACKAGED, FastembedEmbedder
from brain.domain.question import Turn

QUEUE = {
    "document_id": "queues-0-90",
    "title": "Queues",
    "text": "The queue is drained with drain-now.",
}
SAID = [{"speaker": "user", "text": "Hello?"}, {"speaker": "agent", "text": "Yes?"}]


def row(name: str, text: str, label: str, *, context: bool = False) -> dict[str, Any]:
    spoken = [*SAID, {"speaker": "user", "text": text}]
    contexts = [QUEUE] if context else []
    given: dict[str, Any] = {
        "conversation_id": name,
        "Collection": "ops",
        "input": spoken,
        "contexts": contexts,
    }
    return given | {"answerability": [label]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "talks"
    made.mkdir()
    rows = [
        row("a", "How is the queue drained?", "ANSWERABLE", context=True),
        row("b", "What is the purpose of this lighthouse?", "UNDERSPECIFIED"),
        row("c", "Who won the football match?", "UNANSWERABLE"),
    ]
    with gzip.open(made / "tasks.jsonl.gz", "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(one) + "\n" for one in rows)
    return made


def test_tasks_are_read_with_their_conversation(folder: Path) -> None:
    assert kinds(folder.parent) == {"talks": Kind.CONVERSATIONS}
    first, *_ = tasks = read_tasks(folder)
    assert [one.wanted for one in tasks] == [ANSWER, CLARIFY, DECLINE]
    assert first.history == (Turn("Hello?", "Yes?"),)
    [passage] = first.given
    assert (passage.title, passage.text) == ("Queues", "The queue is drained with drain-now.")


def test_f1_of_each_outcome_and_their_mean() -> None:
    said, wanted = np.array([0, 0, 1, 2]), np.array([0, 1, 1, 2])
    assert whole(class_f1(said, wanted, CLARIFY), 4) == pytest.approx(2 / 3)
    assert whole(macro_f1(said, wanted), 4) == pytest.approx((2 / 3 + 2 / 3 + 1) / 3)


def test_the_cosine_learns_its_thresholds_from_other_conversations() -> None:
    near = np.tile([0.1, 0.5, 0.9], 10)
    wanted = np.tile([DECLINE, CLARIFY, ANSWER], 10)
    assert by_cosine(near, wanted, np.arange(30)).tolist() == wanted.tolist()


async def test_the_product_is_measured_with_and_without_the_given_passages(
    folder: Path, tmp_path: Path
) -> None:
    embedder = FastembedEmbedder(PACKAGED, home=tmp_path / "models")
    try:
        kept = KeptEmbedder(embedder, tmp_path / "vectors")
        found = {
            (one.set, one.system, one.metric): one for one in await results("talks", read_tasks(folder), kept)
        }
    finally:
        embedder.close()
    assert found["talks", "expert", "macro-F1"].value == 1.0
    assert found["talks", "majority", "macro-F1"].value == pytest.approx(1 / 6)
    lead = found["talks", "expert", "macro-F1-majority"]
    assert lead.value == pytest.approx(5 / 6)
    assert lead.n == 3
    assert found["talks/searched", "expert", "F1-clarify"].value == 1.0
    assert ("talks", "cosine", "macro-F1") in found

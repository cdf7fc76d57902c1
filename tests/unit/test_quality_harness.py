"""The figures of benchmarks/quality.py against values worked out by hand, and a whole run over tiny sets."""

import gzip
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import quality
from benchmarks.harness.doubt import aurc, auroc, calibration_error, macro_f1
from benchmarks.harness.metrics import (
    bounds,
    clusters,
    hit,
    means,
    ndcg,
    recall,
    reciprocal_rank,
    resampled,
    whole,
)

RANKING = ["x", "a", "y", "b"]
GOLD = {"a": 2, "b": 1, "c": 1}


def test_ndcg_discounts_grades_by_their_place() -> None:
    best = 2 / math.log2(2) + 1 / math.log2(3) + 1 / math.log2(4)
    assert ndcg(RANKING, GOLD) == pytest.approx((2 / math.log2(3) + 1 / math.log2(5)) / best)
    assert ndcg(["a", "b", "c"], GOLD) == 1.0
    assert ndcg(["x"] * 10 + ["a"], GOLD) == 0.0


def test_the_other_figures_of_a_ranking() -> None:
    assert recall(RANKING, GOLD) == pytest.approx(2 / 3)
    assert recall(RANKING, GOLD, 3) == pytest.approx(1 / 3)
    assert reciprocal_rank(RANKING, GOLD) == 0.5
    assert reciprocal_rank(RANKING, GOLD, 1) == 0.0
    assert (hit(RANKING, GOLD, 1), hit(RANKING, GOLD)) == (0.0, 1.0)


def test_questions_that_share_a_document_are_one_cluster() -> None:
    golds = [frozenset("ab"), frozenset("cd"), frozenset("bc"), frozenset("e")]
    assert clusters(golds).tolist() == [0, 0, 0, 1]


def test_resamples_draw_whole_clusters() -> None:
    values = np.array([[1.0], [1.0], [0.0]])
    samples = resampled(means(values), np.array([0, 0, 1]), resamples=4000)
    # Two clusters, drawn twice: both of the first, one of each, or both of the second.
    shares = {round(float(value), 3): float((samples == value).mean()) for value in np.unique(samples)}
    assert set(shares) == {0.0, 0.667, 1.0}
    assert shares[0.667] == pytest.approx(0.5, abs=0.03)
    assert whole(means(values), 3)[0] == pytest.approx(2 / 3)
    assert bounds(samples) == (0.0, 1.0)


SCORES = np.array([0.9, 0.8, 0.7, 0.7])
LABELS = np.array([1.0, 0.0, 1.0, 0.0])


def test_auroc_counts_pairs_and_even_ones_half() -> None:
    # Of four pairs: .9 over both, .7 under .8 and even with .7.
    assert whole(auroc(SCORES, LABELS), 4) == pytest.approx(2.5 / 4)


def test_aurc_takes_the_surest_first_and_equals_together() -> None:
    # Wrong among the first 0 of 1, among two 1, and the last two come together: 2 of 4.
    assert whole(aurc(SCORES, 1 - LABELS), 4) == pytest.approx((0 + 1 / 2 + 2 * 2 / 4) / 4)


def test_calibration_error_is_the_gap_of_each_bin() -> None:
    chances = np.repeat([0.2, 0.8], 10)
    right = np.array([1.0, 0.0] * 2 + [0.0] * 6 + [1.0] * 10)
    # In bins of two: twice .3 above, three times .2 below and five times .2 above.
    assert whole(calibration_error(chances, right), 20) == pytest.approx((2 * 0.3 + 3 * 0.2 + 5 * 0.2) / 10)


def test_macro_f1_is_the_mean_over_both_classes() -> None:
    predicted, labels = np.array([True, True, False, False]), np.array([True, False, False, False])
    assert whole(macro_f1(predicted, labels), 4) == pytest.approx((2 / 3 + 4 / 5) / 2)


def test_statistics_take_a_question_as_often_as_it_was_drawn() -> None:
    twice = np.array([[2.0, 1.0, 1.0, 0.0]])
    again = [0, 0, 1, 2]
    for make in (auroc, aurc):
        assert make(SCORES, LABELS)(twice)[0] == pytest.approx(whole(make(SCORES[again], LABELS[again]), 4))
    predicted, labels = SCORES > 0.75, LABELS > 0
    weighted = macro_f1(predicted, labels)(twice)[0]
    assert weighted == pytest.approx(whole(macro_f1(predicted[again], labels[again]), 4))


Rows = Sequence[Mapping[str, Any]]


def write(path: Path, rows: Rows) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    texts = {
        "redis.md": "Rotate the password of Redis with the command rotate-redis.",
        "disk.md": "When a disk is full, delete old logs below the folder var.",
        "lunch.md": "The canteen serves lunch at noon.",
    }
    passages = [
        {"_id": f"{name}#0", "doc_id": name, "title": name, "heading": "Steps", "text": text}
        for name, text in texts.items()
    ]
    queries = [
        {"_id": "q1", "text": "How do I rotate the Redis password?", "is_impossible": False},
        {"_id": "q2", "text": "What to do about a full disk?", "is_impossible": False},
        {"_id": "q3", "text": "Who won the football match?", "is_impossible": True},
    ]
    write(folder / "techqa" / "passages.jsonl.gz", passages)
    write(folder / "techqa" / "queries.jsonl.gz", queries)
    (folder / "techqa" / "qrels.tsv").write_text(
        "query-id\tcorpus-id\tscore\nq1\tredis.md\t1\nq2\tdisk.md\t1\n"
    )
    sentences = ["The queue is drained with drain-now.", "Nobody likes queues.", "Coffee is free."]
    case = {"passages": [{"title": "Queues", "text": " ".join(sentences), "sentences": sentences}]}
    said = [{"answer": "With drain-now.", "selected_sentences": sentences[:1]}]
    nothing = [{"answer": "", "selected_sentences": []}]
    question = {"id": "1", "input": "How is the queue drained?", "output": said}
    other = {"id": "2", "input": "Who founded the company in Oslo?", "output": nothing}
    write(folder / "clapnq" / "answerable.jsonl.gz", [case | question])
    write(folder / "clapnq" / "unanswerable.jsonl.gz", [case | other])
    source = ["The queue holds 20 messages. It is drained every night."]
    claims = {"The queue holds 20 messages.": "attributable", "The queue holds 90 keys.": "not attributable"}
    write(
        folder / "attribution" / "dev.jsonl.gz",
        [{"claim": one, "references": source, "attribution_label": label} for one, label in claims.items()],
    )
    (folder / "notes").mkdir()
    write(
        folder / "cache" / "flips.jsonl.gz",
        [{"a": "How do I enable the proxy?", "b": "How do I disable the proxy?", "label": 0}],
    )
    write(
        folder / "cache" / "others.jsonl.gz",
        [{"a": "How do I enable the proxy?", "b": "how do I enable the proxy", "label": 1}],
    )
    return folder


def test_a_copy_by_another_name_is_measured_as_what_it_holds(data: Path, tmp_path: Path) -> None:
    (data / "techqa").rename(data / "techqa-typos")
    (data / "cache").rename(data / "cache-typos")
    results = run(data, tmp_path, "--set", "techqa-typos", "--set", "cache-typos")
    assert results["techqa-typos", "expert", "nDCG@10"]["value"] == 1.0
    assert results["cache-typos", "expert", "true-hits"]["value"] == 1.0


def run(data: Path, tmp_path: Path, *words: str) -> dict[tuple[str, str, str], dict[str, Any]]:
    out = tmp_path / "results.json"
    folders = ["--cache", str(tmp_path / "vectors"), "--models", str(tmp_path / "models")]
    quality.main(["--data", str(data), "--json", str(out), *folders, *words])
    results = json.loads(out.read_text())["results"]
    return {(one["set"], one["system"], one["metric"]): one for one in results}


def test_a_whole_run_measures_the_sets_it_finds(data: Path, tmp_path: Path) -> None:
    results = run(data, tmp_path, "--report", str(tmp_path / "report"))
    found = results["techqa", "expert", "nDCG@10"]
    assert (found["task"], found["value"], found["n"]) == ("retrieval", 1.0, 2)
    assert {system for name, system, _ in results if name == "techqa"} >= {
        "expert",
        "bm25",
        "dense",
        "rrf60",
        "cc0.5",
        "cc0.6",
    }
    lead = results["techqa", "expert", "nDCG@10-cc0.6"]
    assert lead["low"] <= lead["value"] <= lead["high"]
    assert results["cache", "expert", "false-hits-flips"]["value"] == 0.0
    assert results["cache", "expert", "true-hits"]["value"] == 1.0
    assert results["techqa", "expert", "AUROC-answerable"]["value"] == 1.0
    assert results["techqa", "expert", "ECE"]["task"] == "confidence"
    assert results["clapnq", "expert", "evidence-P@1"]["value"] == 1.0
    assert results["clapnq", "expert", "AUROC-answerable"]["n"] == 2
    for name in ("attribution", "attribution/dev"):
        assert results[name, "expert", "macro-F1"]["value"] == 1.0
    assert "## techqa: retrieval, 2 questions" in (tmp_path / "report" / "quality.md").read_text()
    page = (tmp_path / "report" / "quality.html").read_text()
    assert "techqa: risk and coverage" in page
    assert "techqa: latency" in page
    assert 0 < results["techqa", "expert", "p50-ms"]["low"] <= results["techqa", "expert", "p95-ms"]["value"]
    assert "<td>cc0.6</td>" in page


def test_a_second_run_embeds_nothing(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def but_for_time() -> list[dict[str, Any]]:
        return [one for one in run(data, tmp_path, "--set", "techqa").values() if one["task"] != "latency"]

    first = but_for_time()
    kept = {one.name for one in (tmp_path / "vectors").iterdir()}
    capsys.readouterr()
    assert but_for_time() == first
    assert {one.name for one in (tmp_path / "vectors").iterdir()} == kept
    assert "| expert |" in capsys.readouterr().out


@pytest.mark.parametrize(("wanted", "said"), [((), "no set"), (("--set", "aws"), "aws: not in")])
def test_a_folder_without_the_sets_is_said(
    wanted: tuple[str, ...], said: str, data: Path, tmp_path: Path
) -> None:
    with pytest.raises(SystemExit, match=said):
        quality.main(["--data", str(data if wanted else tmp_path), *wanted])

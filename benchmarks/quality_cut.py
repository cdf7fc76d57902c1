"""A small cut of the quality measurements, for every change: the demo's runbooks and the development
questions, against figures stored beside this file. Exits with 1 where one is worse by more than TOLERANCE.

    python -m benchmarks.quality_cut            # compare
    python -m benchmarks.quality_cut --write    # store today's figures, after a change that was meant
"""

import argparse
import asyncio
import gzip
import json
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from benchmarks.fit_confidence import runbook_passages, runbook_questions
from benchmarks.harness.sets import kinds
from benchmarks.harness.vectors import KeptEmbedder
from benchmarks.quality import measured
from brain.domain.knowledge import Passage
from brain.ports import Embedder

HERE = Path(__file__).parent
REFERENCE = HERE / "quality_cut.json"
RUNBOOKS = HERE.parent / "demo" / "runbooks"
QUESTIONS = ("dev_questions", "dev_questions_far")
# Questions of each set; the same ones each time.
SAMPLE = 100
# Processors round the encoder's 8-bit sums differently.
TOLERANCE = 0.02
METRICS = ("nDCG@10", "MRR@10", "hit@3", "AUROC-answerable", "AUROC-top1", "AURC", "ECE")
BEST_LOW = ("AURC", "ECE")

Figures = dict[str, dict[str, float]]


async def figures(embedder: Embedder, folder: Path) -> Figures:
    """By set and metric; `folder` is for the sets and their embeddings."""
    data = folder / "sets"
    await write_sets(data, embedder)
    args = argparse.Namespace(data=data, sample=SAMPLE)
    results, _ = await measured(args, kinds(data), KeptEmbedder(embedder, folder / "vectors"))
    found: Figures = {name: {} for name in QUESTIONS}
    for one in results:
        if one.system == "expert" and one.metric in METRICS and one.set in found:
            found[one.set][one.metric] = round(one.value, 4)
    return found


async def write_sets(folder: Path, embedder: Embedder) -> None:
    """In the form of the public sets (docs/quality.md)."""
    passages = await runbook_passages(RUNBOOKS, embedder)
    for name in QUESTIONS:
        asked = runbook_questions(HERE / f"{name}.json")
        queries = [
            {
                "_id": str(number),
                "text": one.text,
                "answers": one.phrases,
                "is_impossible": not one.answerable,
            }
            for number, one in enumerate(asked)
        ]
        judged = ["query\tdocument\tgrade"]
        for number, one in enumerate(asked):
            judged += [f"{number}\t{uuid5(NAMESPACE_URL, it)}\t1" for it in sorted(one.documents)]
        (folder / name).mkdir(parents=True)
        _write(folder / name / "passages.jsonl.gz", map(_row, range(len(passages)), passages))
        _write(folder / name / "queries.jsonl.gz", queries)
        (folder / name / "qrels.tsv").write_text("\n".join(judged) + "\n", encoding="utf-8")


def _row(number: int, passage: Passage) -> dict[str, Any]:
    heading = " ".join(passage.heading_path)
    document = str(passage.document)
    return {
        "_id": str(number),
        "doc_id": document,
        "title": passage.title,
        "heading": heading,
        "text": passage.text,
    }


def _write(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def stored() -> Figures:
    found: Figures = json.loads(REFERENCE.read_text(encoding="utf-8"))
    return found


def worse(now: Figures, before: Figures) -> list[str]:
    """What has become worse, in words; a figure that is gone counts, too."""
    found = []
    for name, metrics in before.items():
        for metric, value in metrics.items():
            today = now.get(name, {}).get(metric)
            if today is None:
                found.append(f"{name} {metric}: was {value:.3f} and is not measured any more")
            elif (today - value if metric in BEST_LOW else value - today) > TOLERANCE:
                found.append(f"{name} {metric}: was {value:.3f}, is {today:.3f}")
    return found


def main(words: Sequence[str] | None = None) -> None:
    from brain.adapters.fastembed_embedder import PACKAGED, FastembedEmbedder

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help=f"store the figures in {REFERENCE.name}")
    parser.add_argument("--models", type=Path, default=Path.home() / ".cache" / "expert")
    args = parser.parse_args(words)
    embedder = FastembedEmbedder(PACKAGED, home=args.models)
    try:
        with tempfile.TemporaryDirectory(prefix="expert-") as folder:
            now = asyncio.run(figures(embedder, Path(folder)))
    finally:
        embedder.close()
    print(json.dumps(now, indent=1))
    if args.write:
        REFERENCE.write_text(json.dumps(now, indent=1) + "\n", encoding="utf-8")
        return
    lost = worse(now, stored())
    for line in lost:
        print(line, file=sys.stderr)
    if lost:
        print("Was that meant? Then store today's figures with --write.", file=sys.stderr)
        raise SystemExit(1)


if __name__ == "__main__":
    main()

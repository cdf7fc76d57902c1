"""Fits brain/domain/confidence.json: runs questions with known answers through retrieval, the extractive
generator and the evidence check, and learns how far each signal speaks for a right answer.

    python -m benchmarks.fit_confidence --data ../shared/data
"""

import argparse
import asyncio
import gzip
import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import numpy as np
from scipy.optimize import minimize
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold

from benchmarks.memory_index import MemoryIndex
from brain.adapters.documents.formats import read
from brain.adapters.extractive_generator import ExtractiveGenerator
from brain.domain.answer import Generation
from brain.domain.chunking import chunk
from brain.domain.confidence import Signals, numeric, said, signals
from brain.domain.evidence import Checked, check
from brain.domain.identity import DepartmentId
from brain.domain.knowledge import DocumentId, Found, Passage, PassageId
from brain.ports import Embedder, TextKind
from brain.usecases.embedding import embed_passages

DEPARTMENT = DepartmentId(UUID(int=1))
# Candidates of each ranking, and passages that are read: as brain/usecases/ask.py has it.
CANDIDATES = 50
GIVEN = 8
FOLDS = 10
# How much each set counts, whatever its size: runbook questions are what the product is for, and most people
# word them unlike the documents.
SHARES = {"dev_questions": 0.45, "dev_questions_far": 0.45, "squad2": 0.04, "techqa": 0.03, "wixqa": 0.03}
PUBLIC = ("squad2", "techqa", "wixqa")
RIDGE = 0.002


@dataclass(frozen=True, slots=True)
class Asking:
    """A question with the documents that answer it and the phrases one of which the answer must hold."""

    text: str
    group: str
    documents: frozenset[str]
    phrases: tuple[str, ...]

    @property
    def answerable(self) -> bool:
        return bool(self.documents)


@dataclass(frozen=True, slots=True)
class Outcome:
    asking: Asking
    found: tuple[Found, ...]
    checked: Checked
    signals: Signals
    right: bool


def passage(document: str, ordinal: int, title: str, text: str, path: tuple[str, ...] = ()) -> Passage:
    return Passage(
        id=PassageId(uuid5(NAMESPACE_URL, f"{document}#{ordinal}")),
        department=DEPARTMENT,
        title=title,
        heading_path=path,
        text=text,
        content_hash="",
        ordinal=ordinal,
        document=DocumentId(uuid5(NAMESPACE_URL, document)),
    )


def rows(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


async def runbook_passages(folder: Path, embedder: Embedder) -> list[Passage]:
    found = []
    for path in files(folder):
        document = read(path.read_bytes(), name=path.name, media_type=None)
        name = path.relative_to(folder).as_posix()
        found += [
            passage(name, one.ordinal, document.title, one.text, one.heading_path)
            for one in chunk(document, count_tokens=embedder.count_tokens)
        ]
    return found


def runbook_questions(path: Path) -> list[Asking]:
    content = json.loads(path.read_text(encoding="utf-8"))
    return [
        Asking(
            one["question"], one["near"], frozenset(one.get("documents", ())), tuple(one.get("phrases", ()))
        )
        for one in content
    ]


def public_set(folder: Path) -> tuple[list[Passage], list[Asking]]:
    """techqa and wixqa judge by document, squad2 by passage and answer phrase."""
    ordinals: dict[str, int] = {}
    passages = []
    for row in rows(folder / "passages.jsonl.gz"):
        document = row.get("doc_id", row["_id"])
        ordinal = ordinals[document] = ordinals.get(document, -1) + 1
        passages.append(passage(document, ordinal, row["title"].replace("_", " "), row["text"]))
    gold: dict[str, set[str]] = {}
    by_row = {row["_id"]: row.get("doc_id", row["_id"]) for row in rows(folder / "passages.jsonl.gz")}
    for line in (folder / "qrels.tsv").read_text(encoding="utf-8").splitlines():
        query, document, *_ = line.split("\t")
        gold.setdefault(query, set()).add(by_row.get(document, document))
    questions = []
    for row in rows(folder / "queries.jsonl.gz"):
        documents = frozenset() if row.get("is_impossible") else frozenset(gold.get(row["_id"], ()))
        group = str(row.get("context_id") or min(documents, default=row["_id"]))
        questions.append(Asking(row["text"], group, documents, tuple(row.get("answers", ()))))
    return passages, questions


def right(asking: Asking, checked: Checked) -> bool:
    """The answer cites a document that answers the question and holds what must be said."""
    if not asking.answerable or not checked.text:
        return False
    wanted = {uuid5(NAMESPACE_URL, document) for document in asking.documents}
    if not any(found.passage.document in wanted for _, found, _ in checked.citations):
        return False
    plain = " ".join(checked.text.lower().split())
    return not asking.phrases or any(" ".join(phrase.lower().split()) in plain for phrase in asking.phrases)


async def outcomes(index: MemoryIndex, questions: Sequence[Asking], embedder: Embedder) -> list[Outcome]:
    asked = [one.text for one in questions]
    asked_vectors = np.asarray(await embedder.embed(asked, kind=TextKind.QUESTION), dtype=np.float32)
    generator = ExtractiveGenerator()
    results = []
    for asking, vector in zip(questions, asked_vectors, strict=True):
        given = index.search(asking.text, vector, limit=CANDIDATES)[:GIVEN]
        text = ""
        async for piece in generator.generate(asking.text, passages=given, history=(), instructions=""):
            if isinstance(piece, Generation):
                text = piece.text
        checked = check(text, given)
        [answer] = await embedder.embed([said(checked)], kind=TextKind.PASSAGE)
        read = signals(asking.text, given, checked, float(vector @ np.asarray(answer)))
        results.append(Outcome(asking, tuple(given), checked, read, right(asking, checked)))
    return results


@dataclass(frozen=True, slots=True)
class Table:
    """One row for each drafted answer; `weight` sums to the share of its set."""

    names: tuple[str, ...]
    values: "np.ndarray[Any, Any]"
    right: "np.ndarray[Any, Any]"
    weight: "np.ndarray[Any, Any]"
    group: tuple[str, ...]
    sets: tuple[str, ...]


def table(results: dict[str, list[Outcome]]) -> Table:
    drafted = [(name, one) for name, found in results.items() for one in found if one.signals.drafted]
    names = tuple(numeric(Signals()))
    counts = Counter(name for name, _ in drafted)
    return Table(
        names,
        np.array([[numeric(one.signals)[name] for name in names] for _, one in drafted]),
        np.array([one.right for _, one in drafted], dtype=float),
        np.array([SHARES[name] / counts[name] for name, _ in drafted]),
        tuple(f"{name}/{one.asking.group}" for name, one in drafted),
        tuple(name for name, _ in drafted),
    )


def fitted(data: Table, chosen: Any) -> Any:
    """Intercept and coefficients of the signals; none below 0, because every signal grows with trust.

    The other sets have offsets of their own: they teach what speaks for an answer, not how often it is right.
    """
    labels, weight = data.right[chosen], data.weight[chosen] / data.weight[chosen].sum()
    sets = np.array(data.sets)[chosen]
    others = [(sets == name).astype(float) for name in PUBLIC]
    values = np.column_stack([data.values[chosen], *others])
    scale = values.std(axis=0) + 1e-9

    def loss(parameters: "np.ndarray[Any, Any]") -> tuple[float, "np.ndarray[Any, Any]"]:
        logit = parameters[0] + values @ parameters[1:]
        chance = 1 / (1 + np.exp(-logit))
        cost = weight @ (np.logaddexp(0, logit) - labels * logit) + RIDGE * np.sum(
            (parameters[1:] * scale) ** 2
        )
        slope = weight * (chance - labels)
        gradient = np.concatenate(([slope.sum()], values.T @ slope + 2 * RIDGE * parameters[1:] * scale**2))
        return float(cost), gradient

    count = values.shape[1]
    free: list[tuple[float | None, None]] = [(None, None)]
    bounds = free + [(0.0, None)] * len(data.names) + free * len(others)
    best = minimize(loss, np.zeros(count + 1), jac=True, bounds=bounds, method="L-BFGS-B").x
    return best[: len(data.names) + 1]


def predicted(parameters: Any, values: Any) -> Any:
    return 1 / (1 + np.exp(-(parameters[0] + values @ parameters[1:])))


def cross_validated(data: Table) -> Any:
    chances = np.zeros(len(data.right))
    for train, test in GroupKFold(FOLDS).split(data.values, groups=data.group):
        parameters = fitted(data, train)
        chances[test] = predicted(parameters, data.values[test])
    return chances


def calibration_error(chances: Any, labels: Any, bins: int = 10) -> float:
    """Over bins of equal mass."""
    parts = np.array_split(np.argsort(chances), bins)
    return float(
        sum(len(part) * abs(chances[part].mean() - labels[part].mean()) for part in parts) / len(chances)
    )


def figures(data: Table, chances: Any) -> dict[str, dict[str, float]]:
    result = {}
    for name in dict.fromkeys(data.sets):
        rows_ = np.array([one == name for one in data.sets])
        labels, own = data.right[rows_], chances[rows_]
        result[name] = {
            "drafted": int(rows_.sum()),
            "right": int(labels.sum()),
            "auroc": round(float(roc_auc_score(labels, own)), 3) if 0 < labels.mean() < 1 else 0.0,
            "ece": round(calibration_error(own, labels), 3),
        }
    return result


def published(results: Sequence[Outcome], chances: Any) -> dict[str, dict[str, int]]:
    """For thresholds: right and wrong answers published to answerable questions, near misses published."""
    drafted = [one for one in results if one.signals.drafted]
    counts = {}
    for threshold in (0.45, 0.5, 0.52, 0.54, 0.56, 0.58, 0.6, 0.65, 0.7, 0.8):
        out = [one for one, chance in zip(drafted, chances, strict=True) if chance >= threshold]
        counts[str(threshold)] = {
            "right": sum(one.right for one in out),
            "wrong": sum(one.asking.answerable and not one.right for one in out),
            "near misses": sum(not one.asking.answerable for one in out),
        }
    return counts


async def measured(args: argparse.Namespace, embedder: Any) -> dict[str, list[Outcome]]:
    results = {}
    index = MemoryIndex(await embed_passages(embedder, await runbook_passages(args.runbooks, embedder)))
    for path in args.questions:
        results[path.stem] = await outcomes(index, runbook_questions(path), embedder)
    for name in PUBLIC if args.data else ():
        passages, asked = public_set(args.data / name)
        chosen = random.Random(7).sample(asked, min(args.sample, len(asked)))
        index = MemoryIndex(await embed_passages(embedder, passages))
        results[name] = await outcomes(index, chosen, embedder)
    return results


def arguments() -> argparse.Namespace:
    here = Path(__file__).parent
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder with squad2, techqa, wixqa; may be left out")
    parser.add_argument("--runbooks", type=Path, default=here.parent / "demo" / "runbooks")
    parser.add_argument("--questions", type=Path, nargs="+", default=sorted(here.glob("dev_questions*.json")))
    parser.add_argument("--sample", type=int, default=250, help="questions of each public set")
    parser.add_argument("--models", type=Path, default=Path.home() / ".cache" / "expert")
    parser.add_argument("--out", type=Path, default=here.parent / "brain" / "domain" / "confidence.json")
    return parser.parse_args()


def report(results: dict[str, list[Outcome]], out: Path) -> Any:
    data = table(results)
    chances = cross_validated(data)
    parameters = fitted(data, np.arange(len(data.right)))
    content = {
        "provenance": "benchmarks/fit_confidence.py; figures by group-wise cross-validation",
        "shares": {name: SHARES[name] for name in results},
        "sets": figures(data, chances),
        "asked": {
            name: {
                "answerable": sum(one.asking.answerable for one in results[name]),
                "near misses": sum(not one.asking.answerable for one in results[name]),
                "published": published(results[name], chances[np.array(data.sets) == name]),
            }
            for name in results
            if name not in PUBLIC
        },
        "intercept": round(float(parameters[0]), 4),
        "coefficients": {
            name: round(float(value), 4) for name, value in zip(data.names, parameters[1:], strict=True)
        },
    }
    out.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(content, indent=2))
    return data, chances


def main() -> None:
    from brain.adapters.fastembed_embedder import PACKAGED, FastembedEmbedder

    args = arguments()
    embedder = FastembedEmbedder(PACKAGED, home=args.models)
    results = asyncio.run(measured(args, embedder))
    report(results, args.out)


if __name__ == "__main__":
    main()

"""Fits brain/domain/confidence.json: runs questions with known answers through retrieval, the extractive
generator and the evidence check, and learns how far each signal speaks for a right answer.

    python -m benchmarks.fit_confidence --data ../shared/data

The department's own verdicts are what `expert calibrate` goes by; this is what everybody starts with.
"""

import argparse
import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import numpy as np
from scipy.optimize import minimize
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold

from benchmarks.harness import ranking
from benchmarks.harness.confidence import is_right
from benchmarks.harness.doubt import calibration_error
from benchmarks.harness.drafts import Draft, drafted
from benchmarks.harness.evidence import read_cases
from benchmarks.harness.metrics import Array, whole
from benchmarks.harness.sets import Query, RetrievalSet, read_retrieval
from benchmarks.harness.vectors import KeptEmbedder
from benchmarks.memory_index import MemoryIndex
from brain.adapters.documents.formats import read
from brain.domain.chunking import chunk
from brain.domain.confidence import Signals, numeric
from brain.domain.identity import DepartmentId
from brain.domain.knowledge import DocumentId, Passage, PassageId
from brain.ports import Embedder, TextKind
from brain.usecases.embedding import embed_passages
from brain.usecases.searching import CANDIDATES

DEPARTMENT = DepartmentId(UUID(int=1))
FOLDS = 10
# How much each set counts, whatever its size: runbook questions are what the product is for, and the half of
# squad2 that nothing answers was written to fool readers.
SHARES = {
    "techqa": 1.0,
    "wixqa": 1.0,
    "aws": 1.0,
    "alert2runbook": 1.0,
    "squad2": 0.5,
    "dev_questions": 2.0,
    "dev_questions_far": 2.0,
}
# Half the questions of one set have no answer, none of another: by construction, and no question shows which.
# Each set counts as if one in five had none, as in techqa, whose questions people asked. Where all have one,
# questions whose documents are taken away stand in.
UNANSWERABLE = 0.2
LONE = "clapnq"
SAMPLE = 600
RIDGE = 0.005
AMONG = ("meaning", "standing_out", "margin", "settled", "names_found", "words_cited", "shape")
ALONE = ("near", "covered", "told")
THRESHOLDS = (0.5, 0.55, 0.6, 0.65, 0.68, 0.7, 0.72, 0.74, 0.76, 0.78, 0.8, 0.85, 0.9)


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
    """What became of a question of `set`. `made`: its documents were taken away."""

    set: str
    group: str
    answerable: bool
    signals: Signals
    right: bool
    made: bool = False


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


async def runbook_outcomes(args: argparse.Namespace, embedder: KeptEmbedder) -> AsyncIterator[Outcome]:
    index = MemoryIndex(await embed_passages(embedder, await runbook_passages(args.runbooks, embedder)))
    for path in args.questions:
        asked = runbook_questions(path)
        vectors = await embedder.matrix([one.text for one in asked], kind=TextKind.QUESTION)
        for number, (one, vector) in enumerate(zip(asked, vectors, strict=True)):
            query = Query(f"{number}", one.text, dict.fromkeys(one.documents, 1), None, one.phrases)
            draft = await drafted(query.text, vector, index)
            yield outcome(path.stem, one.group, query, draft)


def outcome(name: str, group: str, query: Query, draft: Draft) -> Outcome:
    return Outcome(name, f"{name}/{group}", bool(query.gold), draft.signals, is_right(query, draft))


async def public_outcomes(found: RetrievalSet, embedder: KeptEmbedder) -> AsyncIterator[Outcome]:
    prepared = await ranking.prepared(found, embedder)
    asked = list(zip(found.queries, prepared.asked, strict=True))
    for query, vector in asked:
        draft = await drafted(query.text, vector, prepared.index)
        yield outcome(found.name, query.cluster, query, draft)
    if all(query.gold for query in found.queries):
        for query, vector in asked:
            apart = [one for one, document in found.document_of.items() if document in query.gold]
            await embed_pieces(prepared.index, query.text, vector, embedder, apart)
            draft = await drafted(query.text, vector, prepared.index, apart_from=apart)
            yield Outcome(found.name, f"{found.name}/{query.cluster}", False, draft.signals, False, made=True)


async def embed_pieces(
    index: MemoryIndex, question: str, vector: Array, embedder: KeptEmbedder, apart: Sequence[PassageId]
) -> None:
    """Of passages that come up only now that better ones are away."""
    ranked = index.search(question, vector, limit=CANDIDATES, apart_from=apart)
    new = await embed_passages(embedder, [one.passage for one in ranked if not one.pieces])
    known = {one.passage.id: one for one in new}
    if known:
        index.embedded = [known.get(one.passage.id, one) for one in index.embedded]


async def lone_outcomes(folder: Path, embedder: KeptEmbedder) -> AsyncIterator[Outcome]:
    """A question and the one passage that there is."""
    for number, case in enumerate(read_cases(folder)):
        [vector] = await embedder.matrix([case.question], kind=TextKind.QUESTION)
        draft = await drafted(
            case.question, vector, MemoryIndex(await embed_passages(embedder, [case.passage]))
        )
        said = " ".join(draft.checked.text.split())
        right = any(" ".join(case.sentences[one].split()) in said for one in case.gold)
        yield Outcome(LONE, f"{LONE}/{number}", case.answerable, draft.signals, right)


@dataclass(frozen=True, slots=True)
class Table:
    """One row for each question; `weight` makes a set count as SHARES and UNANSWERABLE say."""

    values: Array
    right: Array
    weight: Array
    group: Array
    sets: Array
    made: Array
    drafted: Array


def table(results: Sequence[Outcome], names: Sequence[str]) -> Table:
    sets = np.array([one.set for one in results])
    answerable = np.array([one.answerable for one in results])
    made = np.array([one.made for one in results])
    weight = np.zeros(len(results))
    for name in dict.fromkeys(sets):
        share = SHARES.get(str(name), 1.0)
        none = (sets == name) & ~answerable
        some = (sets == name) & answerable
        if name == LONE:  # a passage that was given says nothing of how many questions have an answer
            none, some = np.zeros_like(none), sets == name
        rest = UNANSWERABLE if none.any() else 0.0
        weight[some] = share * (1 - rest) / max(some.sum(), 1)
        weight[none] = share * rest / max(none.sum(), 1)
    return Table(
        np.array([[numeric(one.signals)[name] for name in names] for one in results]),
        np.array([one.right for one in results], dtype=float),
        weight,
        np.array([one.group for one in results]),
        sets,
        made,
        np.array([one.signals.drafted for one in results]),
    )


def fitted(data: Table, chosen: Array) -> Array:
    """Intercept and coefficients of the signals; none below 0, because every signal grows with trust."""
    chosen = chosen & data.drafted
    values, labels = data.values[chosen], data.right[chosen]
    weight = data.weight[chosen] / data.weight[chosen].sum()
    scale = np.sqrt(weight @ (values - weight @ values) ** 2)

    def loss(parameters: Array) -> tuple[float, Array]:
        logit = parameters[0] + values @ parameters[1:]
        cost = weight @ (np.logaddexp(0, logit) - labels * logit)
        slope = weight * (1 / (1 + np.exp(-logit)) - labels)
        shrunk = parameters[1:] * scale**2
        gradient = np.concatenate(([slope.sum()], values.T @ slope + 2 * RIDGE * shrunk))
        return float(cost + RIDGE * shrunk @ parameters[1:]), gradient

    bounds = [(None, None), *[(0.0, None)] * values.shape[1]]
    found: Array = minimize(loss, np.zeros(values.shape[1] + 1), jac=True, bounds=bounds, method="L-BFGS-B").x
    return found


def predicted(parameters: Array, data: Table) -> Array:
    chances: Array = 1 / (1 + np.exp(-(parameters[0] + data.values @ parameters[1:])))
    return np.where(data.drafted, chances, 0.0)


def cross_validated(data: Table) -> Array:
    """Each question by weights that were fitted without it and those about the same documents."""
    chances = np.zeros(len(data.right))
    for train, test in GroupKFold(FOLDS).split(data.values, groups=data.group):
        chosen = np.isin(np.arange(len(chances)), train)
        chances[test] = predicted(fitted(data, chosen), data)[test]
    return chances


def left_out(data: Table) -> Array:
    """Each question by weights that were fitted without its set: as on documents never seen. Both sets of
    development questions are about the same ones."""
    chances = np.zeros(len(data.right))
    family = np.array([name.removesuffix("_far") for name in data.sets])
    for name in dict.fromkeys(family):
        chances[family == name] = predicted(fitted(data, family != name), data)[family == name]
    return chances


def figures(data: Table, chances: Array) -> dict[str, dict[str, float]]:
    """Of real questions, as many without an answer as the set has."""
    result = {}
    for name in dict.fromkeys(data.sets):
        own = (data.sets == name) & ~data.made & data.drafted
        labels, sure = data.right[own], chances[own]
        result[str(name)] = {
            "drafted": int(own.sum()),
            "right": int(labels.sum()),
            "auroc": round(float(roc_auc_score(labels, sure)), 3) if 0 < labels.mean() < 1 else 0.0,
            "ece": round(float(whole(calibration_error(sure, labels), len(labels))), 3),
        }
    return result


def published(results: Sequence[Outcome], chances: Array, name: str) -> dict[str, Any]:
    """For thresholds: right and wrong answers published to answerable questions, near misses published."""
    own = [(one, chance) for one, chance in zip(results, chances, strict=True) if one.set == name]
    counts = {}
    for threshold in THRESHOLDS:
        out = [one for one, chance in own if chance >= threshold]
        counts[str(threshold)] = {
            "right": sum(one.right for one in out),
            "wrong": sum(one.answerable and not one.right for one in out),
            "near misses": sum(not one.answerable for one in out),
        }
    answerable = sum(one.answerable for one, _ in own)
    return {"answerable": answerable, "near misses": len(own) - answerable, "published": counts}


async def measured(args: argparse.Namespace, embedder: KeptEmbedder) -> list[Outcome]:
    results = [one async for one in runbook_outcomes(args, embedder)]
    for name in SHARES:
        if (args.data / name).is_dir():
            found = read_retrieval(args.data / name, sample=SAMPLE)
            results += [one async for one in public_outcomes(found, embedder)]
            embedder.save()
    results += [one async for one in lone_outcomes(args.data / LONE, embedder)]
    embedder.save()
    return results


def regression(results: Sequence[Outcome], names: Sequence[str]) -> tuple[dict[str, Any], Array]:
    """The weights with how well they do, and each question's chance, cross-validated."""
    data = table(results, names)
    chances = cross_validated(data)
    parameters = fitted(data, np.ones(len(results), dtype=bool))
    several = len(set(data.sets)) > 1
    return {
        "intercept": round(float(parameters[0]), 4),
        "coefficients": {
            name: round(float(value), 4) for name, value in zip(names, parameters[1:], strict=True)
        },
        "cross-validated": figures(data, chances),
        **({"fitted without the set": figures(data, left_out(data))} if several else {}),
    }, chances


def report(results: Sequence[Outcome], out: Path) -> None:
    among = [one for one in results if one.set != LONE]
    weighed, chances = regression(among, AMONG)
    content = {
        "provenance": "benchmarks/fit_confidence.py",
        "shares": SHARES,
        "among": weighed,
        "alone": regression([one for one in results if one.set == LONE], ALONE)[0],
        "asked": {
            name: published(among, chances, name)
            for name in dict.fromkeys(one.set for one in among)
            if name.startswith("dev_")
        },
    }
    out.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(content, indent=2))


def arguments() -> argparse.Namespace:
    here = Path(__file__).parent
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with the sets of docs/quality.md")
    parser.add_argument("--runbooks", type=Path, default=here.parent / "demo" / "runbooks")
    parser.add_argument("--questions", type=Path, nargs="+", default=sorted(here.glob("dev_questions*.json")))
    parser.add_argument("--cache", type=Path, default=here.parent / "build" / "quality")
    parser.add_argument("--models", type=Path, default=Path.home() / ".cache" / "expert")
    parser.add_argument("--out", type=Path, default=here.parent / "brain" / "domain" / "confidence.json")
    return parser.parse_args()


def main() -> None:
    from brain.adapters.fastembed_embedder import PACKAGED, FastembedEmbedder

    args = arguments()
    embedder = FastembedEmbedder(PACKAGED, home=args.models)
    try:
        results = asyncio.run(measured(args, KeptEmbedder(embedder, args.cache)))
    finally:
        embedder.close()
    report(results, args.out)


if __name__ == "__main__":
    main()

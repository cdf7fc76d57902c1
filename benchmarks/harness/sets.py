"""Reads the sets that quality is measured on: passages, questions and judgements (docs/quality.md)."""

import gzip
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar
from uuid import NAMESPACE_URL, UUID, uuid5

from brain.domain.identity import DepartmentId
from brain.domain.knowledge import DocumentId, Passage, PassageId

# What the average over sets is taken of.
MACRO = ("techqa", "wixqa", "aws", "alert2runbook")
# Beside a file, the Markdown that is expected of it.
EXPECTED = ".expected.md"
_DEPARTMENT = DepartmentId(UUID(int=1))
_SEED = 20_261_121
T = TypeVar("T")


class Kind(StrEnum):
    """What a folder holds, as its files and their first row tell: copies go by other names."""

    RETRIEVAL = "retrieval"
    EVIDENCE = "evidence"
    ATTRIBUTION = "attribution"
    CACHE = "cache"
    PARSING = "parsing"
    CONVERSATIONS = "conversations"


def kinds(data: Path) -> dict[str, Kind]:
    """Every folder that can be measured, in order."""
    found = {path.name: _kind(path) for path in sorted(data.glob("*")) if path.is_dir()}
    return {name: kind for name, kind in found.items() if kind is not None}


def _kind(folder: Path) -> Kind | None:
    names = {path.name for path in folder.iterdir()}
    if {"passages.jsonl.gz", "queries.jsonl.gz", "qrels.tsv"} <= names:
        return Kind.RETRIEVAL
    if {"answerable.jsonl.gz", "unanswerable.jsonl.gz"} <= names:
        return Kind.EVIDENCE
    if any(name.endswith(EXPECTED) and name.removesuffix(EXPECTED) in names for name in names):
        return Kind.PARSING
    firsts = [set(_first(path)) for path in sorted(folder.glob("*.jsonl.gz"))]
    if firsts and all({"claim", "references", "attribution_label"} <= first for first in firsts):
        return Kind.ATTRIBUTION
    if firsts and all({"a", "b", "label"} <= first for first in firsts):
        return Kind.CACHE
    if firsts and all({"input", "contexts", "answerability"} <= first for first in firsts):
        return Kind.CONVERSATIONS
    return None


def _first(path: Path) -> dict[str, Any]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        found: dict[str, Any] = json.loads(next(lines, "{}"))
    return found


@dataclass(frozen=True, slots=True)
class Query:
    """`gold`: the documents that answer it, with their grades; none where nothing does. `itself` is the
    document that it was taken from, which must not be found. `phrases`: the answer holds one of them."""

    id: str
    text: str
    gold: Mapping[str, int]
    itself: str | None = None
    phrases: tuple[str, ...] = ()

    @property
    def cluster(self) -> str:
        """Questions about one document are not independent: they are drawn together."""
        return min(self.gold, default=self.id)


@dataclass(frozen=True)
class RetrievalSet:
    """`documents` names the document of each passage."""

    name: str
    passages: Sequence[Passage]
    documents: Sequence[str]
    queries: Sequence[Query]

    @cached_property
    def answerable(self) -> list[Query]:
        return [one for one in self.queries if one.gold]

    @property
    def are_questions(self) -> bool:
        """Bug reports that were taken from the documents are not answered, they are told apart."""
        return all(one.itself is None for one in self.queries)

    @cached_property
    def document_of(self) -> dict[PassageId, str]:
        return {one.id: name for one, name in zip(self.passages, self.documents, strict=True)}


def rows(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def sampled(items: Sequence[T], sample: int | None) -> list[T]:
    """So many of them, the same ones each time, in their order; all without a number."""
    if sample is None or sample >= len(items):
        return list(items)
    chosen = random.Random(_SEED).sample(range(len(items)), sample)
    return [items[one] for one in sorted(chosen)]


def read_retrieval(folder: Path, *, sample: int | None = None) -> RetrievalSet:
    passages: list[Passage] = []
    documents: list[str] = []
    ordinals: dict[str, int] = {}
    for row in rows(folder / "passages.jsonl.gz"):
        document = str(row.get("doc_id", row["_id"]))
        ordinal = ordinals[document] = ordinals.get(document, -1) + 1
        passages.append(to_passage(row, document, ordinal))
        documents.append(document)
    gold = _judgements(folder / "qrels.tsv")
    queries = [
        Query(
            str(row["_id"]),
            str(row["text"]),
            {} if row.get("is_impossible") else gold.get(str(row["_id"]), {}),
            str(row["bug"]) if "bug" in row else None,
            tuple(row.get("answers", ())),
        )
        for row in rows(folder / "queries.jsonl.gz")
    ]
    return RetrievalSet(folder.name, passages, documents, sampled(queries, sample))


def to_passage(row: Mapping[str, Any], document: str, ordinal: int) -> Passage:
    title, heading = str(row["title"]).replace("_", " "), str(row.get("heading") or "")
    return Passage(
        id=PassageId(uuid5(NAMESPACE_URL, f"{document}#{ordinal}")),
        department=_DEPARTMENT,
        title=title,
        # A document's first section has its title for a heading, which need not be said twice.
        heading_path=(heading,) if heading and heading != title else (),
        text=str(row["text"]),
        content_hash="",
        ordinal=ordinal,
        document=DocumentId(uuid5(NAMESPACE_URL, document)),
    )


def _judgements(path: Path) -> dict[str, dict[str, int]]:
    gold: dict[str, dict[str, int]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        query, document, grade = line.split("\t")
        if grade.isdigit() and int(grade) > 0:  # the first line names the columns
            gold.setdefault(query, {})[document] = int(grade)
    return gold

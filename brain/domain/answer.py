"""Answers and the passages they rest on."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType
from uuid import UUID

from brain.domain.identity import DepartmentId, MemberId
from brain.domain.knowledge import ArticleId, DocumentId, PassageId
from brain.domain.ladder import Level
from brain.domain.question import QuestionId
from brain.domain.spent import NOTHING_SPENT, Spent

AnswerId = NewType("AnswerId", UUID)
# What a draft that asks the asker what is meant says where others name the model that wrote them.
ASKED_BACK = "asked back"


class AnswerStatus(StrEnum):
    DRAFT = "draft"
    IN_REVIEW = "in_review"
    PUBLISHED = "published"
    ABSTAINED = "abstained"
    REJECTED = "rejected"
    EXPIRED = "expired"
    SUSPENDED = "suspended"
    RETRACTED = "retracted"


@dataclass(frozen=True, slots=True)
class Citation:
    """Number `[n]` of an answer: the passage (with the content hash it had) and the words in it.

    `passage_text` is the whole passage, kept from when it changes, for those who judge the change.
    """

    number: int
    passage: PassageId
    passage_hash: str
    title: str
    heading_path: tuple[str, ...]
    page: int | None
    quote: str
    document: DocumentId | None = None
    article: ArticleId | None = None
    passage_text: str = ""

    @property
    def label(self) -> str:
        place = " › ".join((self.title, *self.heading_path))
        return f"{place} (page {self.page})" if self.page else place


@dataclass(frozen=True, slots=True)
class Approval:
    """Who checked the answer, and when."""

    by: MemberId
    name: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Answer:
    """One version of the answer to a question; `text` is empty where nothing was found.

    `withdrawn` tells the one who asked why it does not hold any more; `level` is the one it was made on.
    """

    id: AnswerId
    question: QuestionId
    department: DepartmentId
    status: AnswerStatus
    text: str
    citations: tuple[Citation, ...]
    confidence: float
    reasons: tuple[str, ...]
    model: str
    prompt_hash: str
    scope: frozenset[DepartmentId]
    version: int = 1
    article: ArticleId | None = None
    approval: Approval | None = None
    withdrawn: str = ""
    signals: Mapping[str, float] = field(default_factory=dict)
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    spent: Spent = NOTHING_SPENT
    level: Level = Level.FULL

    @property
    def level_told(self) -> Level:
        """What people are told of it: where a person has checked what stood in, it is the person's word."""
        return Level.FULL if self.approval and self.level < Level.NO_SEARCH else self.level

    @property
    def asks_back(self) -> bool:
        """A question in return: it cites what the asker may mean, and no reviewer has to do with it."""
        return self.status is AnswerStatus.DRAFT and self.model == ASKED_BACK

    @property
    def certainty(self) -> float:
        """What people are told: a person's word stands above the calibration, which keeps its own value."""
        return 1.0 if self.approval else self.confidence

    @property
    def grounds(self) -> tuple[str, ...]:
        """Why people are told so."""
        return (f"{self.approval.name} checked this answer.",) if self.approval else self.reasons

    @property
    def shown_hash(self) -> str:
        """What a verdict is bound to: text, citations and who may see it."""
        return shown_hash(self.text, self.citations, self.scope)


def shown_hash(text: str, citations: Iterable[Citation], scope: Iterable[DepartmentId]) -> str:
    parts = [text, *(f"{c.number}:{c.passage}:{c.passage_hash}" for c in citations)]
    parts += sorted(str(department) for department in scope)
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Piece:
    """Some text of an answer that is being generated."""

    text: str


@dataclass(frozen=True, slots=True)
class Generation:
    """A finished generation: Markdown whose `[n]` markers count the passages given, from 1.

    Empty `text` says that nothing in the passages answers the question. `quoted`: every word is from the
    passages. `notes` are sentences for people on how it came about, where that was not as usual; `level` says
    that something stood in for the usual model.
    """

    text: str
    model: str
    prompt_hash: str
    spent: Spent = NOTHING_SPENT
    quoted: bool = False
    notes: tuple[str, ...] = ()
    level: Level = Level.FULL

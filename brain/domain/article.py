"""Approved questions and answers kept as knowledge."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from brain.domain.answer import AnswerId, Approval, Citation
from brain.domain.identity import DepartmentId
from brain.domain.knowledge import ArticleId


class ArticleStatus(StrEnum):
    LIVE = "live"
    SUSPENDED = "suspended"
    RETRACTED = "retracted"


@dataclass(frozen=True, slots=True)
class Article:
    """Current version of what a human approved; `answer` carries its citations and provenance."""

    id: ArticleId
    department: DepartmentId
    version: int
    status: ArticleStatus
    question: str
    text: str
    answer: AnswerId
    scope: frozenset[DepartmentId]
    approval: Approval
    citations: tuple[Citation, ...] = ()
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ArticleMatch:
    """An article one of whose known wordings is near the question (`similarity`: cosine)."""

    article: Article
    wording: str
    similarity: float

"""Approved questions and answers kept as knowledge."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from brain.domain.answer import AnswerId, Approval, Citation
from brain.domain.identity import DepartmentId
from brain.domain.knowledge import ArticleId
from brain.domain.question import QuestionId

# How long before its end an article's reviewers are asked whether it still holds.
NOTICE = timedelta(days=14)


class ArticleStatus(StrEnum):
    LIVE = "live"
    SUSPENDED = "suspended"
    RETRACTED = "retracted"


@dataclass(frozen=True, slots=True)
class Article:
    """Current version of what a human approved; `answer` carries its citations and provenance.

    `note` says how this version came to be where that was not a verdict. It is served until `expires_at`.
    `sources` are the departments that it rests on. Its readers are those of all in `scope`, which is the same
    set until somebody widens it, and those of any that it was `widened` to.
    """

    id: ArticleId
    department: DepartmentId
    version: int
    status: ArticleStatus
    question: str
    text: str
    answer: AnswerId
    scope: frozenset[DepartmentId]
    approval: Approval
    asked: QuestionId
    expires_at: datetime
    sources: frozenset[DepartmentId]
    widened: frozenset[DepartmentId] = frozenset()
    citations: tuple[Citation, ...] = ()
    note: str = ""
    updated_at: datetime | None = None

    def readable_by(self, readable: frozenset[DepartmentId]) -> bool:
        return self.scope <= readable or not self.widened.isdisjoint(readable)

    def as_read_by(self, readable: frozenset[DepartmentId]) -> "Article":
        """What was widened is its text: its sources stay with those who may read them."""
        if self.sources <= readable:
            return self
        scope = self.scope if self.scope <= readable else frozenset(sorted(self.widened & readable)[:1])
        return replace(self, citations=(), scope=scope)

    @property
    def notice_at(self) -> datetime:
        """When to ask for a confirmation: some days before the end, or half-way of a short life."""
        return self.expires_at - min(NOTICE, (self.expires_at - self.approval.at) / 2)


def undisputed(articles: Sequence[Article], *, among: frozenset[DepartmentId]) -> Article | None:
    """The first of those that answer one question, if no other department answers it differently: then it is
    that of the asker's own department (`among`), and without one nobody can tell which is meant."""
    own = [one for one in articles if one.department in among]
    for those in (own, articles):
        said = {(one.department, one.text) for one in those}
        if those and (len({text for _, text in said}) == 1 or len({owner for owner, _ in said}) == 1):
            return those[0]
        if those:
            return None
    return None


@dataclass(frozen=True, slots=True)
class ArticleVersion:
    """What an article said at some time, on whose word."""

    number: int
    text: str
    answer: AnswerId
    scope: frozenset[DepartmentId]
    approval: Approval
    citations: tuple[Citation, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class ArticleMatch:
    """An article one of whose known wordings is near the question (`similarity`: cosine)."""

    article: Article
    wording: str
    similarity: float

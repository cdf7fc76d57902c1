"""Requests for judgement, who may give it, and what was decided."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType
from uuid import UUID

from brain.domain.answer import Answer, AnswerId
from brain.domain.change import Source
from brain.domain.clock import Step
from brain.domain.identity import Department, DepartmentId, Member, MemberId, Role, Visibility
from brain.domain.knowledge import ArticleId
from brain.domain.question import QuestionId

ReviewId = NewType("ReviewId", UUID)
VerdictId = NewType("VerdictId", UUID)


class ReviewStatus(StrEnum):
    OPEN = "open"
    DECIDED = "decided"
    EXPIRED = "expired"


class Occasion(StrEnum):
    """Why a review was opened: for a new answer, or for an article that has to be looked at again."""

    ANSWER = "answer"
    CHANGED = "changed"
    GONE = "gone"
    RESTRICTED = "restricted"
    EXPIRING = "expiring"
    EXPIRED = "expired"


class MoveKind(StrEnum):
    """What happened to a review between its opening and its end."""

    ASSIGNED = "assigned"
    REMINDED = "reminded"
    HANDED_ON = "handed_on"
    PASSED = "passed"
    TO_OWNER = "to_owner"
    EXPIRED = "expired"


class VerdictKind(StrEnum):
    APPROVE = "approve"
    AMEND = "amend"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class Review:
    """`number` is what people type; `shown_hash` is what the reviewer is asked to judge.

    With `article`, it is about whether that article still holds. `assignee` is whose turn it is; `next_step`
    is taken at `rings_at` unless somebody decides before.
    """

    id: ReviewId
    number: int
    question: QuestionId
    answer: AnswerId
    department: DepartmentId
    status: ReviewStatus
    shown_hash: str
    opened_at: datetime
    due_at: datetime
    article: ArticleId | None = None
    occasion: Occasion = Occasion.ANSWER
    assignee: MemberId | None = None
    next_step: Step = Step.REMIND
    rings_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """`member` is who has the review from then on, None where nobody could be found; `by` is who passed it.

    Names are filled in where a move is read.
    """

    kind: MoveKind
    at: datetime
    member: MemberId | None = None
    by: MemberId | None = None
    reason: str = ""
    member_name: str = ""
    by_name: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    id: VerdictId
    review: ReviewId
    member: MemberId
    kind: VerdictKind
    shown_hash: str
    reason: str = ""
    diff: str = ""
    decided_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ReviewCase:
    """A review with all a reviewer needs to see, as read in one transaction.

    `questions` wait for it, each in the wording in which it can be understood alone. Only a case that was
    asked for by number or id has `sources`, which say what became of each citation, and `shown_to`, those who
    were shown what is to be judged now.
    """

    review: Review
    question: str
    asked_by: str
    answer: Answer
    askers: frozenset[MemberId]
    questions: tuple[tuple[QuestionId, str], ...] = ()
    verdict: Verdict | None = None
    decided_by: str | None = None
    sources: tuple[Source, ...] = ()
    assigned_to: str | None = None
    history: tuple[Move, ...] = ()
    shown_to: frozenset[MemberId] = frozenset()

    @property
    def waiting(self) -> int:
        return len(self.questions)


def looks_after(review: Review, member: Member) -> bool:
    """Reviewers of the department; and its owner or admin, while the review is theirs."""
    if member.may(Role.REVIEWER, review.department):
        return True
    return review.assignee == member.id and member.may(Role.ADMIN, review.department)


def objection(case: ReviewCase, reviewer: Member, departments: Sequence[Department]) -> str | None:
    """Why this member may not decide this review, or None where they may."""
    if reviewer.disabled_at is not None:
        return "Your account is disabled."
    if not looks_after(case.review, reviewer):
        return "Only reviewers of the department may decide this review."
    public = {one.id for one in departments if one.visibility is Visibility.TENANT}
    if not case.answer.scope <= reviewer.departments | public:
        return "You may not read every source of this answer."
    if reviewer.id in case.askers:
        return "Somebody else has to check the answer to your own question."
    return None

"""Keys, feedback, tasks and the audit trail."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType
from uuid import UUID

from brain.domain.answer import AnswerId
from brain.domain.identity import Member, MemberId
from brain.domain.question import QuestionId

KeyId = NewType("KeyId", UUID)
FeedbackId = NewType("FeedbackId", UUID)
TaskId = NewType("TaskId", UUID)


@dataclass(frozen=True, slots=True)
class Key:
    """An API key; only the SHA-256 digest of the secret is kept."""

    id: KeyId
    member: MemberId
    name: str
    digest: str
    created_at: datetime
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class KeyOwner:
    """`admitted` is false where the key is revoked or the member disabled."""

    member: Member
    admitted: bool


class Reason(StrEnum):
    WRONG = "wrong"
    OUTDATED = "outdated"
    INCOMPLETE = "incomplete"
    UNCLEAR = "unclear"
    NOT_MY_QUESTION = "not_my_question"


@dataclass(frozen=True, slots=True)
class Feedback:
    """What one member thought of one answer; a later one replaces it. `asked` is the question's text."""

    id: FeedbackId
    question: QuestionId
    answer: AnswerId
    member: MemberId
    helpful: bool
    reason: Reason | None = None
    comment: str = ""
    asked: str = ""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what to what. `details` holds ids, numbers and reasons, never secrets."""

    actor: MemberId | None
    action: str
    subject: str
    details: tuple[tuple[str, str], ...] = ()


class TaskState(StrEnum):
    READY = "ready"
    LEASED = "leased"
    UNKNOWN = "unknown"
    DONE = "done"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Task:
    """One handler's work on one event. `error` says why the last attempt failed."""

    id: TaskId
    event: str
    handler: str
    state: TaskState
    attempts: int
    due_at: datetime
    error: str = ""

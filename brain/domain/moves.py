"""Where answers, reviews, articles, documents and tasks may go from the state they are in.

The states are those of DESIGN.md: answer draft, in_review, published, abstained, rejected, expired,
suspended, retracted; review open, decided, expired; task ready, leased, unknown, done, dead. PostgreSQL keeps
to these moves (migration 0021), and a test walks all of them there. To stay is no move.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from enum import StrEnum

from brain.domain.answer import AnswerStatus
from brain.domain.article import ArticleStatus
from brain.domain.knowledge import DocumentStatus
from brain.domain.records import TaskState
from brain.domain.review import ReviewStatus

# Said of what is only being made.
NOTHING = "nothing"


class IllegalMove(Exception):
    """A bug: nobody can do anything about it but mend the code. It names no texts, and may be logged."""

    def __init__(self, kind: str, before: str, after: str) -> None:
        super().__init__(f"The {kind} may not go from {before} to {after}.")
        self.kind, self.before, self.after = kind, before, after


@dataclass(frozen=True, slots=True)
class Moves:
    """Of one kind of thing: the states it may begin in, and from each of all states those it may go to."""

    kind: str
    first: Set[StrEnum]
    then: Mapping[StrEnum, Set[StrEnum]]

    def legal(self, before: StrEnum | None, after: StrEnum) -> bool:
        return after in (self.first if before is None else self.then[before]) or before is after


ANSWER = Moves(
    "answer",
    first={AnswerStatus.DRAFT, AnswerStatus.IN_REVIEW, AnswerStatus.PUBLISHED, AnswerStatus.ABSTAINED},
    # Back to draft goes what a newer version of the answer replaces; to retracted, also what is erased.
    then={
        AnswerStatus.DRAFT: {AnswerStatus.PUBLISHED, AnswerStatus.RETRACTED},
        AnswerStatus.IN_REVIEW: {
            AnswerStatus.DRAFT,
            AnswerStatus.PUBLISHED,
            AnswerStatus.REJECTED,
            AnswerStatus.EXPIRED,
            AnswerStatus.RETRACTED,
        },
        # Without a draft there is nothing to publish: a person's answer is a version of its own.
        AnswerStatus.ABSTAINED: {
            AnswerStatus.DRAFT,
            AnswerStatus.REJECTED,
            AnswerStatus.EXPIRED,
            AnswerStatus.RETRACTED,
        },
        # Nothing that is out expires: it is suspended when its ground is gone, or taken back. The asker may
        # have wanted a person to look at it, who rejected it.
        AnswerStatus.PUBLISHED: {
            AnswerStatus.DRAFT,
            AnswerStatus.REJECTED,
            AnswerStatus.SUSPENDED,
            AnswerStatus.RETRACTED,
        },
        # Its ground came back, and a person approved it as it is.
        AnswerStatus.SUSPENDED: {
            AnswerStatus.DRAFT,
            AnswerStatus.PUBLISHED,
            AnswerStatus.REJECTED,
            AnswerStatus.EXPIRED,
            AnswerStatus.RETRACTED,
        },
        # Reviewers are asked again about an article that nobody decided; those who wait still wait.
        AnswerStatus.EXPIRED: {AnswerStatus.DRAFT, AnswerStatus.REJECTED, AnswerStatus.RETRACTED},
        AnswerStatus.REJECTED: {AnswerStatus.DRAFT, AnswerStatus.RETRACTED},
        # An article that was taken back can be rolled back to a version that holds.
        AnswerStatus.RETRACTED: {AnswerStatus.DRAFT},
    },
)

REVIEW = Moves(
    "review",
    first={ReviewStatus.OPEN},
    then={
        ReviewStatus.OPEN: {ReviewStatus.DECIDED, ReviewStatus.EXPIRED},
        ReviewStatus.DECIDED: set(),
        ReviewStatus.EXPIRED: set(),
    },
)

ARTICLE = Moves(
    "article",
    first={ArticleStatus.LIVE},
    then={
        ArticleStatus.LIVE: {ArticleStatus.SUSPENDED, ArticleStatus.RETRACTED},
        ArticleStatus.SUSPENDED: {ArticleStatus.LIVE, ArticleStatus.RETRACTED},
        ArticleStatus.RETRACTED: {ArticleStatus.LIVE},
    },
)

DOCUMENT = Moves(
    "document",
    first={DocumentStatus.LIVE, DocumentStatus.QUARANTINED},
    then={
        DocumentStatus.LIVE: {DocumentStatus.QUARANTINED},
        DocumentStatus.QUARANTINED: {DocumentStatus.LIVE},
    },
)

TASK = Moves(
    "task",
    first={TaskState.READY},
    then={
        TaskState.READY: {TaskState.LEASED},
        TaskState.LEASED: {TaskState.READY, TaskState.DONE, TaskState.DEAD},
        TaskState.DEAD: {TaskState.READY},
        TaskState.DONE: set(),
        # Reserved: what is not known of a message is kept with the message; the next attempt looks it up.
        TaskState.UNKNOWN: set(),
    },
)

EVERY = (ANSWER, REVIEW, ARTICLE, DOCUMENT, TASK)

"""What an asker gets back, and what a reviewer is shown: the present state of a question or a review."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from brain.domain.answer import Answer
from brain.domain.article import Article
from brain.domain.conversation import Conversation
from brain.domain.identity import Department, Member
from brain.domain.question import Question
from brain.domain.review import ReviewCase


@dataclass(frozen=True, slots=True)
class Reply:
    """`answer` is None while the question is being worked on; `review` numbers what was opened for it.

    `department` is the slug of the one that answers for the answer; `note` says what an empty or held
    answer means for the asker.
    """

    question: Question
    answer: Answer | None
    review: int | None = None
    department: str | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """A reply as everybody who reads the conversation may see it, with all that a message about it says.

    `conversation` is None where it was not asked on a chat platform. While a review is open, it is
    `reviewer`'s turn (empty: nobody's), until `due_at`. `links` are addresses of cited sources, by number.
    `asker_reads_more`: alone, the asker may read what was kept from this conversation.
    """

    reply: Reply
    conversation: Conversation | None
    asker: Member
    department: str = ""
    open_review: int | None = None
    was_reviewed: bool = False
    reviewer: str = ""
    due_at: datetime | None = None
    asker_reads_more: bool = False
    links: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Card:
    """A review as its department's reviewers see it. `similar` are approved answers to near questions."""

    case: ReviewCase
    department: Department
    asked_in: Conversation | None
    similar: tuple[Article, ...] = ()
    links: Mapping[int, str] = field(default_factory=dict)

"""Facts in the past tense. Each is stored in the transaction that made it true.

An event carries ids, not texts: whoever handles it reads the present state.
"""

from dataclasses import dataclass
from uuid import UUID

from brain.domain.answer import AnswerId
from brain.domain.conversation import DeliveryId
from brain.domain.identity import MemberId
from brain.domain.knowledge import ArticleId, DocumentId
from brain.domain.question import QuestionId
from brain.domain.review import ReviewId


@dataclass(frozen=True, slots=True)
class DeliveryAccepted:
    """Something happened on a chat platform; from here on it is not lost."""

    delivery: DeliveryId


@dataclass(frozen=True, slots=True)
class QuestionAsked:
    question: QuestionId


@dataclass(frozen=True, slots=True)
class QuestionQueued:
    """It waits for its turn, as the asker, or all of the tenant, asked faster than they may."""

    question: QuestionId


@dataclass(frozen=True, slots=True)
class AnswerPublished:
    question: QuestionId
    answer: AnswerId


@dataclass(frozen=True, slots=True)
class AskedBack:
    """The question leaves open what it is about; the asker can say."""

    question: QuestionId
    answer: AnswerId


@dataclass(frozen=True, slots=True)
class ReviewRequested:
    review: ReviewId
    question: QuestionId


@dataclass(frozen=True, slots=True)
class ReviewJoined:
    review: ReviewId
    question: QuestionId


@dataclass(frozen=True, slots=True)
class ReviewClockRang:
    """The time for a review's next step has come, unless somebody was faster."""

    review: ReviewId


@dataclass(frozen=True, slots=True)
class ReviewReminded:
    review: ReviewId
    member: MemberId


@dataclass(frozen=True, slots=True)
class ReviewHandedOn:
    """To `member`, by the clock or by whom had it before."""

    review: ReviewId
    member: MemberId


@dataclass(frozen=True, slots=True)
class ReviewChanged:
    """Somebody judged what is not there any more: its reviewers have to be shown what is."""

    review: ReviewId


@dataclass(frozen=True, slots=True)
class ReviewExpired:
    review: ReviewId
    answer: AnswerId


@dataclass(frozen=True, slots=True)
class AnswerApproved:
    review: ReviewId
    answer: AnswerId
    article: ArticleId


@dataclass(frozen=True, slots=True)
class AnswerAmended:
    review: ReviewId
    answer: AnswerId
    article: ArticleId


@dataclass(frozen=True, slots=True)
class AnswerRejected:
    review: ReviewId
    answer: AnswerId


@dataclass(frozen=True, slots=True)
class AnswerSuspended:
    """Its ground has changed; the messages that carry it have to say so."""

    question: QuestionId
    answer: AnswerId


@dataclass(frozen=True, slots=True)
class AnswerRetracted:
    """A person took it back; the messages that carry it have to say so."""

    question: QuestionId
    answer: AnswerId


@dataclass(frozen=True, slots=True)
class ArticleFellDue:
    """Emitted for when an article has to be confirmed, for when it ends, and for when to ask once more."""

    article: ArticleId


@dataclass(frozen=True, slots=True)
class DocumentChanged:
    document: DocumentId


@dataclass(frozen=True, slots=True)
class DocumentForgotten:
    document: DocumentId


@dataclass(frozen=True, slots=True)
class PassagesChanged:
    """Of the document or article `source`: what is indexed elsewhere has to follow."""

    source: UUID


Event = (
    DeliveryAccepted
    | QuestionAsked
    | QuestionQueued
    | AnswerPublished
    | AskedBack
    | ReviewRequested
    | ReviewJoined
    | ReviewClockRang
    | ReviewReminded
    | ReviewHandedOn
    | ReviewChanged
    | ReviewExpired
    | AnswerApproved
    | AnswerAmended
    | AnswerRejected
    | AnswerSuspended
    | AnswerRetracted
    | ArticleFellDue
    | DocumentChanged
    | DocumentForgotten
    | PassagesChanged
)

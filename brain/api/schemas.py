"""What goes over the wire, both ways: the bodies of the HTTP API, for its routes and for its clients."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from brain.domain.article import ArticleStatus
from brain.domain.identity import Role, Visibility
from brain.domain.knowledge import DocumentStatus
from brain.domain.records import Reason, TaskState
from brain.usecases.accept import MAX_CHARACTERS as QUESTION_CHARACTERS
from brain.usecases.ingest import Outcome

LONGEST_WAIT_S = 60
DEFAULT_WAIT_S = 30
LONGEST_LIFE_DAYS = 3_650


def _storable(text: str) -> str:
    """PostgreSQL keeps every character but null, and JSON can carry halves of characters that are none."""
    if "\x00" in text:
        raise ValueError("must not contain null characters")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("must not contain lone surrogates")
    return text


Text = Annotated[str, AfterValidator(_storable), Field(json_schema_extra={"pattern": r"^[^\x00]*$"})]
Slug = Annotated[Text, Field(min_length=1, max_length=100, examples=["it-ops"])]
Handle = Annotated[Text, Field(min_length=1, max_length=100, examples=["amira"])]
Name = Annotated[Text, Field(max_length=200)]
PlatformId = Annotated[str, Field(pattern=r"^[A-Za-z0-9]{1,100}$")]

_QUESTION = "6f0d9a1e-4b0e-4a50-9a57-1d7d3f6a2c11"
_CONVERSATION = "0b9f3f5e-6f57-4d0c-8a75-8f2f0a3f9f10"
_DOCUMENT = "b6c4f8de-8f0b-4f3f-9a0c-0f7d2b1c5e21"
_ARTICLE = "5a1c7f30-6a55-4c0e-b7a9-3c2d4e5f6a71"
_KEY = "9e8d7c6b-5a49-4838-9727-161504f3e2d1"
_TASK = "3f2e1d0c-9b8a-4756-8413-021f3e4d5c6b"
_AT = "2026-03-02T09:30:00Z"
_HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


class Received(BaseModel):
    """A request: what we do not know we refuse, rather than ignore a misspelt field."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Sent(BaseModel):
    """A response."""

    model_config = ConfigDict(frozen=True)


class FieldProblem(Sent):
    field: str
    message: str


class Problem(Sent):
    """RFC 9457: what went wrong, and what to do about it."""

    type: str = Field(examples=["urn:expert:missing"])
    title: str = Field(examples=["Not found"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["There is no review 12 that you may see."])
    retry_after_s: int | None = Field(default=None, description="As the header, where it is too much.")
    instance: str | None = Field(default=None, description="The incident, where this is a bug.")
    errors: list[FieldProblem] | None = Field(default=None, description="The fields, where input is invalid.")


class AskStatus(StrEnum):
    PENDING = "pending"
    ASKED_BACK = "asked_back"
    PUBLISHED = "published"
    IN_REVIEW = "in_review"
    ABSTAINED = "abstained"
    REJECTED = "rejected"
    EXPIRED = "expired"
    SUSPENDED = "suspended"
    RETRACTED = "retracted"


class NewQuestion(Received):
    text: Annotated[Text, Field(min_length=1, max_length=QUESTION_CHARACTERS)] = Field(
        examples=["How do I rotate the Redis password?"]
    )
    department: Slug | None = Field(
        default=None, description="Ask only this one; left out, everything you may read is searched."
    )
    conversation: UUID | None = Field(default=None, description="Of an earlier answer, for a follow-up.")
    wait_s: float = Field(
        default=DEFAULT_WAIT_S,
        ge=0,
        le=LONGEST_WAIT_S,
        description="How long to wait for the answer; 0: a worker answers, read it later.",
    )


class CitationShown(Sent):
    number: int = Field(description="The `[n]` in the text.")
    label: str = Field(examples=["Redis operations › Rotate the Redis password"])
    title: str
    heading_path: list[str]
    page: int | None
    quote: str = Field(description="The words of the source that the answer rests on.")
    document: UUID | None
    article: UUID | None


class Approved(Sent):
    by: str = Field(examples=["Ravi Patel"])
    at: datetime


class SpentShown(Sent):
    input_tokens: int = Field(examples=[2150])
    output_tokens: int = Field(examples=[180])
    usd: float | None = Field(description="Null where the model's price is not known.", examples=[0.0009])


class AskResult(Sent):
    """A question and what became of it. `text` is the answer once published; until then, what to know.

    `asked_back`: the question leaves open what it is about. `text` asks which, and the citations are what it
    may be; say which in the same conversation. The same question again goes to a person.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": _QUESTION,
                    "conversation": _CONVERSATION,
                    "question": "How do I rotate the Redis password?",
                    "status": "published",
                    "text": "1. Generate a new password with `pass generate redis/prod`. [1]",
                    "citations": [
                        {
                            "number": 1,
                            "label": "Redis operations › Rotate the Redis password",
                            "title": "Redis operations",
                            "heading_path": ["Rotate the Redis password"],
                            "page": None,
                            "quote": "Generate a new password with `pass generate redis/prod`.",
                            "document": _DOCUMENT,
                            "article": None,
                        }
                    ],
                    "confidence": 0.93,
                    "reasons": ["The cited passage names every key term of the question."],
                    "review": None,
                    "approved": None,
                    "department": "it-ops",
                    "model": "extractive",
                    "asked_at": _AT,
                    "timings_ms": {"retrieve": 6.1, "generate": 21.4, "total": 48.2},
                    "spent": {"input_tokens": 0, "output_tokens": 0, "usd": 0.0},
                }
            ]
        }
    )

    id: UUID
    conversation: UUID
    question: str
    status: AskStatus
    text: str
    citations: list[CitationShown] = Field(
        description="Empty until the answer is published; of what is asked back, what you may mean."
    )
    confidence: float | None = Field(
        description="Probability that the answer is right; null while pending, and where you are asked back."
    )
    reasons: list[str]
    level: int = Field(description="0 as usual; above, how far below its best it was made: see `/ready`.")
    degraded: str = Field(description="What was away, and what stood in for it; empty on level 0.")
    review: int | None = Field(description="Number of the review that was opened for it.")
    approved: Approved | None = Field(description="Who checked the answer, and when.")
    department: str | None
    model: str | None
    asked_at: datetime | None
    timings_ms: dict[str, float]
    spent: SpentShown | None = Field(description="What language models cost; null while pending.")


class Step(Sent):
    """Data of a `progress` event."""

    step: str = Field(examples=["searching"])


class DepartmentShown(Sent):
    slug: str = Field(examples=["it-ops"])
    name: str = Field(examples=["IT operations"])
    description: str
    icon: str
    visibility: Visibility


class DocumentShown(Sent):
    id: UUID = Field(examples=[_DOCUMENT])
    department: str
    source: str = Field(examples=["runbooks/redis.md"])
    title: str
    media_type: str
    version: int
    status: DocumentStatus
    reason: str | None = Field(description="Why it is in quarantine.")
    passages: int
    updated_at: datetime | None
    content_hash: str = Field(description="SHA-256 of the file, to see whether it is the one you have.")
    twin: UUID | None = Field(
        description="A document of the department that looks alike. Where this one is linked, both say the"
        " same, and the twin answers for it; else they differ in what may matter, and both are found."
    )
    linked: bool


class IngestedShown(Sent):
    document: DocumentShown
    outcome: Outcome


class ArticleShown(Sent):
    id: UUID = Field(examples=[_ARTICLE])
    department: str
    version: int
    status: ArticleStatus
    question: str
    text: str = Field(description="Empty once it no longer holds; then reviewers and admins alone see it.")
    citations: list[CitationShown]
    approved: Approved
    note: str = Field(description="How this version came to be, where that was not a verdict.")
    expires_at: datetime = Field(description="From then on it is not served, unless confirmed before.")
    updated_at: datetime | None


class NewFeedback(Received):
    question: UUID = Field(examples=[_QUESTION])
    helpful: bool
    reason: Reason | None = Field(default=None, description="What was wrong, where it did not help.")
    comment: Annotated[Text, Field(max_length=2_000)] = ""


class FeedbackShown(Sent):
    question: UUID
    asked: str = Field(description="The question's text.", examples=["How do I rotate the Redis password?"])
    answer: UUID
    member: str | None = Field(description="Handle; null where the member is no more.")
    helpful: bool
    reason: Reason | None
    comment: str


class NewMemberBody(Received):
    handle: Annotated[Text, Field(min_length=1, max_length=64)] = Field(examples=["amira"])
    name: Name = Field(default="", examples=["Amira Haddad"])
    email: Annotated[str, Field(max_length=254, pattern=r"^[^@\s\x00]+@[^@\s\x00]+$")] | None = None
    roles: dict[Slug, Annotated[list[Role], Field(max_length=3)]] = Field(
        min_length=1,
        max_length=100,
        examples=[{"it-ops": ["asker", "reviewer"]}],
        json_schema_extra={"additionalProperties": False},  # no key but what the pattern takes
    )


class MemberShown(Sent):
    handle: str
    name: str
    email: str | None
    roles: dict[str, list[Role]] = Field(description="By department.")
    disabled_at: datetime | None
    absent_until: datetime | None = Field(description="Until then, no review is given to them.")


class NewAbsence(Received):
    until: AwareDatetime = Field(examples=[_AT], description="When they are back; with its time zone.")


class PlatformIdentity(Received):
    platform: Literal["slack"]
    workspace: PlatformId = Field(examples=["T012AB3C4"])
    id: PlatformId = Field(examples=["U061F7AUR"])


class MemberAway(MemberShown):
    handed_on: list[int] = Field(description="Their reviews that somebody else has now.")
    kept: list[int] = Field(description="Those that nobody else could take.")


class MemberSaved(MemberShown):
    replaced: dict[str, list[Role]] | None = Field(
        description="The roles that an existing member had until now; null where the member is new."
    )


class Me(MemberShown):
    tenant: UUID


class NewKeyBody(Received):
    member: Handle
    name: Name = Field(default="", examples=["laptop"])


class KeyShown(Sent):
    id: UUID = Field(examples=[_KEY])
    member: str
    name: str
    created_at: datetime
    revoked_at: datetime | None


class KeyMade(Sent):
    """`key` is shown this once and kept nowhere."""

    id: UUID = Field(examples=[_KEY])
    key: str = Field(examples=["expk_…"])
    member: str
    name: str


class TaskShown(Sent):
    id: UUID = Field(examples=[_TASK])
    event: str = Field(examples=["QuestionAsked"])
    handler: str = Field(examples=["answer"])
    state: TaskState
    attempts: int
    due_at: datetime
    error: str = Field(description="Why the last attempt failed.")


class Alive(Sent):
    status: str = Field(examples=["alive"])
    version: str


class CheckShown(Sent):
    name: str = Field(examples=["database"])
    ok: bool
    detail: str


class Ready(Sent):
    ok: bool
    version: str
    level: int = Field(
        description="How far below its best it stands: 0 as usual; 1 something stands in for a model;"
        " 2 no model, passages are quoted; 3 no search, approved answers to the same words or a person;"
        " 4 no database; 5 too much to do."
    )
    level_reason: str = Field(description="What is away, and why; empty on level 0.")
    checks: list[CheckShown]

"""What goes over the wire about reviews."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from brain.api.schemas import LONGEST_LIFE_DAYS, CitationShown, Received, Sent, Text
from brain.domain.change import SourceState
from brain.domain.review import MoveKind, Occasion, ReviewStatus, VerdictKind
from brain.usecases.decide import MAX_CHARACTERS

_HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


class ReviewSummary(Sent):
    number: int = Field(examples=[12])
    question: str
    department: str
    status: ReviewStatus
    confidence: float
    waiting: int = Field(description="How many questions wait for this review.")
    opened_at: datetime
    due_at: datetime = Field(description="When it expires, unless somebody decides it.")
    assignee: str | None = Field(description="Whose turn it is.", examples=["Ravi Patel"])
    mine: bool = Field(description="Whether it is yours.")


class MoveShown(Sent):
    """Something that happened to a review before its end; `member` is who has had it from then on."""

    kind: MoveKind
    at: datetime
    member: str | None = Field(examples=["Rosa Meyer"])
    by: str | None = Field(description="Who passed it on.")
    reason: str


class NewPass(Received):
    reason: Annotated[Text, Field(max_length=500)] = Field(
        default="", description="For whoever gets it next.", examples=["This is about payroll."]
    )


class VerdictShown(Sent):
    kind: VerdictKind
    by: str
    at: datetime
    reason: str
    diff: str = Field(description="From the draft to the amended text.")


class SourceShown(Sent):
    number: int = Field(description="The `[n]` in the draft.", examples=[1])
    label: str = Field(examples=["Badges › Visitor badge"])
    state: SourceState
    before: str = Field(description="The passage as it was cited; of a forgotten one, the quoted words.")
    now: str | None = Field(description="What stands there now.")
    diff: str = Field(
        description="From what was cited to what stands there now.",
        examples=["--- cited\n+++ now\n@@ -1 +1 @@\n-It costs 15 euros.\n+It costs 25 euros."],
    )


class ReviewShown(ReviewSummary):
    """All a reviewer needs. A verdict is bound to `shown_hash`: send it back."""

    asked_by: str = Field(examples=["Amira Solberg"])
    draft: str = Field(description="Empty where the machine found no answer; then a verdict needs a text.")
    citations: list[CitationShown]
    reasons: list[str]
    shown_hash: str = Field(examples=[_HASH])
    shown_before: bool = Field(description="Whether you had been shown just this before now.")
    history: list[MoveShown] = Field(description="The oldest first.")
    verdict: VerdictShown | None
    occasion: Occasion = Field(description="Why it was opened; all but `answer` are about an article.")
    article: UUID | None = Field(description="The approved answer that is to be looked at again.")
    changes: list[SourceShown] = Field(description="Sources that are not what was cited any more.")


class NewVerdict(Received):
    kind: VerdictKind
    text: Annotated[Text, Field(max_length=MAX_CHARACTERS)] = Field(
        default="",
        description="The answer in the reviewer's words; approving another text than the draft amends it.",
    )
    reason: Annotated[Text, Field(max_length=2_000)] = Field(
        default="", description="Needed for a rejection.", examples=["The runbook is outdated."]
    )
    shown_hash: str = Field(pattern=r"^[0-9a-f]{64}$", examples=[_HASH])
    days: int | None = Field(
        default=None,
        ge=1,
        le=LONGEST_LIFE_DAYS,
        description="How long the approval holds; left out, as long as is usual in the department.",
    )
    without_sources: bool = Field(
        default=False,
        description="Approve on your word also what the changed sources do not say any more.",
    )

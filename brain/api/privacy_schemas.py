"""What goes over the wire about what is kept of people."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from brain.api.schemas import Handle, Name, Received, Sent, Text


class AuditQuery(Received):
    actor: Handle | None = None
    action: Name | None = Field(
        default=None, description="One, or the first word of several.", examples=["verdict"]
    )
    since: datetime | None = Field(default=None, description="Without a time zone, UTC is meant.")
    before: int | None = Field(
        default=None, ge=1, le=2**62, description="Read on from this number.", examples=[29]
    )
    limit: int = Field(default=100, ge=1, le=500)


class AuditShown(Sent):
    """One entry of the audit trail, which is a chain: `hash` stands for it and for all before it."""

    sequence: int = Field(examples=[128])
    at: datetime = Field(examples=["2026-03-02T09:30:00Z"])
    actor: str | None = Field(description="Handle; null where it was no member.", examples=["ravi"])
    actor_id: UUID | None
    action: str = Field(examples=["verdict.approve"])
    subject: str = Field(examples=["review 12"])
    details: dict[str, str] = Field(examples=[{"reason": "The runbook is outdated."}])
    hash: str = Field(examples=["9f86d081884c7d65…"])


class ErasureBody(Received):
    dry_run: bool = Field(default=True, description="Say what would go, and change nothing.")
    also: list[Annotated[Text, Field(min_length=3, max_length=200)]] = Field(
        default=[], max_length=20, description="Further words that name this person.", examples=[["Zel"]]
    )


class ErasureShown(Sent):
    """What was erased, or would be."""

    erased: bool = Field(description="False for a dry run.")
    handle: str = Field(description="The pseudonym that stays.", examples=["former-9f86d081"])
    names: list[str] = Field(description="What texts of others were searched for.", examples=[["Mia Weber"]])
    counts: dict[str, int] = Field(examples=[{"questions": 12, "answers": 11}])
    articles: list[str] = Field(description="Approved answers that stay, by their titles without the person.")
    documents: list[str] = Field(
        description="Sources that name the person. They are left alone: change or forget them yourself."
    )

"""Bodies of the HTTP API about approved answers as they change."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from brain.api.schemas import Approved, CitationShown, Received, Sent, Slug, Text

Reason = Annotated[Text, Field(min_length=1, max_length=2_000)]


class ArticleVersionShown(Sent):
    number: int = Field(examples=[2])
    in_force: bool
    text: str
    citations: list[CitationShown]
    approved: Approved
    note: str = Field(
        description="How it came to be, where that was not a verdict.",
        examples=["Rolled back to version 1: The new price was a mistake."],
    )
    expires_at: datetime | None = Field(description="Of the version in force.")


class Retraction(Received):
    reason: Reason = Field(
        description="Those who were given the answer read it.", examples=["The desk was closed."]
    )


class RollBackBody(Received):
    to: int = Field(ge=1, le=2**31 - 1, description="The version to put in force again.", examples=[1])
    reason: Reason = Field(
        description="Goes into the article's history.", examples=["The new price was a mistake."]
    )


class WideningBody(Received):
    to: Slug = Field(description="A department's slug, or `everyone`.", examples=["hr"])
    reason: Reason = Field(description="Goes into the article's history.", examples=["Leavers ask them."])

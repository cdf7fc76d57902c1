"""What is asked, answered and judged."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pgvector.sqlalchemy import HALFVEC
from sqlalchemy import CheckConstraint, Column, ForeignKeyConstraint, Index, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from brain.adapters.postgres.tables.columns import json, moment, texts, uuids, within


class Conversation(SQLModel, table=True):
    __table_args__ = (
        UniqueConstraint("tenant_id", "platform", "workspace", "channel", "thread", "reader"),
        ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="conversation_tenant_fkey"),
    )
    tenant_id: UUID = Field(primary_key=True)
    id: UUID = Field(primary_key=True)
    platform: str = Field(sa_type=Text)
    workspace: str = Field(sa_type=Text)
    channel: str = Field(sa_type=Text)
    thread: str = Field(sa_type=Text)
    reader: str = Field(sa_type=Text, sa_column_kwargs={"server_default": ""})
    stepped_back: bool = Field(default=False, sa_column_kwargs={"server_default": "false"})
    created_at: datetime = moment()


class Question(SQLModel, table=True):
    __table_args__ = (
        within("conversation"),
        within("member", "asker_id"),
        within("department"),
        UniqueConstraint("tenant_id", "asker_id", "idempotency_key"),
        Index("question_asked", "tenant_id", "asker_id", "asked_at"),
        Index("question_conversation", "tenant_id", "conversation_id", "asked_at"),
    )
    tenant_id: UUID = Field(primary_key=True)
    id: UUID = Field(primary_key=True)
    conversation_id: UUID
    asker_id: UUID
    department_id: UUID | None
    text: str = Field(sa_type=Text)
    audience: list[UUID] = uuids()
    outsiders: bool = Field(default=False, sa_column_kwargs={"server_default": "false"})
    idempotency_key: str = Field(sa_type=Text)
    overheard: float | None
    attachments: list[dict[str, Any]] = Field(
        sa_column=Column(JSONB, nullable=False, server_default="[]"), default_factory=list
    )
    asked_at: datetime = moment()


class Answer(SQLModel, table=True):
    __table_args__ = (
        within("question"),
        within("department"),
        within("article"),
        UniqueConstraint("tenant_id", "question_id", "version"),
        Index("answer_article", "tenant_id", "article_id"),
        CheckConstraint(
            "status IN ('draft', 'in_review', 'published', 'abstained',"
            " 'rejected', 'expired', 'suspended', 'retracted')",
            name="status",
        ),
    )
    tenant_id: UUID = Field(primary_key=True)
    id: UUID = Field(primary_key=True)
    question_id: UUID
    department_id: UUID
    article_id: UUID | None
    version: int
    status: str = Field(sa_type=Text)
    text: str = Field(sa_type=Text)
    confidence: float
    reasons: list[str] = texts()
    signals: dict[str, float] = json()
    model: str = Field(sa_type=Text)
    prompt_hash: str = Field(sa_type=Text)
    scope: list[UUID] = uuids()
    approved_by: UUID | None
    approved_at: datetime | None = moment(nullable=True)
    timings_ms: dict[str, float] = json()
    withdrawn: str = Field(sa_type=Text, sa_column_kwargs={"server_default": ""})
    input_tokens: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    output_tokens: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    cost_usd: float | None
    level: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    created_at: datetime = moment()


class Citation(SQLModel, table=True):
    """Keeps what the passage was when it was cited: the passage itself may change or go.

    `passage_text` is filled when a new version of the document takes the passage away, and emptied when the
    document is forgotten.
    """

    __table_args__ = (
        within("answer", cascade=True),
        Index("citation_document", "tenant_id", "document_id"),
        Index("citation_article", "tenant_id", "article_id"),
    )
    tenant_id: UUID = Field(primary_key=True)
    answer_id: UUID = Field(primary_key=True)
    number: int = Field(primary_key=True)
    passage_id: UUID
    passage_hash: str = Field(sa_type=Text)
    document_id: UUID | None
    article_id: UUID | None
    title: str = Field(sa_type=Text)
    heading_path: list[str] = texts()
    page: int | None
    quote: str = Field(sa_type=Text)
    passage_text: str = Field(sa_type=Text, sa_column_kwargs={"server_default": ""})


class Review(SQLModel, table=True):
    __table_args__ = (
        within("question"),
        within("answer"),
        within("department"),
        within("article"),
        UniqueConstraint("tenant_id", "number"),
        CheckConstraint("status IN ('open', 'decided', 'expired')", name="status"),
        CheckConstraint("(occasion = 'answer') = (article_id IS NULL)", name="occasion"),
        within("member", "assignee_id"),
        Index("review_open", "tenant_id", "department_id", postgresql_where=text("status = 'open'")),
        Index(
            "review_article",
            "tenant_id",
            "article_id",
            unique=True,
            postgresql_where=text("status = 'open'"),
        ),
        Index("review_assigned", "tenant_id", "assignee_id", postgresql_where=text("status = 'open'")),
    )
    tenant_id: UUID = Field(primary_key=True)
    id: UUID = Field(primary_key=True)
    number: int
    question_id: UUID
    answer_id: UUID
    department_id: UUID
    status: str = Field(sa_type=Text)
    shown_hash: str = Field(sa_type=Text)
    vector: Any = Field(sa_column=Column(HALFVEC(), nullable=True))
    opened_at: datetime = moment()
    due_at: datetime = moment()
    article_id: UUID | None
    occasion: str = Field(sa_type=Text, sa_column_kwargs={"server_default": "answer"})
    assignee_id: UUID | None
    next_step: int = Field(sa_column_kwargs={"server_default": "0"})
    rings_at: datetime | None = moment(nullable=True)


class ReviewMove(SQLModel, table=True):
    """What happened to a review between its opening and its end, in order."""

    __tablename__ = "review_move"
    __table_args__ = (
        within("review"),
        within("member"),
        within("member", "by_id"),
        CheckConstraint(
            "kind IN ('assigned', 'reminded', 'handed_on', 'passed', 'to_owner', 'expired')", name="kind"
        ),
    )
    tenant_id: UUID = Field(primary_key=True)
    review_id: UUID = Field(primary_key=True)
    ordinal: int = Field(primary_key=True)
    kind: str = Field(sa_type=Text)
    member_id: UUID | None
    by_id: UUID | None
    reason: str = Field(sa_type=Text)
    at: datetime = moment()


class Showing(SQLModel, table=True):
    """Who was shown what of a review; a verdict needs it."""

    __table_args__ = (within("review"), within("member"))
    tenant_id: UUID = Field(primary_key=True)
    review_id: UUID = Field(primary_key=True)
    member_id: UUID = Field(primary_key=True)
    shown_hash: str = Field(sa_type=Text, primary_key=True)
    at: datetime = moment()


class Waiting(SQLModel, table=True):
    """Everyone who asked what a review will decide, the first asker included.

    `wording` is the question as it can be understood without its conversation.
    """

    __table_args__ = (within("review"), within("question"))
    tenant_id: UUID = Field(primary_key=True)
    review_id: UUID = Field(primary_key=True)
    question_id: UUID = Field(primary_key=True)
    wording: str = Field(sa_type=Text)


class Verdict(SQLModel, table=True):
    __table_args__ = (
        within("review"),
        within("member"),
        UniqueConstraint("tenant_id", "review_id"),
        CheckConstraint("kind IN ('approve', 'amend', 'reject')", name="kind"),
    )
    tenant_id: UUID = Field(primary_key=True)
    id: UUID = Field(primary_key=True)
    review_id: UUID
    member_id: UUID
    kind: str = Field(sa_type=Text)
    shown_hash: str = Field(sa_type=Text)
    reason: str = Field(sa_type=Text)
    diff: str = Field(sa_type=Text)
    decided_at: datetime = moment()


class Feedback(SQLModel, table=True):
    __table_args__ = (
        within("answer"),
        within("member"),
        UniqueConstraint("tenant_id", "answer_id", "member_id"),
    )
    tenant_id: UUID = Field(primary_key=True)
    id: UUID = Field(primary_key=True)
    answer_id: UUID
    member_id: UUID
    helpful: bool
    reason: str | None = Field(sa_type=Text)
    comment: str = Field(sa_type=Text)
    created_at: datetime = moment()


class TrainingExample(SQLModel, table=True):
    __tablename__ = "training_example"
    __table_args__ = (
        within("department"),
        within("verdict"),
        UniqueConstraint("tenant_id", "verdict_id"),
        CheckConstraint("label IN ('positive', 'negative')", name="label"),
    )
    tenant_id: UUID = Field(primary_key=True)
    id: UUID = Field(primary_key=True)
    department_id: UUID
    verdict_id: UUID
    label: str = Field(sa_type=Text)
    question: str = Field(sa_type=Text)
    answer: str = Field(sa_type=Text)
    draft: str = Field(sa_type=Text)
    created_at: datetime = moment()

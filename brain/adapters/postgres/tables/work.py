"""Facts on their way to whoever acts on them, and the trail of who did what."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Identity,
    Index,
    Text,
    UniqueConstraint,
    text,
)
from sqlmodel import Field, SQLModel

from brain.adapters.postgres.tables.columns import json, moment, within


class Inbox(SQLModel, table=True):
    """External ids already accepted: a delivery that comes twice is one question.

    `payload` is there until it has been dealt with.
    """

    __table_args__ = (
        within("question"),
        UniqueConstraint("tenant_id", "id", name="inbox_id_key"),
        Index("inbox_received", "received_at"),
    )
    tenant_id: UUID = Field(primary_key=True)
    id: UUID
    source: str = Field(sa_type=Text, primary_key=True)
    delivery_id: str = Field(sa_type=Text, primary_key=True)
    question_id: UUID | None
    payload: str | None = Field(sa_type=Text)
    received_at: datetime = moment()


class Outbox(SQLModel, table=True):
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="outbox_tenant_fkey"),
        Index("outbox_relayed", "relayed_at", postgresql_where=text("relayed_at IS NOT NULL")),
        Index("outbox_unrelayed", "position", postgresql_where=text("relayed_at IS NULL")),
    )
    tenant_id: UUID = Field(primary_key=True)
    id: UUID = Field(primary_key=True)
    position: int = Field(sa_column=Column(BigInteger, Identity(always=True), nullable=False))
    name: str = Field(sa_type=Text)
    payload: dict[str, str] = json()
    due_at: datetime = moment()
    # Where it comes from: see `brain.domain.tracing`.
    traceparent: str = Field(sa_type=Text, default="", sa_column_kwargs={"server_default": ""})
    began_at: datetime | None = moment(nullable=True)
    created_at: datetime = moment()
    relayed_at: datetime | None = moment(nullable=True)


class Task(SQLModel, table=True):
    """One handler's work on one event. `attempts` fences: a write with an older count changes nothing.

    `enqueued_at`: when a broker was last told of it; a hint, nothing rests on it.
    """

    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "event_id"], ["outbox.tenant_id", "outbox.id"]),
        UniqueConstraint("tenant_id", "event_id", "handler"),
        CheckConstraint("state IN ('ready', 'leased', 'unknown', 'done', 'dead')", name="state"),
        Index("task_stuck", "handler", postgresql_where=text("state IN ('unknown', 'dead')")),
        Index("task_done", "done_at", postgresql_where=text("state = 'done'")),
        Index("task_due", "handler", "due_at", postgresql_where=text("state = 'ready'")),
        Index("task_turn", "handler", "tenant_id", "due_at", postgresql_where=text("state = 'ready'")),
        Index(
            "task_told",
            "handler",
            "enqueued_at",
            postgresql_where=text("state = 'ready' AND enqueued_at IS NOT NULL"),
        ),
        Index("task_leased", "lease_until", postgresql_where=text("state = 'leased'")),
    )
    tenant_id: UUID = Field(primary_key=True)
    id: UUID = Field(primary_key=True)
    event_id: UUID
    handler: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    attempts: int
    crashes: int
    due_at: datetime = moment()
    lease_until: datetime | None = moment(nullable=True)
    error: str = Field(sa_type=Text)
    created_at: datetime = moment()
    done_at: datetime | None = moment(nullable=True)
    enqueued_at: datetime | None = moment(nullable=True)


class Bucket(SQLModel, table=True):
    """How many questions a member, or the tenant itself, may still ask at once; fewer than none wait."""

    __table_args__ = (ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="bucket_tenant_fkey"),)
    tenant_id: UUID = Field(primary_key=True)
    whose: UUID = Field(primary_key=True)
    remaining: float
    counted_at: datetime = moment()


class Audit(SQLModel, table=True):
    """`sequence`, `seals` and `hash` make a tenant's entries a chain. A detail that was erased is gone from
    `details` and `salts`; its seal stays, and tells nothing of it."""

    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="audit_tenant_fkey"),
        UniqueConstraint("tenant_id", "sequence"),
    )
    tenant_id: UUID = Field(primary_key=True)
    id: int = Field(sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    sequence: int | None = Field(sa_type=BigInteger)
    at: datetime = moment()
    actor_id: UUID | None
    action: str = Field(sa_type=Text)
    subject: str = Field(sa_type=Text)
    details: dict[str, str] = json()
    salts: dict[str, str] = json()
    seals: dict[str, str] = json()
    key: str = Field(sa_type=Text, default="", sa_column_kwargs={"server_default": ""})
    hash: str = Field(sa_type=Text, default="", sa_column_kwargs={"server_default": ""})

"""What chat platforms and we have to remember of each other."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Column, Identity, Index, Integer, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, SQLModel

from brain.adapters.postgres.tables.columns import moment, texts, within


class Message(SQLModel, table=True):
    """A message of ours, by what it is for: there is one for each `key`, whoever posts it and however often.

    `fence` counts the claims on it: what was found out under an older one changes nothing. `unsure` says that
    a claim ran out without a word of how it ended. `tried_at` is when somebody last wanted to post it,
    `turn_at` when it is its turn in the channel.
    """

    __table_args__ = (
        within("conversation"),
        Index("message_conversation", "tenant_id", "conversation_id", "position"),
        Index("message_turn", "tenant_id", "turn_at"),
        Index("message_ids", "ids", postgresql_using="gin"),
        Index("message_created", "created_at"),
    )
    tenant_id: UUID = Field(primary_key=True)
    key: str = Field(sa_type=Text, primary_key=True)
    conversation_id: UUID
    position: int = Field(sa_column=Column(BigInteger, Identity(always=True), nullable=False))
    channel: str = Field(sa_type=Text, sa_column_kwargs={"server_default": ""})
    ids: list[str] = texts()
    private: bool = Field(default=False, sa_column_kwargs={"server_default": "false"})
    digest: str = Field(sa_type=Text, sa_column_kwargs={"server_default": ""})
    fence: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    unsure: bool = Field(default=False, sa_column_kwargs={"server_default": "false"})
    claimed_until: datetime | None = moment(nullable=True)
    reply_to: str = Field(sa_type=Text, sa_column_kwargs={"server_default": ""})
    reply_until: datetime | None = moment(nullable=True)
    replies_left: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    tried_at: datetime = moment()
    turn_at: datetime | None = moment(nullable=True)
    created_at: datetime = moment()


class Channel(SQLModel, table=True):
    """The rules of a channel. Without a `time_zone` the bot may always speak."""

    __table_args__ = (
        within("department"),
        CheckConstraint("answers IN ('mentions', 'questions')", name="answers"),
        CheckConstraint("may_ask IN ('members', 'everyone')", name="may_ask"),
    )
    tenant_id: UUID = Field(primary_key=True)
    platform: str = Field(sa_type=Text, primary_key=True)
    workspace: str = Field(sa_type=Text, primary_key=True)
    channel: str = Field(sa_type=Text, primary_key=True)
    department_id: UUID
    answers: str = Field(sa_type=Text)
    may_ask: str = Field(sa_type=Text)
    least_confidence: float
    alerts: bool
    reviews: bool
    time_zone: str | None = Field(sa_type=Text)
    opens_minute: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    closes_minute: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    working_days: list[int] = Field(sa_column=Column(ARRAY(Integer), nullable=False, server_default="{}"))
    set_up_by: UUID | None
    updated_at: datetime = moment()


class Installation(SQLModel, table=True):
    """A workspace that has the bot, or with no workspace a whole organisation. `tokens` are sealed."""

    __table_args__ = (
        within("member", "installed_by"),
        Index("installation_workspace", "platform", "workspace"),
    )
    tenant_id: UUID = Field(primary_key=True)
    platform: str = Field(sa_type=Text, primary_key=True)
    enterprise: str = Field(sa_type=Text, primary_key=True)
    workspace: str = Field(sa_type=Text, primary_key=True)
    name: str = Field(sa_type=Text)
    bot_user: str = Field(sa_type=Text)
    bot_id: str = Field(sa_type=Text)
    tokens: str = Field(sa_type=Text)
    scopes: list[str] = texts()
    teams: list[str] = texts()
    expires_at: datetime | None = moment(nullable=True)
    renewing_until: datetime | None = moment(nullable=True)
    installed_by: UUID | None
    installed_at: datetime = moment()

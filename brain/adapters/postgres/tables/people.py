"""Tenants, departments, members and how they prove who they are."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Column, ForeignKeyConstraint, Integer, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, SQLModel

from brain.adapters.postgres.tables.columns import moment, within


class Tenant(SQLModel, table=True):
    """`embedder` is the one in force: what is known is compared in its terms. None while nothing is known.

    `replica` names the copy of its passages in another index that is told of every change; search asks that
    copy once it is whole.
    """

    __table_args__ = (UniqueConstraint("slug", name="tenant_slug_key"),)
    id: UUID = Field(primary_key=True)
    slug: str = Field(sa_type=Text)
    name: str = Field(sa_type=Text)
    reviews: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    embedder: str | None = Field(sa_type=Text)
    replica: str | None = Field(sa_type=Text)
    replica_whole: bool = Field(default=False, sa_column_kwargs={"server_default": "false"})
    created_at: datetime = moment()


class Department(SQLModel, table=True):
    __table_args__ = (
        UniqueConstraint("tenant_id", "slug"),
        ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="department_tenant_fkey"),
        CheckConstraint("visibility IN ('tenant', 'department')", name="visibility"),
        CheckConstraint("0 <= abstain AND abstain <= publish AND publish <= 1", name="thresholds"),
    )
    tenant_id: UUID = Field(primary_key=True)
    id: UUID = Field(primary_key=True)
    slug: str = Field(sa_type=Text)
    name: str = Field(sa_type=Text)
    description: str = Field(sa_type=Text)
    icon: str = Field(sa_type=Text)
    visibility: str = Field(sa_type=Text)
    publish: float
    abstain: float
    publish_filed: float | None
    instructions: str = Field(sa_type=Text)
    review_hours: int
    article_days: int = Field(default=180, sa_column_kwargs={"server_default": "180"})
    remind_after_h: float | None
    hand_on_after_h: float | None
    owner_after_h: float | None
    owner: str = Field(sa_type=Text, sa_column_kwargs={"server_default": ""})
    time_zone: str | None = Field(sa_type=Text)
    opens_minute: int = Field(sa_column_kwargs={"server_default": "0"})
    closes_minute: int = Field(sa_column_kwargs={"server_default": "0"})
    working_days: list[int] = Field(sa_column=Column(ARRAY(Integer), nullable=False, server_default="{}"))


class Member(SQLModel, table=True):
    __table_args__ = (
        UniqueConstraint("tenant_id", "handle"),
        UniqueConstraint("tenant_id", "email"),
        ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="member_tenant_fkey"),
    )
    tenant_id: UUID = Field(primary_key=True)
    id: UUID = Field(primary_key=True)
    handle: str = Field(sa_type=Text)
    name: str = Field(sa_type=Text)
    email: str | None = Field(sa_type=Text)
    created_at: datetime = moment()
    disabled_at: datetime | None = moment(nullable=True)
    erased_at: datetime | None = moment(nullable=True)
    absent_until: datetime | None = moment(nullable=True)


class Membership(SQLModel, table=True):
    __table_args__ = (
        within("department"),
        within("member"),
        CheckConstraint("role IN ('asker', 'reviewer', 'admin')", name="role"),
    )
    tenant_id: UUID = Field(primary_key=True)
    department_id: UUID = Field(primary_key=True)
    member_id: UUID = Field(primary_key=True)
    role: str = Field(sa_type=Text, primary_key=True)


class PlatformIdentity(SQLModel, table=True):
    """A member as a platform knows them."""

    __tablename__ = "identity"
    __table_args__ = (within("member"),)
    tenant_id: UUID = Field(primary_key=True)
    platform: str = Field(sa_type=Text, primary_key=True)
    external_id: str = Field(sa_type=Text, primary_key=True)
    member_id: UUID


class ApiKey(SQLModel, table=True):
    __tablename__ = "api_key"
    __table_args__ = (within("member"), UniqueConstraint("tenant_id", "digest"))
    tenant_id: UUID = Field(primary_key=True)
    id: UUID = Field(primary_key=True)
    member_id: UUID
    name: str = Field(sa_type=Text)
    digest: str = Field(sa_type=Text)
    created_at: datetime = moment()
    revoked_at: datetime | None = moment(nullable=True)

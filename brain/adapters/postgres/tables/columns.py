"""Column and constraint shapes that the tables share."""

from typing import Any

from sqlalchemy import Column, DateTime, ForeignKeyConstraint, Text, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field, SQLModel

NAMING = {
    "pk": "%(table_name)s_pkey",
    "fk": "%(table_name)s_%(column_0_name)s_%(column_1_name)s_fkey",
    "uq": "%(table_name)s_%(column_1_name)s_key",
    "ck": "%(table_name)s_%(constraint_name)s_check",
}
SQLModel.metadata.naming_convention = NAMING


def moment(*, nullable: bool = False) -> Any:
    """A moment; the database's clock fills in what must be set."""
    return Field(
        default=None,
        sa_type=DateTime(timezone=True),
        nullable=nullable,
        sa_column_kwargs={} if nullable else {"server_default": text("now()")},
    )


def uuids() -> Any:
    return Field(sa_column=Column(ARRAY(Uuid), nullable=False, server_default="{}"))


def texts() -> Any:
    return Field(sa_column=Column(ARRAY(Text), nullable=False, server_default="{}"))


def json() -> Any:
    return Field(sa_column=Column(JSONB, nullable=False, server_default="{}"))


def within(table: str, column: str | None = None, *, cascade: bool = False) -> ForeignKeyConstraint:
    """A reference within the tenant: the other tenant's row is not even addressable."""
    return ForeignKeyConstraint(
        ["tenant_id", column or f"{table}_id"],
        [f"{table}.tenant_id", f"{table}.id"],
        ondelete="CASCADE" if cascade else None,
    )

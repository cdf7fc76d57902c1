"""Rows of the audit trail: appended in the audited act's own transaction, one at a time per tenant."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from brain.adapters.postgres import tables
from brain.domain.audit import START, Head, Keyring, Link, chained
from brain.domain.identity import MemberId, TenantId
from brain.domain.records import AuditEntry

_HEAD = "SELECT sequence, hash FROM audit WHERE sequence IS NOT NULL ORDER BY sequence DESC LIMIT 1"


async def append(
    connection: AsyncConnection,
    tenant: TenantId,
    entries: Sequence[tuple[datetime, AuditEntry]],
    keyring: Keyring,
) -> None:
    """The last thing a transaction does: from here to its end, nobody else of the tenant can append."""
    if not entries:
        return
    await alone(connection, tenant)
    # A statement of its own: it has to see what whoever held the lock before has written.
    links = chained(entries, after=await head(connection), tenant=tenant, keyring=keyring)
    await connection.execute(
        insert(tables.table(tables.Audit)), [{"tenant_id": tenant, **values(link)} for link in links]
    )


async def alone(connection: AsyncConnection, tenant: TenantId) -> None:
    await connection.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": f"audit/{tenant}"}
    )


async def head(connection: AsyncConnection) -> Head:
    row = (await connection.execute(text(_HEAD))).first()
    return Head(row.sequence, row.hash) if row else START


def to_link(row: Row[Any]) -> Link:
    return Link(
        sequence=row.sequence,
        at=row.at,
        entry=to_entry(row),
        salts=_texts(row.salts),
        seals=_texts(row.seals),
        key=row.key,
        hash=row.hash,
    )


def to_entry(row: Row[Any]) -> AuditEntry:
    actor = MemberId(row.actor_id) if row.actor_id else None
    return AuditEntry(actor, row.action, row.subject, tuple(_texts(row.details).items()))


def values(link: Link) -> dict[str, Any]:
    return {
        "sequence": link.sequence,
        "at": link.at,
        "actor_id": link.entry.actor,
        "action": link.entry.action,
        "subject": link.entry.subject,
        "details": dict(link.entry.details),
        "salts": dict(link.salts),
        "seals": dict(link.seals),
        "key": link.key,
        "hash": link.hash,
    }


def _texts(stored: object) -> Mapping[str, str]:
    """Whatever somebody may have put there behind our back: the check must tell of it, not fail at it."""
    if isinstance(stored, Mapping):
        return {name: str(value) for name, value in stored.items()}
    return {"": str(stored)}

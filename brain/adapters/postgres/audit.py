"""The audit trail from outside of any act: checked from end to end, its head read, its beginning chained."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from brain.adapters.postgres import tables
from brain.adapters.postgres.store import enter, reachable
from brain.adapters.postgres.trail import alone, head, to_entry, to_link, values
from brain.domain.audit import START, Head, Keyring, Verification, chained
from brain.domain.identity import TenantId

_BATCH = 1_000


async def verify(
    app: AsyncEngine, tenant: TenantId, *, keyring: Keyring, known: Sequence[Head]
) -> Verification:
    """Reads the whole chain, a thousand entries at a time. `known` are heads that were noted elsewhere."""
    found = Verification(tenant, keyring, known)
    async with reachable(), app.connect() as connection:
        await enter(connection, tenant)
        rows = await connection.stream(
            text("SELECT * FROM audit WHERE sequence IS NOT NULL ORDER BY sequence, id"),
            execution_options={"yield_per": _BATCH},
        )
        async for row in rows:
            found.read(to_link(row))
        beside = await connection.scalar(text("SELECT count(*) FROM audit WHERE sequence IS NULL"))
        found.finish(unchained=beside or 0)
    return found


async def head_after(app: AsyncEngine, tenant: TenantId, *, known: Head | None) -> Head | None:
    """The head now; None where the chain does not contain the head that was known."""
    async with reachable(), app.connect() as connection:
        await enter(connection, tenant)
        if known is not None and known != START:
            kept = await connection.scalar(
                text("SELECT hash FROM audit WHERE sequence = :sequence"), {"sequence": known.sequence}
            )
            if kept != known.hash:
                return None
        return await head(connection)


async def chain_earlier(owner_url: str, tenants: Sequence[TenantId], keyring: Keyring) -> None:
    """Entries from before there were chains become the beginning of theirs, where none has begun."""
    engine = create_async_engine(owner_url)
    try:
        for tenant in tenants:
            async with reachable(), engine.begin() as connection:
                await enter(connection, tenant)
                await alone(connection, tenant)
                if await head(connection) == START:
                    await _chain(connection, tenant, keyring)
    finally:
        await engine.dispose()


async def _chain(connection: AsyncConnection, tenant: TenantId, keyring: Keyring) -> None:
    rows = (await connection.execute(text("SELECT * FROM audit ORDER BY id"))).all()
    entries = ((row.at, to_entry(row)) for row in rows)
    audit = tables.table(tables.Audit)
    for row, link in zip(rows, chained(entries, after=START, tenant=tenant, keyring=keyring), strict=True):
        await connection.execute(audit.update().where(audit.c.id == row.id).values(values(link)))

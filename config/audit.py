"""Checks the audit trail from outside, and notes its heads in `$EXPERT_HOME/audit-heads.json`: a chain alone
cannot show that its end was cut off."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from brain.adapters.postgres.audit import chain_earlier, head_after
from brain.adapters.postgres.audit import verify as verify_chain
from brain.adapters.postgres.store import connect
from brain.adapters.postgres.tenants import tenants
from brain.domain.audit import Head
from brain.domain.errors import Missing, Rejected, Unavailable
from brain.domain.identity import TenantId
from config.audit_key import audit_keyring
from config.database import database
from config.private_files import write_private
from config.settings import DatabaseUrls, Settings
from config.wiring import Wiring

# As long as entries may be cut off at the end without a trace.
_EVERY_S = 60.0

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Verified:
    """One tenant's chain. `noted` is the head in the file, where there is one."""

    tenant: str
    head: Head
    noted: Head | None
    findings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TenantHead:
    """`id` stays where a slug is not known any more."""

    tenant: str
    head: Head


def heads_file(home: Path) -> Path:
    return home / "audit-heads.json"


def verify(settings: Settings, *, known: Sequence[TenantHead]) -> list[Verified]:
    """Every chain from end to end, against the noted heads and those that were kept elsewhere."""
    with database(settings) as urls:
        return asyncio.run(_verify(settings, urls, known))


def heads(settings: Settings) -> list[TenantHead]:
    with database(settings) as urls:
        return asyncio.run(_heads(urls))


async def _verify(settings: Settings, urls: DatabaseUrls, known: Sequence[TenantHead]) -> list[Verified]:
    keyring, noted = audit_keyring(settings), _read(settings.home)
    verified = []
    async with _engines(urls) as (app, system):
        present = await tenants(system)
        if strange := sorted({one.tenant for one in known} - present.keys()):
            raise Missing(f"There is no tenant {strange[0]!r}; there is {', '.join(present) or 'none yet'}.")
        for slug, tenant in present.items():
            elsewhere = [one.head for one in known if one.tenant == slug]
            here = noted.get(tenant)
            found = await verify_chain(
                app, tenant, keyring=keyring, known=[*([here] if here else []), *elsewhere]
            )
            verified.append(Verified(slug, found.head, here, tuple(found.findings)))
        verified += [
            Verified(str(lost), Head(0, ""), noted[lost], ("the whole tenant is missing",))
            for lost in noted.keys() - set(present.values())
        ]
        if not any(one.findings for one in verified):
            await _note(settings.home, app, system)
    return verified


async def _heads(urls: DatabaseUrls) -> list[TenantHead]:
    async with _engines(urls) as (app, system):
        return [
            TenantHead(slug, await head_after(app, tenant, known=None) or Head(0, ""))
            for slug, tenant in (await tenants(system)).items()
        ]


async def chain_from_the_start(settings: Settings, urls: DatabaseUrls) -> None:
    """Entries of a version without chains get theirs. Where a head was noted there was one already: none is
    made anew for a trail that somebody emptied."""
    async with _engines(urls) as (_, system):
        noted = _read(settings.home)
        unknown = [tenant for tenant in (await tenants(system)).values() if tenant not in noted]
    await chain_earlier(urls.owner, unknown, audit_keyring(settings))


@asynccontextmanager
async def heads_noted(settings: Settings, wiring: Wiring) -> AsyncIterator[None]:
    """At the start, every minute, and at the end."""
    noting = asyncio.create_task(_note_always(settings.home, wiring))
    try:
        yield
    finally:
        noting.cancel()
        await asyncio.wait({noting})
        await _note_or_say(settings.home, wiring)


async def _note_always(home: Path, wiring: Wiring) -> None:
    while True:
        await _note_or_say(home, wiring)
        await asyncio.sleep(_EVERY_S)


async def _note_or_say(home: Path, wiring: Wiring) -> None:
    try:
        await _note(home, wiring.app_engine, wiring.system_engine)
    except Unavailable as error:
        log.warning("audit.unavailable", reason=str(error))
    except OSError as error:
        log.warning("audit.heads_not_noted", reason=error.strerror)


async def _note(home: Path, app: AsyncEngine, system: AsyncEngine) -> None:
    """A head replaces the one before it only where the chain still contains that one."""
    noted = dict(_read(home))
    before = dict(noted)
    for tenant in (await tenants(system)).values():
        now = await head_after(app, tenant, known=noted.get(tenant))
        if now is None:
            log.error("audit.broken", tenant=str(tenant), advice="run expert audit verify")
        elif now.sequence:
            noted[tenant] = now
    if noted != before:
        await asyncio.to_thread(_write, home, noted)


def _read(home: Path) -> Mapping[TenantId, Head]:
    path = heads_file(home)
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return {
            TenantId(UUID(tenant)): Head(int(head["sequence"]), str(head["hash"]))
            for tenant, head in kept.items()
        }
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Rejected(
            f"{path} cannot be read ({error}); was it changed? Restore it from a backup."
        ) from error


def _write(home: Path, noted: Mapping[TenantId, Head]) -> None:
    at = datetime.now(UTC).isoformat(timespec="seconds")
    kept = {
        str(tenant): {"sequence": head.sequence, "hash": head.hash, "at": at}
        for tenant, head in noted.items()
    }
    write_private(heads_file(home), json.dumps(kept, indent=2) + "\n")


@asynccontextmanager
async def _engines(urls: DatabaseUrls) -> AsyncIterator[tuple[AsyncEngine, AsyncEngine]]:
    async with AsyncExitStack() as stack:
        app, system = (connect(url, pool_size=1) for url in (urls.app, urls.system))
        stack.push_async_callback(app.dispose)
        stack.push_async_callback(system.dispose)
        yield app, system

"""Take a file into the library: parse, chunk, embed, and replace what the former version left."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import PurePosixPath
from uuid import uuid4, uuid5

from brain.domain.chunking import chunk
from brain.domain.errors import Conflict, Rejected
from brain.domain.events import DocumentChanged
from brain.domain.identity import DepartmentId, Principal, Role
from brain.domain.knowledge import (
    Chunk,
    Document,
    DocumentId,
    DocumentStatus,
    ParsedDocument,
    Passage,
    PassageId,
)
from brain.domain.records import AuditEntry
from brain.ports import Embedder, Parser, Store, Transaction
from brain.usecases.embedding import embed_passages
from brain.usecases.permission import department_for
from brain.usecases.withdraw import follow_up


class Outcome(StrEnum):
    ADDED = "added"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True)
class Upload:
    """`source` names the item across versions (a path, a URL); `department` is a slug."""

    department: str
    source: str
    content: bytes
    media_type: str | None = None


@dataclass(frozen=True, slots=True)
class Ingested:
    document: Document
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Ingest:
    store: Store
    embedder: Embedder
    parser: Parser

    async def __call__(self, principal: Principal, upload: Upload) -> Ingested:
        source = _checked_source(upload.source)
        async with self.store.transaction(principal.tenant) as tx:
            department = await department_for(tx, principal, upload.department, Role.REVIEWER, Role.ADMIN)
            former = await tx.library.by_source(department.id, source=source)
            digest = content_hash(upload.content)
            # What is in quarantine is read again: the media type, or this version, may make the difference.
            if former is not None and _is_live(former) and former.content_hash == digest:
                await _forget_refused(tx, former)
                return Ingested(former, Outcome.UNCHANGED)
        document = _next_version(former, department.id, source, digest, upload.media_type)
        try:
            parsed = await self.parser.parse(
                upload.content, name=PurePosixPath(source).name, media_type=upload.media_type
            )
        except Rejected as refusal:
            return await self._quarantine(principal, upload, document, former, str(refusal))
        return await self._save(principal, upload, replace(document, title=parsed.title), former, parsed)

    async def _save(
        self,
        principal: Principal,
        upload: Upload,
        document: Document,
        former: Document | None,
        parsed: ParsedDocument,
    ) -> Ingested:
        # In a thread: a large document takes seconds, in which everybody else would wait.
        chunks = await asyncio.to_thread(chunk, parsed, count_tokens=self.embedder.count_tokens)
        passages = await asyncio.to_thread(_passages, document, chunks)
        embedded = await embed_passages(self.embedder, passages)
        async with self.store.transaction(principal.tenant) as tx:
            await _require_unchanged(tx, document, former)
            withdrawn = await tx.library.save(
                document,
                markdown=parsed.markdown,
                content=upload.content,
                passages=embedded,
            )
            await follow_up(tx, withdrawn)
            await _forget_refused(tx, document)
            outcome = Outcome.CHANGED if former else Outcome.ADDED
            await _announce(tx, principal, document, outcome)
        return Ingested(replace(document, passages=len(passages)), outcome)

    async def _quarantine(
        self, principal: Principal, upload: Upload, document: Document, former: Document | None, reason: str
    ) -> Ingested:
        """A version that can be read stays live; the one that cannot is kept beside it, with its reason."""
        async with self.store.transaction(principal.tenant) as tx:
            await _require_unchanged(tx, document, former)
            if former is not None and _is_live(former):
                source = _refused_source(former.source)
                former = await tx.library.by_source(document.department, source=source)
                document = _next_version(
                    former, document.department, source, document.content_hash, upload.media_type
                )
            document = replace(document, status=DocumentStatus.QUARANTINED, reason=reason)
            if former and (former.content_hash, former.reason) == (document.content_hash, reason):
                return Ingested(former, Outcome.QUARANTINED)
            withdrawn = await tx.library.save(document, markdown="", content=upload.content, passages=())
            await follow_up(tx, withdrawn)
            await _announce(tx, principal, document, Outcome.QUARANTINED)
        return Ingested(document, Outcome.QUARANTINED)


def content_hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _checked_source(source: str) -> str:
    cleaned = source.replace("\x00", "").strip()
    if not cleaned or len(cleaned) > 1_000:
        raise Rejected("A document needs a source (its path or address) of at most 1,000 characters.")
    return cleaned


def _next_version(
    former: Document | None, department: DepartmentId, source: str, digest: str, media_type: str | None
) -> Document:
    return Document(
        id=former.id if former else DocumentId(uuid4()),
        department=department,
        source=source,
        title=PurePosixPath(source).name,
        media_type=media_type or "application/octet-stream",
        content_hash=digest,
        version=former.version + 1 if former else 1,
    )


def _passages(document: Document, chunks: Sequence[Chunk]) -> list[Passage]:
    """Ids follow from the content: a passage that a new version leaves as it was stays the same passage,
    and what was approved on its strength stands."""
    seen: Counter[str] = Counter()
    passages = []
    for piece in chunks:
        digest = content_hash("\x1f".join((document.title, *piece.heading_path, piece.text)).encode())
        seen[digest] += 1
        passages.append(
            Passage(
                id=PassageId(uuid5(document.id, f"{digest}/{seen[digest]}")),
                department=document.department,
                title=document.title,
                heading_path=piece.heading_path,
                text=piece.text,
                content_hash=digest,
                ordinal=piece.ordinal,
                page=piece.page,
                start=piece.start,
                end=piece.end,
                document=document.id,
            )
        )
    return passages


def _is_live(document: Document) -> bool:
    return document.status is DocumentStatus.LIVE


def _refused_source(source: str) -> str:
    """Where the newest version of a live document is kept that could not be read."""
    return f"{source} (unreadable version)"


async def _forget_refused(tx: Transaction, document: Document) -> None:
    """What is sent now can be read: what could not be is of no more use."""
    refused = await tx.library.by_source(document.department, source=_refused_source(document.source))
    if refused is not None and not _is_live(refused):
        await follow_up(tx, await tx.library.forget(refused.id))


async def _require_unchanged(tx: Transaction, document: Document, former: Document | None) -> None:
    present = await tx.library.by_source(document.department, source=document.source)
    if (present and present.version) != (former and former.version):
        raise Conflict(f"{document.source} was changed by somebody else meanwhile; send it again.")


async def _announce(tx: Transaction, principal: Principal, document: Document, outcome: Outcome) -> None:
    await tx.emit(DocumentChanged(document.id))
    await tx.records.audit(
        AuditEntry(
            actor=principal.member.id,
            action=f"document.{outcome.value}",
            subject=f"document {document.id}",
            details=(("source", document.source), ("version", str(document.version))),
        )
    )

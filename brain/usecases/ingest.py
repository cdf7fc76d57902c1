"""Take a file into the library: parse, chunk, embed, and replace what the former version left."""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import PurePosixPath
from uuid import uuid4, uuid5

from brain.domain.chunking import chunk
from brain.domain.errors import Conflict, Missing, Rejected
from brain.domain.events import DocumentChanged
from brain.domain.identity import DepartmentId, MemberId, Principal, Role, TenantId
from brain.domain.knowledge import (
    Chunk,
    Document,
    DocumentId,
    DocumentStatus,
    ParsedDocument,
    Passage,
    PassageId,
    readable_source,
    refused_source,
)
from brain.domain.records import AuditEntry
from brain.ports import Embedder, Parser, Store, Transaction
from brain.usecases.embedding import embed_passages
from brain.usecases.permission import department_for
from brain.usecases.twins import Twin, find_twin
from brain.usecases.withdraw import follow_up


class Outcome(StrEnum):
    ADDED = "added"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    QUARANTINED = "quarantined"
    LINKED = "linked"


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
class _Version:
    """A document as it would be with this content, beside what it is now. No actor: we do it by ourselves."""

    tenant: TenantId
    actor: MemberId | None
    document: Document
    former: Document | None
    content: bytes
    media_type: str | None


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
        actor = principal.member.id
        return await self._read(
            _Version(principal.tenant, actor, document, former, upload.content, upload.media_type)
        )

    async def again(self, tenant: TenantId, id_: DocumentId, *, actor: MemberId | None) -> Ingested:
        """Read a file once more that is kept for it: one in quarantine, or one whose twin changed or went."""
        async with self.store.transaction(tenant) as tx:
            kept, content = await tx.library.document(id_), await tx.library.copies.kept(id_)
            if kept is None:
                raise Missing(f"There is no document {id_} any more.")
            if content is None:
                return Ingested(kept, Outcome.UNCHANGED)
            source = kept.source if _is_live(kept) else readable_source(kept.source)
            former = await tx.library.by_source(kept.department, source=source)
        document = _next_version(former, kept.department, source, kept.content_hash, kept.media_type)
        return await self._read(_Version(tenant, actor, document, former, content, kept.media_type))

    async def _read(self, version: _Version) -> Ingested:
        name = PurePosixPath(version.document.source).name
        try:
            parsed = await self.parser.parse(version.content, name=name, media_type=version.media_type)
        except Rejected as refusal:
            return await self._quarantine(version, str(refusal))
        return await self._save(
            replace(version, document=replace(version.document, title=parsed.title)), parsed
        )

    async def _save(self, version: _Version, parsed: ParsedDocument) -> Ingested:
        twin = await find_twin(self.store, version.tenant, version.document, parsed.markdown)
        document = replace(version.document, twin=twin.document.id if twin else None)
        # What is indexed already stays so: answers may rest on its passages.
        if twin and twin.says_the_same and not (version.former and version.former.passages):
            return await self._link(replace(version, document=document), parsed, twin)
        # In a thread: a large document takes seconds, in which everybody else would wait.
        chunks = await asyncio.to_thread(chunk, parsed, count_tokens=self.embedder.count_tokens)
        passages = await asyncio.to_thread(_passages, document, chunks)
        async with self.store.transaction(version.tenant) as tx:
            known = await tx.library.copies.embedded(passages, embedder=self.embedder.name)
        embedded = await embed_passages(self.embedder, passages, known=known)
        async with self.store.transaction(version.tenant) as tx:
            await _require_unchanged(tx, document, version.former)
            withdrawn = await tx.library.save(
                document,
                markdown=parsed.markdown,
                content=version.content,
                passages=embedded,
            )
            await follow_up(tx, withdrawn)
            await _forget_refused(tx, document)
            outcome = Outcome.CHANGED if version.former else Outcome.ADDED
            await _announce(tx, version.actor, document, outcome)
        return Ingested(replace(document, passages=len(passages)), outcome)

    async def _link(self, version: _Version, parsed: ParsedDocument, twin: Twin) -> Ingested:
        """Its twin answers for it; the file is kept, for the day on which the twin changes or goes."""
        document = version.document
        async with self.store.transaction(version.tenant) as tx:
            held = await tx.library.copies.hold(twin.document)
            if held:
                await _require_unchanged(tx, document, version.former)
                withdrawn = await tx.library.save(
                    document, markdown=parsed.markdown, content=version.content, passages=()
                )
                await follow_up(tx, withdrawn)
                await _forget_refused(tx, document)
                await _announce(tx, version.actor, document, Outcome.LINKED)
        return Ingested(document, Outcome.LINKED) if held else await self._save(version, parsed)

    async def _quarantine(self, version: _Version, reason: str) -> Ingested:
        """A version that can be read stays live; the one that cannot is kept beside it, with its reason."""
        document, former = version.document, version.former
        async with self.store.transaction(version.tenant) as tx:
            await _require_unchanged(tx, document, former)
            if former is not None and _is_live(former):
                source = refused_source(former.source)
                former = await tx.library.by_source(document.department, source=source)
                document = _next_version(
                    former, document.department, source, document.content_hash, version.media_type
                )
            document = replace(document, status=DocumentStatus.QUARANTINED, reason=reason)
            if former and (former.content_hash, former.reason) == (document.content_hash, reason):
                return Ingested(former, Outcome.QUARANTINED)
            withdrawn = await tx.library.save(document, markdown="", content=version.content, passages=())
            await follow_up(tx, withdrawn)
            await _announce(tx, version.actor, document, Outcome.QUARANTINED)
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
    and what was approved on its strength stands. What is said twice, under the same headings, is one."""
    seen = set[str]()
    passages = []
    for piece in chunks:
        digest = content_hash("\x1f".join((document.title, *piece.heading_path, piece.text)).encode())
        if digest in seen:
            continue
        seen.add(digest)
        passages.append(
            Passage(
                id=PassageId(uuid5(document.id, f"{digest}/1")),
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


async def _forget_refused(tx: Transaction, document: Document) -> None:
    """What is sent now can be read: what could not be is of no more use."""
    refused = await tx.library.by_source(document.department, source=refused_source(document.source))
    if refused is not None and not _is_live(refused):
        await follow_up(tx, await tx.library.forget(refused.id))


async def _require_unchanged(tx: Transaction, document: Document, former: Document | None) -> None:
    present = await tx.library.by_source(document.department, source=document.source)
    if (present and present.version) != (former and former.version):
        raise Conflict(f"{document.source} was changed by somebody else meanwhile; send it again.")


async def _announce(tx: Transaction, actor: MemberId | None, document: Document, outcome: Outcome) -> None:
    await tx.emit(DocumentChanged(document.id))
    await tx.records.audit(
        AuditEntry(
            actor=actor,
            action=f"document.{outcome.value}",
            subject=f"document {document.id}",
            details=(("source", document.source), ("version", str(document.version))),
        )
    )

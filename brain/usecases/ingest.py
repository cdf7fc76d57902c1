"""Take a file into the library: parse, chunk, embed, and replace what the former version left."""

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
        if former is not None and former.content_hash == digest:
            quarantined = former.status is DocumentStatus.QUARANTINED
            return Ingested(former, Outcome.QUARANTINED if quarantined else Outcome.UNCHANGED)
        document = _next_version(former, department.id, source, digest, upload.media_type)
        try:
            parsed = await self.parser.parse(
                upload.content, name=PurePosixPath(source).name, media_type=upload.media_type
            )
        except Rejected as refusal:
            document = replace(document, status=DocumentStatus.QUARANTINED, reason=str(refusal))
            return await self._save(principal, upload, document, former, ParsedDocument(document.title, ""))
        return await self._save(principal, upload, replace(document, title=parsed.title), former, parsed)

    async def _save(
        self,
        principal: Principal,
        upload: Upload,
        document: Document,
        former: Document | None,
        parsed: ParsedDocument,
    ) -> Ingested:
        chunks = chunk(parsed, count_tokens=self.embedder.count_tokens)
        passages = _passages(document, chunks)
        embedded = await embed_passages(self.embedder, passages)
        async with self.store.transaction(principal.tenant) as tx:
            present = await tx.library.by_source(document.department, source=document.source)
            if (present and present.version) != (former and former.version):
                raise Conflict(f"{document.source} was changed by somebody else meanwhile; send it again.")
            await tx.library.save(
                document,
                markdown=parsed.markdown,
                content=upload.content,
                passages=embedded,
            )
            outcome = _outcome(document, former)
            await _announce(tx, principal, document, outcome)
        return Ingested(replace(document, passages=len(passages)), outcome)


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


def _outcome(document: Document, former: Document | None) -> Outcome:
    if document.status is DocumentStatus.QUARANTINED:
        return Outcome.QUARANTINED
    return Outcome.CHANGED if former else Outcome.ADDED


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

"""Documents and the passages retrieval works on."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType, Self
from uuid import UUID

from brain.domain.identity import DepartmentId

DocumentId = NewType("DocumentId", UUID)
PassageId = NewType("PassageId", UUID)
ArticleId = NewType("ArticleId", UUID)

_REFUSED = " (unreadable version)"


class DocumentStatus(StrEnum):
    LIVE = "live"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True)
class PageStart:
    """From `offset` (characters into the Markdown) on, the text stands on page `page` (1-based)."""

    offset: int
    page: int


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """What a parser makes of a file: one Markdown text, whatever the format was."""

    title: str
    markdown: str
    pages: tuple[PageStart, ...] = ()


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a parsed document: `text == markdown[start:end]`, `page` where pages are known."""

    ordinal: int
    heading_path: tuple[str, ...]
    page: int | None
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Document:
    """A source item. `version` counts the contents it has had; quarantined ones keep a reason.

    `twin` is an older document of the same department that looks alike. Where it says the same, this one is
    linked to it and has no passages of its own.
    """

    id: DocumentId
    department: DepartmentId
    source: str
    title: str
    media_type: str
    content_hash: str
    version: int = 1
    status: DocumentStatus = DocumentStatus.LIVE
    reason: str | None = None
    passages: int = 0
    updated_at: datetime | None = None
    twin: DocumentId | None = None

    @property
    def linked(self) -> bool:
        return self.twin is not None and self.passages == 0


def refused_source(source: str) -> str:
    """Where the newest version of a live document is kept that could not be read."""
    return f"{source}{_REFUSED}"


def readable_source(source: str) -> str:
    """The document that a version which could not be read is of; itself for any other."""
    return source.removesuffix(_REFUSED)


@dataclass(frozen=True, slots=True)
class Passage:
    """A retrievable piece of a document or of an article (exactly one of the two ids is set)."""

    id: PassageId
    department: DepartmentId
    title: str
    heading_path: tuple[str, ...]
    text: str
    content_hash: str
    ordinal: int = 0
    page: int | None = None
    start: int = 0
    end: int = 0
    document: DocumentId | None = None
    article: ArticleId | None = None

    @property
    def origin(self) -> UUID:
        """The document or article that it is a piece of."""
        return self.document or self.article or self.id

    @property
    def indexed_text(self) -> str:
        """What both rankings see: title and headings carry words that the body leaves out."""
        return "\n".join((self.title, " › ".join(self.heading_path), self.text))


class Vector(tuple[float, ...]):  # noqa: SLOT001  # a tuple's own layout leaves no room for a slot
    """What a text means to one embedder, at unit length. Vectors of two embedders cannot be compared."""

    embedder: str

    def __new__(cls, values: Iterable[float], *, embedder: str) -> Self:
        vector = super().__new__(cls, values)
        vector.embedder = embedder
        return vector


@dataclass(frozen=True, slots=True)
class Embedded:
    """A passage with what it means as a whole, and what each piece of it means, by where the piece starts."""

    passage: Passage
    vector: Vector
    pieces: tuple[tuple[int, Vector], ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """A passage with its score and 1-based rank in each ranking; a rank is None where it did not appear.

    `dense_score` is the cosine similarity, known for every passage found; `lexical_score` is BM25. `pieces`
    has the cosine similarity of each piece by where it starts in the passage's text. `through` are the
    departments on whose strength the audience may read it; None: the passage's own.
    """

    passage: Passage
    dense_score: float
    dense_rank: int | None
    lexical_score: float
    lexical_rank: int | None
    score: float = 0.0
    pieces: tuple[tuple[int, float], ...] = ()
    through: frozenset[DepartmentId] | None = None

    @property
    def scope(self) -> frozenset[DepartmentId]:
        return frozenset((self.passage.department,)) if self.through is None else self.through

    @property
    def piece_score(self) -> float:
        """The piece that is nearest; the whole passage where no pieces are known."""
        return max((similarity for _, similarity in self.pieces), default=self.dense_score)

    def similarity_at(self, start: int) -> float:
        """Of the piece that starts there, or of the whole."""
        return next((similarity for at, similarity in self.pieces if at == start), self.dense_score)

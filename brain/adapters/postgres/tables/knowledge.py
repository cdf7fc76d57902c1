"""What retrieval reads: documents, articles, and the passages, postings and embeddings made of them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pgvector.sqlalchemy import HALFVEC
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Identity,
    Index,
    LargeBinary,
    Text,
    UniqueConstraint,
    literal_column,
    text,
)
from sqlmodel import Field, SQLModel

from brain.adapters.postgres.tables.columns import moment, texts, uuids, within


class Scope(SQLModel, table=True):
    """A set of departments that knowledge comes from: readable by whoever may read all of them.

    And by whoever may read one of those in `also`, to which somebody widened it.

    Passages, postings and embeddings carry its small number, so that rights are applied inside the
    ranking, and a department's change of visibility takes effect at once without touching a passage.
    """

    __table_args__ = (
        UniqueConstraint("tenant_id", "departments", "also"),
        ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="scope_tenant_fkey"),
    )
    tenant_id: UUID = Field(primary_key=True)
    id: int = Field(sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    departments: list[UUID] = uuids()
    also: list[UUID] = uuids()


class Document(SQLModel, table=True):
    """`content` is kept for quarantined and linked files only, so that they can be read again.

    One that is live, has its content and no twin is about to be: its twin changed or is gone.
    """

    __table_args__ = (
        UniqueConstraint("tenant_id", "department_id", "source"),
        within("department"),
        ForeignKeyConstraint(
            ["tenant_id", "twin_id"], ["document.tenant_id", "document.id"], ondelete="SET NULL (twin_id)"
        ),
        Index("document_twin", "tenant_id", "twin_id"),
        Index(
            "document_waiting",
            "tenant_id",
            postgresql_where=text("status = 'live' AND content IS NOT NULL AND twin_id IS NULL"),
        ),
        CheckConstraint("status IN ('live', 'quarantined')", name="status"),
        CheckConstraint("(status = 'quarantined') = (reason IS NOT NULL)", name="reason"),
    )
    tenant_id: UUID = Field(primary_key=True)
    id: UUID = Field(primary_key=True)
    department_id: UUID
    source: str = Field(sa_type=Text)
    title: str = Field(sa_type=Text)
    media_type: str = Field(sa_type=Text)
    content_hash: str = Field(sa_type=Text)
    version: int
    status: str = Field(sa_type=Text)
    reason: str | None = Field(sa_type=Text)
    markdown: str = Field(sa_type=Text)
    content: bytes | None = Field(sa_type=LargeBinary)
    twin_id: UUID | None
    created_at: datetime = moment()
    updated_at: datetime = moment()


class Likeness(SQLModel, table=True):
    """A band of a document's MinHash: documents that share one may look alike."""

    __table_args__ = (
        within("document", cascade=True),
        Index("likeness_document", "tenant_id", "document_id"),
    )
    tenant_id: UUID = Field(primary_key=True)
    department_id: UUID = Field(primary_key=True)
    band: int = Field(sa_type=BigInteger, primary_key=True)
    document_id: UUID = Field(primary_key=True)


class Article(SQLModel, table=True):
    """What a human approved; `version` is the one in force, until `expires_at`."""

    __table_args__ = (
        within("department"),
        ForeignKeyConstraint(["tenant_id", "scope_id"], ["scope.tenant_id", "scope.id"]),
        CheckConstraint("status IN ('live', 'suspended', 'retracted')", name="status"),
    )
    tenant_id: UUID = Field(primary_key=True)
    id: UUID = Field(primary_key=True)
    department_id: UUID
    scope_id: int = Field(sa_type=BigInteger)
    status: str = Field(sa_type=Text)
    version: int
    expires_at: datetime = moment()
    created_at: datetime = moment()
    updated_at: datetime = moment()


class ArticleVersion(SQLModel, table=True):
    """`answer_id` leads to the citations, the verdict and the draft: where this knowledge comes from."""

    __tablename__ = "article_version"
    __table_args__ = (within("article", cascade=True), within("answer"), within("member", "approved_by"))
    tenant_id: UUID = Field(primary_key=True)
    article_id: UUID = Field(primary_key=True)
    version: int = Field(primary_key=True)
    answer_id: UUID
    question: str = Field(sa_type=Text)
    text: str = Field(sa_type=Text)
    note: str = Field(sa_type=Text, sa_column_kwargs={"server_default": ""})
    approved_by: UUID
    approved_at: datetime = moment()


class Wording(SQLModel, table=True):
    """A way in which an article's question was asked."""

    __table_args__ = (within("article", cascade=True),)
    tenant_id: UUID = Field(primary_key=True)
    article_id: UUID = Field(primary_key=True)
    text: str = Field(sa_type=Text, primary_key=True)
    vector: Any = Field(sa_column=Column(HALFVEC(), nullable=False))


class Passage(SQLModel, table=True):
    __table_args__ = (
        within("department"),
        within("document", cascade=True),
        within("article", cascade=True),
        ForeignKeyConstraint(["tenant_id", "scope_id"], ["scope.tenant_id", "scope.id"]),
        CheckConstraint("num_nonnulls(document_id, article_id) = 1", name="origin"),
        Index("passage_scope", "tenant_id", "scope_id", postgresql_include=["length"]),
        Index("passage_content", "tenant_id", "content_hash"),
        Index("passage_document", "tenant_id", "document_id"),
        Index("passage_article", "tenant_id", "article_id"),
    )
    tenant_id: UUID = Field(primary_key=True)
    id: UUID = Field(primary_key=True)
    scope_id: int = Field(sa_type=BigInteger)
    department_id: UUID
    document_id: UUID | None
    article_id: UUID | None
    ordinal: int
    title: str = Field(sa_type=Text)
    heading_path: list[str] = texts()
    page: int | None
    start: int
    end: int
    text: str = Field(sa_type=Text)
    content_hash: str = Field(sa_type=Text)
    length: int


class Posting(SQLModel, table=True):
    """One term of one passage: how often it occurs, in how long a passage. BM25 reads nothing else."""

    __table_args__ = (
        within("passage", cascade=True),
        Index("posting_passage", "tenant_id", "passage_id"),
        Index(
            "posting_term",
            "tenant_id",
            "term",
            "scope_id",
            postgresql_include=["passage_id", "occurrences", "length"],
        ),
    )
    tenant_id: UUID = Field(primary_key=True)
    term: str = Field(sa_type=Text, primary_key=True)
    passage_id: UUID = Field(primary_key=True)
    scope_id: int = Field(sa_type=BigInteger)
    occurrences: int
    length: int


class Embedding(SQLModel, table=True):
    """Vectors apart from texts: small rows to scan, and room for a second model beside the first.

    `start` is where the embedded piece begins in the passage's text; -1 for the passage as a whole, which is
    what search scans.
    """

    __table_args__ = (
        within("passage", cascade=True),
        Index("embedding_scope", "tenant_id", "scope_id"),
        Index(
            "embedding_hnsw",
            literal_column("(vector::halfvec(384))").label("vector_384"),
            postgresql_ops={"vector_384": "halfvec_cosine_ops"},
            postgresql_using="hnsw",
            postgresql_where=text("dimensions = 384 AND start = -1"),
        ),
    )
    tenant_id: UUID = Field(primary_key=True)
    passage_id: UUID = Field(primary_key=True)
    embedder: str = Field(sa_type=Text, primary_key=True)
    start: int = Field(primary_key=True)
    dimensions: int
    scope_id: int = Field(sa_type=BigInteger)
    vector: Any = Field(sa_column=Column(HALFVEC(), nullable=False))

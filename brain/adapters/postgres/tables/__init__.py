"""The database, table by table. Keys start with the tenant, so no key tells of another tenant's rows."""

from sqlalchemy import Table
from sqlmodel import SQLModel

from brain.adapters.postgres.tables.chat import Channel, Installation, Message
from brain.adapters.postgres.tables.knowledge import (
    Article,
    ArticleVersion,
    Document,
    Embedding,
    Likeness,
    Passage,
    Posting,
    Scope,
    Wording,
)
from brain.adapters.postgres.tables.people import (
    ApiKey,
    Department,
    Member,
    Membership,
    PlatformIdentity,
    Tenant,
)
from brain.adapters.postgres.tables.schedule import of_no_tenant
from brain.adapters.postgres.tables.talk import (
    Answer,
    Citation,
    Conversation,
    Feedback,
    Question,
    Review,
    ReviewMove,
    Showing,
    TrainingExample,
    Verdict,
    Waiting,
)
from brain.adapters.postgres.tables.work import Audit, Bucket, Inbox, Outbox, Task

__all__ = [
    "Answer",
    "ApiKey",
    "Article",
    "ArticleVersion",
    "Audit",
    "Bucket",
    "Channel",
    "Citation",
    "Conversation",
    "Department",
    "Document",
    "Embedding",
    "Feedback",
    "Inbox",
    "Installation",
    "Likeness",
    "Member",
    "Membership",
    "Message",
    "Outbox",
    "Passage",
    "PlatformIdentity",
    "Posting",
    "Question",
    "Review",
    "ReviewMove",
    "Scope",
    "Showing",
    "Task",
    "Tenant",
    "TrainingExample",
    "Verdict",
    "Waiting",
    "Wording",
    "metadata",
    "of_no_tenant",
    "table",
]

metadata = SQLModel.metadata


def table(model: type[SQLModel]) -> Table:
    """The SQLAlchemy table behind a model, for statements that are not about whole objects."""
    found: Table = SQLModel.metadata.tables[str(model.__tablename__)]
    return found

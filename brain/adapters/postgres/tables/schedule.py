"""What is to be done from time to time: no tenant's, and out of reach for the role that serves them."""

from sqlalchemy import Column, DateTime, Integer, MetaData, Table, Text, text

of_no_tenant = MetaData()

# One row for each: who took its last turn, when, and how it ended. `turns` fences.
schedule = Table(
    "schedule",
    of_no_tenant,
    Column("name", Text, primary_key=True),
    Column("due_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    Column("turns", Integer, nullable=False, server_default="0"),
    Column("taken_by", Text, nullable=False, server_default=""),
    Column("taken_at", DateTime(timezone=True)),
    Column("ended_at", DateTime(timezone=True)),
    Column("outcome", Text, nullable=False, server_default=""),
)

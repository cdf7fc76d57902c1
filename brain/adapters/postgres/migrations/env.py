"""Alembic's entry: runs with the connection that `migrate` passes in."""

from alembic import context

from brain.adapters.postgres.tables import metadata, of_no_tenant

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=[metadata, of_no_tenant], compare_type=True)
with context.begin_transaction():
    context.run_migrations()

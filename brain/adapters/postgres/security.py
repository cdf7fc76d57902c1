"""Row-level security and privileges: who may do what to which table, applied after every migration."""

from sqlalchemy import Connection, text

from brain.adapters.postgres.tables import metadata, of_no_tenant

# The tenant is set for one transaction only. After a transaction that set it, the setting reads '' rather
# than NULL on the same connection: hence NULLIF, and no tenant means no rows.
_TENANT = "NULLIF(current_setting('expert.tenant_id', true), '')::uuid"

_APP_DEFAULT = "SELECT, INSERT, UPDATE, DELETE"
_APP = {
    "audit": "SELECT, INSERT, UPDATE (details, salts)",
    "tenant": "SELECT, UPDATE (reviews, embedder, replica, replica_whole)",
}

# What the relay and the sweeper need across tenants, and nothing else: they move rows between outbox and
# task, a new tenant is created before anybody can speak in its name, and a delivery names a workspace only.
# When something was delivered or replied they see, and not what was said.
_SYSTEM = {
    "tenant": "SELECT, INSERT",
    "outbox": "SELECT, UPDATE, DELETE",
    "task": "SELECT, INSERT, UPDATE, DELETE",
    "inbox": "SELECT (tenant_id, id, source, delivery_id, received_at), DELETE",
    "message": "SELECT (tenant_id, key, created_at), DELETE",
    # No tokens.
    "installation": "SELECT (tenant_id, platform, enterprise, workspace, teams, bot_user, bot_id,"
    " installed_at)",
}


def secure(connection: Connection, *, app_role: str, system_role: str) -> None:
    """Idempotent. Roles are database users' names; both must exist and own nothing."""
    quote = connection.dialect.identifier_preparer.quote
    app, system = quote(app_role), quote(system_role)
    for role in (app, system):
        connection.execute(text(f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role}"))
        connection.execute(text(f"GRANT USAGE ON SCHEMA public TO {role}"))
    for table in metadata.sorted_tables:
        column = "id" if table.name == "tenant" else "tenant_id"
        own = f"{column} = {_TENANT}"
        for statement in (
            f"ALTER TABLE {table.name} ENABLE ROW LEVEL SECURITY",
            f"ALTER TABLE {table.name} FORCE ROW LEVEL SECURITY",
            f"DROP POLICY IF EXISTS own_tenant ON {table.name}",
            f"CREATE POLICY own_tenant ON {table.name} USING ({own}) WITH CHECK ({own})",
            f"DROP POLICY IF EXISTS relay ON {table.name}",
            f"GRANT {_APP.get(table.name, _APP_DEFAULT)} ON {table.name} TO {app}",
        ):
            connection.execute(text(statement))
        if granted := _SYSTEM.get(table.name):
            connection.execute(text(f"GRANT {granted} ON {table.name} TO {system}"))
            connection.execute(
                text(f"CREATE POLICY relay ON {table.name} TO {system} USING (true) WITH CHECK (true)")
            )
    for table in of_no_tenant.sorted_tables:
        for statement in (
            f"ALTER TABLE {table.name} ENABLE ROW LEVEL SECURITY",
            f"ALTER TABLE {table.name} FORCE ROW LEVEL SECURITY",
            f"DROP POLICY IF EXISTS relay ON {table.name}",
            f"CREATE POLICY relay ON {table.name} TO {system} USING (true) WITH CHECK (true)",
            f"DROP POLICY IF EXISTS own_tenant ON {table.name}",
            f"CREATE POLICY own_tenant ON {table.name} USING (false) WITH CHECK (false)",
            f"GRANT SELECT, INSERT, UPDATE ON {table.name} TO {system}",
        ):
            connection.execute(text(statement))
    connection.execute(text(f"GRANT SELECT ON alembic_version TO {app}"))

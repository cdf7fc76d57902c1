"""The store and the knowledge index on PostgreSQL."""

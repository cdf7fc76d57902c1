"""Whose task is next: tenants take turns, whatever each of them has waiting. The SQL that says so, once."""

# A tenant's tasks that are under way, and then its longest due ones, have the turns 1, 2, 3 …; the lowest
# turn is next, and of the same turn what is due for longest. What is not read does not slow it: tenants are
# found by jumping from one to the next in the index `task_turn`, and of each its first few tasks.
# https://wiki.postgresql.org/wiki/Loose_indexscan
# Nothing is locked before it is known to be next. Some more than wanted are candidates, as others may claim
# the same ones just now; `due` takes the first that are free.
LINE = """
WITH RECURSIVE line (handler, tenant_id) AS (
    SELECT handler, (
        SELECT tenant_id FROM task WHERE state = 'ready' AND task.handler = wanted.handler
        ORDER BY tenant_id LIMIT 1
    ) FROM unnest(CAST(:handlers AS text[])) AS wanted (handler)
    UNION ALL
    SELECT handler, (
        SELECT tenant_id FROM task
        WHERE state = 'ready' AND task.handler = line.handler AND task.tenant_id > line.tenant_id
        ORDER BY tenant_id LIMIT 1
    ) FROM line WHERE tenant_id IS NOT NULL
)"""
_DUE = f"""
{LINE}, under_way AS (
    SELECT tenant_id, count(*) AS tasks FROM task
    WHERE {{under_way}} AND handler = ANY(CAST(:handlers AS text[])) GROUP BY tenant_id
), candidate AS (
    SELECT tenant_id, first.id, first.due_at,
        coalesce(under_way.tasks, 0) + row_number() OVER (PARTITION BY tenant_id ORDER BY due_at) AS turn
    FROM line CROSS JOIN LATERAL (
        SELECT id, due_at FROM task
        WHERE state = 'ready' AND task.handler = line.handler AND task.tenant_id = line.tenant_id
            AND due_at <= now() - make_interval(secs => :late) {{waiting}}
        ORDER BY due_at LIMIT :limit
    ) AS first LEFT JOIN under_way USING (tenant_id)
    ORDER BY turn, due_at LIMIT 4 * :limit + 16
), due AS (
    SELECT task.tenant_id, task.id FROM candidate
    JOIN task ON (task.tenant_id, task.id) = (candidate.tenant_id, candidate.id)
    WHERE state = 'ready' {{waiting}}
    ORDER BY turn, candidate.due_at LIMIT :limit FOR NO KEY UPDATE OF task SKIP LOCKED
)"""


def due(*, under_way: str, waiting: str = "") -> str:
    """`due`: whose turn it is of those that are `waiting`; what is `under_way` has had its turn. By
    `handlers`, `limit` and `late`."""
    return _DUE.format(under_way=under_way, waiting=waiting)


_LEASE = """, leased AS (
    UPDATE task SET state = 'leased', attempts = attempts + 1,
        lease_until = now() + make_interval(secs => :lease)
    FROM due WHERE (task.tenant_id, task.id) = (due.tenant_id, due.id)
    RETURNING task.*
)
SELECT leased.tenant_id, leased.id, handler, attempts, crashes, error, name, payload, traceparent, began_at,
    extract(epoch FROM now() - leased.due_at) AS waited_s, extract(epoch FROM now() - began_at) AS age_s
FROM leased JOIN outbox ON (outbox.tenant_id, outbox.id) = (leased.tenant_id, event_id)
ORDER BY leased.due_at
"""

# By `handlers`, `limit`, `lease` and `late` (seconds a task must be due for; 0: any that is due).
CLAIM = f"""{due(under_way="state = 'leased'")}{_LEASE}"""

# Up to `limit` of those that somebody was told of, where nobody has them yet.
CLAIM_THESE = f"""
WITH due AS (
    SELECT tenant_id, id FROM task
    WHERE state = 'ready' AND due_at <= now() AND handler = ANY(CAST(:handlers AS text[])) AND (tenant_id, id)
        IN (SELECT * FROM unnest(CAST(:tenants AS uuid[]), CAST(:ids AS uuid[])))
    ORDER BY due_at LIMIT :limit FOR NO KEY UPDATE SKIP LOCKED
){_LEASE}"""

# Of each handler, the one that is due first; an index finds it, however many there are.
NEXT_DUE = """
SELECT handler, extract(epoch FROM due_at - now()) AS due_in_s
FROM unnest(CAST(:handlers AS text[])) AS wanted (handler) CROSS JOIN LATERAL (
    SELECT due_at FROM task WHERE state = 'ready' AND task.handler = wanted.handler ORDER BY due_at LIMIT 1
) AS first
"""

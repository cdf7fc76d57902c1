"""SQL that deletes what is done and over, so many rows at a time: tasks, facts, deliveries and replies."""

_FORGET_TASKS = """
WITH over AS (
    SELECT tenant_id, id FROM task WHERE state = 'done' AND done_at < now() - make_interval(days => :days)
    ORDER BY done_at LIMIT :limit FOR UPDATE SKIP LOCKED
)
DELETE FROM task USING over WHERE (task.tenant_id, task.id) = (over.tenant_id, over.id)
"""

_FORGET_FACTS = """
WITH over AS (
    SELECT tenant_id, id FROM outbox WHERE relayed_at < now() - make_interval(days => :days)
    AND NOT EXISTS (SELECT FROM task WHERE (task.tenant_id, event_id) = (outbox.tenant_id, outbox.id))
    ORDER BY relayed_at LIMIT :limit FOR UPDATE SKIP LOCKED
)
DELETE FROM outbox USING over WHERE (outbox.tenant_id, outbox.id) = (over.tenant_id, over.id)
"""

# What platforms told so long ago they do not tell again; what it said, if nobody has dealt with it, goes too.
_FORGET_DELIVERIES = """
WITH over AS (
    SELECT tenant_id, source, delivery_id FROM inbox
    WHERE received_at < now() - make_interval(days => :days) AND (tenant_id, id) NOT IN (
        SELECT t.tenant_id, CAST(o.payload ->> 'delivery' AS uuid)
        FROM task t JOIN outbox o ON (o.tenant_id, o.id) = (t.tenant_id, t.event_id)
        WHERE t.handler = 'hear' AND t.state <> 'done')
    ORDER BY received_at LIMIT :limit
)
DELETE FROM inbox USING over
WHERE (inbox.tenant_id, inbox.source, inbox.delivery_id) = (over.tenant_id, over.source, over.delivery_id)
"""

# Replies to what somebody did: nobody changes them any more. What is said of questions and reviews stays: it
# has to be corrected when their ground changes.
_FORGET_REPLIES = """
WITH over AS (
    SELECT tenant_id, key FROM message
    WHERE created_at < now() - make_interval(days => :days) AND starts_with(key, 'delivery/')
    ORDER BY created_at LIMIT :limit
)
DELETE FROM message USING over WHERE (message.tenant_id, message.key) = (over.tenant_id, over.key)
"""

FORGETTING = (_FORGET_TASKS, _FORGET_FACTS, _FORGET_DELIVERIES, _FORGET_REPLIES)

"""What was posted on chat platforms, in PostgreSQL: who may post what, and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from brain.domain.conversation import LONGEST_WAIT_S, Claim, Conversation, MessageRef, Wait
from brain.domain.identity import TenantId
from brain.domain.question import ConversationId

# What should have been posted before is waited for while somebody tries, which may be a minute apart.
_PATIENCE_S = 90
_LONGEST_PATIENCE_S = 900
_SOON_S = 0.5
# A private reply can be sent so often: https://docs.slack.dev/interactivity/handling-user-interaction
_REPLIES = 5

# What came first is posted first; but nobody waits for ever for what cannot be posted.
_CLAIM = f"""
UPDATE message mine SET fence = fence + 1, claimed_until = now() + make_interval(secs => :for_s),
    unsure = unsure OR claimed_until IS NOT NULL,
    turn_at = CASE WHEN ids = '{{}}' THEN clock_timestamp() + make_interval(secs => :wait_s) ELSE turn_at END
FROM conversation c
WHERE key = :key AND (claimed_until IS NULL OR claimed_until < now())
AND (c.tenant_id, c.id) = (mine.tenant_id, mine.conversation_id) AND NOT EXISTS (
    SELECT FROM message earlier
    WHERE earlier.conversation_id = mine.conversation_id AND earlier.position < mine.position
    AND earlier.ids = '{{}}' AND earlier.tried_at > now() - make_interval(secs => {_PATIENCE_S})
    AND earlier.created_at > now() - make_interval(secs => {_LONGEST_PATIENCE_S}))
RETURNING mine.*, c.workspace
"""


# One after the other, so that no two processes take the same turn.
_IN_TURN = """
SELECT pg_advisory_xact_lock(hashtextextended(concat_ws('/', platform, workspace, channel), 0))
FROM conversation WHERE id = :to
"""

# Seconds until the channel may have its next message.
_FREE_IN_S = """
SELECT extract(epoch FROM max(other.turn_at) - clock_timestamp())
FROM conversation c JOIN conversation o
    ON (o.tenant_id, o.platform, o.workspace, o.channel) = (c.tenant_id, c.platform, c.workspace, c.channel)
JOIN message other ON (other.tenant_id, other.conversation_id) = (o.tenant_id, o.id)
WHERE c.id = :to AND c.reader = '' AND o.reader = ''
AND other.turn_at > now() - make_interval(secs => :pace_s)
AND EXISTS (SELECT FROM message WHERE key = :key AND ids = '{}')
"""


@dataclass(frozen=True, slots=True)
class SqlMessages:
    connection: AsyncConnection
    tenant: TenantId

    async def claim(self, key: str, *, to: ConversationId, for_s: float, pace_s: float) -> Claim | Wait:
        await self.connection.execute(
            text(
                "INSERT INTO message (tenant_id, key, conversation_id) VALUES (:tenant, :key, :to)"
                " ON CONFLICT (tenant_id, key) DO UPDATE SET tried_at = now() WHERE message.ids = '{}'"
            ),
            {"tenant": self.tenant, "key": key, "to": to},
        )
        wait_s = await self._turn_in_s(key, to, pace_s) if pace_s else 0.0
        if wait_s > LONGEST_WAIT_S:
            return Wait(wait_s)
        rows = await self.connection.execute(
            text(_CLAIM), {"key": key, "for_s": for_s + wait_s, "wait_s": wait_s}
        )
        return next((_claim(row, wait_s) for row in rows), Wait(_SOON_S))

    async def _turn_in_s(self, key: str, to: ConversationId, pace_s: float) -> float:
        await self.connection.execute(text(_IN_TURN), {"to": to})
        free_in_s: Decimal | None = await self.connection.scalar(
            text(_FREE_IN_S), {"key": key, "to": to, "pace_s": pace_s}
        )
        return 0.0 if free_in_s is None else max(0.0, float(free_in_s) + pace_s)

    async def posted(self, claim: Claim, refs: Sequence[MessageRef], *, digest: str, replied: bool) -> None:
        await self.connection.execute(
            text(
                "UPDATE message SET channel = :channel, ids = :ids, private = :private, digest = :digest,"
                " unsure = false, claimed_until = NULL, replies_left = replies_left - :replied"
                " WHERE key = :key AND fence = :fence"
            ),
            {
                "key": claim.key,
                "fence": claim.fence,
                "channel": refs[0].channel if refs else "",
                "ids": [ref.id for ref in refs],
                "private": any(ref.private for ref in refs),
                "digest": digest,
                "replied": int(replied),
            },
        )

    async def keep(self, claim: Claim, *, for_s: float) -> None:
        await self.connection.execute(
            text(
                "UPDATE message SET claimed_until = now() + make_interval(secs => :for_s), tried_at = now()"
                " WHERE key = :key AND fence = :fence"
            ),
            {"key": claim.key, "fence": claim.fence, "for_s": for_s},
        )

    async def given_back(self, claim: Claim, *, unsure: bool, for_good: bool, closed_for_s: float) -> None:
        await self.connection.execute(
            text(
                "UPDATE message SET claimed_until = NULL, unsure = :unsure,"
                " turn_at = greatest(turn_at, clock_timestamp() + make_interval(secs => :closed_for_s)),"
                " tried_at = CASE WHEN :for_good THEN '-infinity' ELSE tried_at END"
                " WHERE key = :key AND fence = :fence"
            ),
            {
                "key": claim.key,
                "fence": claim.fence,
                "unsure": unsure,
                "for_good": for_good,
                "closed_for_s": closed_for_s,
            },
        )

    async def reply_to(self, key: str, *, to: ConversationId, address: str, until: datetime) -> None:
        await self.connection.execute(
            text(
                # Nobody tries yet: what is said in the meantime need not wait for it.
                "INSERT INTO message"
                " (tenant_id, key, conversation_id, reply_to, reply_until, replies_left, tried_at)"
                f" VALUES (:tenant, :key, :to, :address, :until, {_REPLIES}, '-infinity')"
                " ON CONFLICT (tenant_id, key) DO UPDATE"
                " SET reply_to = EXCLUDED.reply_to, reply_until = EXCLUDED.reply_until,"
                " replies_left = EXCLUDED.replies_left"
            ),
            {"tenant": self.tenant, "key": key, "to": to, "address": address, "until": until},
        )

    async def refs(self, key: str) -> tuple[MessageRef, ...]:
        rows = await self.connection.execute(
            text(
                "SELECT m.*, c.workspace FROM message m JOIN conversation c"
                " ON (c.tenant_id, c.id) = (m.tenant_id, m.conversation_id) WHERE m.key = :key"
            ),
            {"key": key},
        )
        return next((_refs(row) for row in rows), ())

    async def keys(self, beginning: str) -> list[str]:
        rows = await self.connection.execute(
            text("SELECT key FROM message WHERE starts_with(key, :beginning) ORDER BY position"),
            {"beginning": beginning},
        )
        return list(rows.scalars())

    async def key_of(self, conversation: Conversation, *, id_: str) -> str | None:
        key: str | None = await self.connection.scalar(
            text(
                "SELECT m.key FROM message m JOIN conversation c"
                " ON (c.tenant_id, c.id) = (m.tenant_id, m.conversation_id)"
                " WHERE m.ids @> ARRAY[:id] AND m.channel = :channel AND c.workspace = :workspace"
                " AND c.platform = :platform"
            ),
            {
                "id": id_,
                "channel": conversation.channel,
                "workspace": conversation.workspace,
                "platform": conversation.platform,
            },
        )
        return key


def _refs(row: Row[Any]) -> tuple[MessageRef, ...]:
    return tuple(MessageRef(row.workspace, row.channel, id_, row.private) for id_ in row.ids)


def _claim(row: Row[Any], wait_s: float) -> Claim:
    return Claim(
        key=row.key,
        fence=row.fence,
        refs=_refs(row),
        digest=row.digest,
        unsure=row.unsure,
        reply_to=row.reply_to,
        reply_until=row.reply_until,
        replies_left=row.replies_left,
        wait_s=wait_s,
    )

"""What chat platforms and we remember of each other, in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from sqlalchemy import Row, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from brain.adapters.postgres import tables
from brain.adapters.postgres.buckets import SqlBuckets
from brain.adapters.postgres.identities import SqlIdentities
from brain.adapters.postgres.installations import SqlInstallations
from brain.adapters.postgres.messages import SqlMessages
from brain.adapters.postgres.people import SqlPeople
from brain.domain.answer import ASKED_BACK
from brain.domain.clock import WorkingHours
from brain.domain.conversation import (
    Answering,
    ChannelRules,
    Conversation,
    Delivery,
    DeliveryId,
    MayAsk,
    Thread,
)
from brain.domain.identity import DepartmentId, MemberId, TenantId
from brain.domain.question import ConversationId, QuestionId

_TWIN_AND_DELIVERY = """
twin AS (
    INSERT INTO inbox (tenant_id, id, source, delivery_id)
    SELECT CAST(:tenant AS uuid), gen_random_uuid(), :source, :twin {bound}
    WHERE :twin <> '' ON CONFLICT DO NOTHING RETURNING 1
), delivery AS (
    INSERT INTO inbox (tenant_id, id, source, delivery_id, payload)
    SELECT CAST(:tenant AS uuid), :id, :source, :delivery, :payload {bound}
    WHERE :twin = '' OR EXISTS (SELECT FROM twin) ON CONFLICT DO NOTHING RETURNING id
)
"""
_ACCEPT = text(f"WITH {_TWIN_AND_DELIVERY.format(bound='')} SELECT id FROM delivery")
# A platform waits for this: the tenant is bound, and everything done, in one statement. Row security looks at
# each row as it is inserted, and there is none before the tenant is set.
_RECEIVE = text(f"""
WITH bound AS MATERIALIZED (SELECT set_config('expert.tenant_id', :name_of_tenant, true)),
{_TWIN_AND_DELIVERY.format(bound="FROM bound")}, fact AS (
    INSERT INTO outbox (tenant_id, id, name, payload, due_at, traceparent, began_at)
    SELECT CAST(:tenant AS uuid), gen_random_uuid(), :event, CAST(:fact AS jsonb), now(), :traceparent, now()
    FROM delivery
    RETURNING 1
)
SELECT pg_notify(:channel, '') FROM fact
""")


@dataclass(frozen=True, slots=True)
class Arrived:
    """A delivery, with the name and the content of the event that says so."""

    tenant: TenantId
    delivery: Delivery
    event: str
    fact: str
    traceparent: str | None


async def received_all(connection: AsyncConnection, arrived: Sequence[Arrived], *, channel: str) -> None:
    """One after the other, each bound to its tenant; nothing comes of one that, or whose twin, was accepted
    before. On a connection outside of any transaction they are one: all or none."""
    await connection.execute(
        _RECEIVE,
        [
            _values(one.tenant, one.delivery)
            | {
                "name_of_tenant": str(one.tenant),
                "event": one.event,
                "fact": one.fact,
                "channel": channel,
                "traceparent": one.traceparent,
            }
            for one in arrived
        ],
    )


def _values(tenant: TenantId, delivery: Delivery) -> dict[str, object]:
    return {
        "tenant": tenant,
        "id": delivery.id,
        "source": delivery.source,
        "delivery": delivery.external_id,
        "twin": delivery.twin,
        "payload": delivery.payload,
    }


@dataclass(frozen=True, slots=True)
class SqlInbox:
    connection: AsyncConnection
    tenant: TenantId

    async def accept(self, delivery: Delivery) -> bool:
        accepted = await self.connection.scalar(_ACCEPT, _values(self.tenant, delivery))
        return accepted is not None

    async def delivery(self, delivery: DeliveryId) -> Delivery | None:
        rows = await self.connection.execute(
            text("SELECT * FROM inbox WHERE id = :id AND payload IS NOT NULL"), {"id": delivery}
        )
        return next((Delivery(delivery, row.source, row.delivery_id, "", row.payload) for row in rows), None)

    async def dealt_with(self, delivery: DeliveryId, *, question: QuestionId | None) -> None:
        await self.connection.execute(
            text("UPDATE inbox SET payload = NULL, question_id = :question WHERE id = :id"),
            {"id": delivery, "question": question},
        )


@dataclass(frozen=True, slots=True)
class SqlConversations:
    connection: AsyncConnection
    tenant: TenantId

    async def open(self, conversation: Conversation) -> ConversationId:
        place = _place(conversation)
        statement = insert(tables.table(tables.Conversation)).values(
            tenant_id=self.tenant, id=uuid4(), **place
        )
        await self.connection.execute(statement.on_conflict_do_nothing())
        return ConversationId(await self._id(conversation))

    async def conversation(self, id_: ConversationId) -> Conversation | None:
        rows = await self.connection.execute(
            text("SELECT * FROM conversation WHERE id = :id AND platform NOT IN ('api', 'erased')"),
            {"id": id_},
        )
        return next(
            (Conversation(r.platform, r.workspace, r.channel, r.thread, r.reader) for r in rows), None
        )

    async def thread(self, conversation: Conversation) -> Thread:
        rows = await self.connection.execute(
            text(
                "SELECT c.stepped_back,"
                f" ARRAY(SELECT q.asker_id FROM question q WHERE {_SPOKEN}) AS askers,"
                f" (SELECT q.id FROM question q WHERE q.conversation_id = c.id {_LATEST}) AS question,"
                " coalesce((SELECT a.model = :asked_back AND a.status = 'draft' FROM question q"
                "   JOIN answer a ON a.question_id = q.id"
                "   WHERE q.conversation_id = c.id ORDER BY q.asked_at DESC, a.version DESC LIMIT 1), false)"
                f" AS asked_back FROM conversation c WHERE {_HERE}"
            ),
            _place(conversation) | {"asked_back": ASKED_BACK},
        )
        return next(
            (
                Thread(frozenset(map(MemberId, row.askers)), row.asked_back, row.stepped_back, row.question)
                for row in rows
            ),
            Thread(),
        )

    async def step_back(self, conversation: Conversation, *, back: bool) -> bool:
        changed = await self.connection.execute(
            text(f"UPDATE conversation c SET stepped_back = :back WHERE {_HERE} AND stepped_back <> :back"),
            _place(conversation) | {"back": back},
        )
        return changed.rowcount > 0

    async def _id(self, conversation: Conversation) -> Any:
        return await self.connection.scalar(
            text(f"SELECT id FROM conversation c WHERE {_HERE}"), _place(conversation)
        )


# Where nobody asked us and we kept silent, nobody knows that we listened.
_SPOKEN = (
    "q.conversation_id = c.id AND (q.overheard IS NULL OR EXISTS (SELECT FROM answer a"
    " WHERE a.question_id = q.id AND a.status <> 'abstained'))"
)
_LATEST = "ORDER BY q.asked_at DESC LIMIT 1"
_HERE = (
    "(c.platform, c.workspace, c.channel, c.thread, c.reader)"
    " = (:platform, :workspace, :channel, :thread, :reader)"
)


def _place(conversation: Conversation) -> dict[str, str]:
    return {
        "platform": conversation.platform,
        "workspace": conversation.workspace,
        "channel": conversation.channel,
        "thread": conversation.thread,
        "reader": conversation.reader,
    }


@dataclass(frozen=True, slots=True)
class SqlChannels:
    connection: AsyncConnection
    tenant: TenantId

    async def rules(self, conversation: Conversation) -> ChannelRules | None:
        rows = await self.connection.execute(
            text(
                "SELECT * FROM channel WHERE (platform, workspace, channel)"
                " = (:platform, :workspace, :channel)"
            ),
            _channel(conversation),
        )
        return next((_rules(row) for row in rows), None)

    async def save(self, conversation: Conversation, rules: ChannelRules, *, by: MemberId) -> None:
        hours = rules.talks_in
        values: dict[str, Any] = {
            "department_id": rules.department,
            "answers": rules.answers.value,
            "may_ask": rules.may_ask.value,
            "least_confidence": rules.least_confidence,
            "alerts": rules.alerts,
            "reviews": rules.reviews,
            "time_zone": hours.time_zone if hours else None,
            "opens_minute": hours.opens_minute if hours else 0,
            "closes_minute": hours.closes_minute if hours else 0,
            "working_days": sorted(hours.days) if hours else [],
            "set_up_by": by,
        }
        if rules.reviews:  # there is one place for a department's reviews
            await self.connection.execute(
                text("UPDATE channel SET reviews = false WHERE department_id = :id"),
                {"id": rules.department},
            )
        statement = insert(tables.table(tables.Channel)).values(
            tenant_id=self.tenant, **_channel(conversation), **values
        )
        await self.connection.execute(
            statement.on_conflict_do_update(
                index_elements=["tenant_id", "platform", "workspace", "channel"],
                set_=values | {"updated_at": text("now()")},
            )
        )

    async def reviewing(self, department: DepartmentId, *, platform: str) -> Conversation | None:
        rows = await self.connection.execute(
            text(
                "SELECT * FROM channel WHERE department_id = :id AND platform = :platform AND reviews"
                " ORDER BY updated_at DESC LIMIT 1"
            ),
            {"id": department, "platform": platform},
        )
        return next((Conversation(row.platform, row.workspace, row.channel) for row in rows), None)

    async def forget(self, platform: str, *, workspace: str) -> None:
        await self.connection.execute(
            text("DELETE FROM channel WHERE (platform, workspace) = (:platform, :workspace)"),
            {"platform": platform, "workspace": workspace},
        )


def _channel(conversation: Conversation) -> dict[str, str]:
    return {
        "platform": conversation.platform,
        "workspace": conversation.workspace,
        "channel": conversation.channel,
    }


def _rules(row: Row[Any]) -> ChannelRules:
    hours = None
    if row.time_zone is not None:
        days = frozenset(row.working_days)
        hours = WorkingHours(row.time_zone, row.opens_minute, row.closes_minute, days)
    return ChannelRules(
        department=DepartmentId(row.department_id),
        answers=Answering(row.answers),
        may_ask=MayAsk(row.may_ask),
        least_confidence=row.least_confidence,
        alerts=row.alerts,
        talks_in=hours,
        reviews=row.reviews,
    )


@dataclass(frozen=True, slots=True)
class SqlTalk:
    inbox: SqlInbox
    conversations: SqlConversations
    messages: SqlMessages
    channels: SqlChannels
    identities: SqlIdentities
    installations: SqlInstallations
    buckets: SqlBuckets

    @staticmethod
    def of(connection: AsyncConnection, tenant: TenantId, people: SqlPeople) -> "SqlTalk":
        return SqlTalk(
            SqlInbox(connection, tenant),
            SqlConversations(connection, tenant),
            SqlMessages(connection, tenant),
            SqlChannels(connection, tenant),
            SqlIdentities(connection, tenant, people),
            SqlInstallations(connection, tenant),
            SqlBuckets(connection, tenant),
        )

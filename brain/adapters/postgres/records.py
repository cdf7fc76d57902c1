"""Feedback, training examples, tasks as people see them, and the audit trail in PostgreSQL."""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from brain.adapters.postgres import tables
from brain.adapters.postgres.people import still_here
from brain.adapters.postgres.trail import to_link
from brain.domain.answer import AnswerId
from brain.domain.audit import Link, Sought
from brain.domain.guarantee import PastAnswer
from brain.domain.identity import DepartmentId, MemberId, TenantId
from brain.domain.question import QuestionId
from brain.domain.records import AuditEntry, Feedback, FeedbackId, Reason, Task, TaskId, TaskState
from brain.domain.review import VerdictKind
from brain.domain.training import TrainingExample

# Retracted by hand: an article that a reviewer of its changed sources rejects was right in its day.
_TAKEN_BACK = """
SELECT 1 FROM answer g JOIN article t ON (t.tenant_id, t.id) = (g.tenant_id, g.article_id)
WHERE (g.tenant_id, g.question_id) = (a.tenant_id, a.question_id) AND t.status = 'retracted' AND NOT EXISTS (
    SELECT 1 FROM review n JOIN verdict o ON (o.tenant_id, o.review_id) = (n.tenant_id, n.id)
    WHERE (n.tenant_id, n.article_id) = (t.tenant_id, t.id) AND o.kind = 'reject')
"""


@dataclass(frozen=True, slots=True)
class SqlRecords:
    connection: AsyncConnection
    tenant: TenantId
    # Appended to the trail when the transaction ends, so that nobody waits for its place in it for long.
    audited: list[AuditEntry] = field(default_factory=list, init=False, repr=False)

    async def save_feedback(self, feedback: Feedback) -> None:
        await still_here(self.connection, feedback.member)
        values = {
            "helpful": feedback.helpful,
            "reason": feedback.reason.value if feedback.reason else None,
            "comment": feedback.comment,
        }
        await self.connection.execute(
            insert(tables.table(tables.Feedback))
            .values(
                tenant_id=self.tenant,
                id=feedback.id,
                answer_id=feedback.answer,
                member_id=feedback.member,
                **values,
            )
            .on_conflict_do_update(index_elements=["tenant_id", "answer_id", "member_id"], set_=values)
        )

    async def feedback(self, *, departments: frozenset[DepartmentId], limit: int) -> list[Feedback]:
        rows = await self.connection.execute(
            text(
                "SELECT f.*, a.question_id, q.text AS asked FROM feedback f"
                " JOIN answer a ON (a.tenant_id, a.id) = (f.tenant_id, f.answer_id)"
                " JOIN question q ON (q.tenant_id, q.id) = (a.tenant_id, a.question_id)"
                " WHERE a.department_id = ANY(CAST(:departments AS uuid[]))"
                " ORDER BY f.created_at DESC, f.id LIMIT :limit"
            ),
            {"departments": sorted(departments), "limit": limit},
        )
        return [
            Feedback(
                id=FeedbackId(row.id),
                question=QuestionId(row.question_id),
                answer=AnswerId(row.answer_id),
                member=MemberId(row.member_id),
                helpful=row.helpful,
                reason=Reason(row.reason) if row.reason else None,
                comment=row.comment,
                asked=row.asked,
            )
            for row in rows
        ]

    async def past_answers(self, department: DepartmentId, *, limit: int) -> list[PastAnswer]:
        # Only first versions are the machine's own; what was approved before is not weighed again.
        rows = await self.connection.execute(
            text(
                "SELECT a.confidence, a.signals, v.kind, f.helpful,"
                f" v.kind = 'approve' AND EXISTS ({_TAKEN_BACK}) AS taken_back FROM answer a"
                " LEFT JOIN review r ON (r.tenant_id, r.answer_id) = (a.tenant_id, a.id)"
                "   AND r.occasion = 'answer'"
                " LEFT JOIN verdict v ON (v.tenant_id, v.review_id) = (r.tenant_id, r.id)"
                " LEFT JOIN (SELECT tenant_id, answer_id, bool_and(helpful) AS helpful FROM feedback"
                "   GROUP BY tenant_id, answer_id) f ON (f.tenant_id, f.answer_id) = (a.tenant_id, a.id)"
                " WHERE a.department_id = :department AND a.version = 1 AND a.model NOT IN ('approved', '')"
                " ORDER BY a.created_at DESC, a.id LIMIT :limit"
            ),
            {"department": department, "limit": limit},
        )
        return [
            PastAnswer(
                row.confidence,
                row.signals,
                VerdictKind(row.kind) if row.kind else None,
                row.helpful,
                bool(row.taken_back),
            )
            for row in rows
        ]

    async def save_example(self, example: TrainingExample) -> None:
        await self.connection.execute(
            insert(tables.table(tables.TrainingExample)).values(
                tenant_id=self.tenant,
                id=example.id,
                department_id=example.department,
                verdict_id=example.verdict,
                label=example.label.value,
                question=example.question,
                answer=example.answer,
                draft=example.draft,
            )
        )

    async def audit(self, entry: AuditEntry) -> None:
        self.audited.append(entry)

    async def trail(self, sought: Sought) -> list[Link]:
        rows = await self.connection.execute(
            text(
                "SELECT * FROM audit WHERE sequence < coalesce(CAST(:before AS bigint), sequence + 1)"
                " AND (CAST(:actor AS uuid) IS NULL OR actor_id = :actor)"
                " AND (CAST(:action AS text) IS NULL OR action = :action"
                "   OR starts_with(action, CAST(:action AS text) || '.'))"
                " AND (CAST(:since AS timestamptz) IS NULL OR at >= :since)"
                " ORDER BY sequence DESC LIMIT CAST(:limit AS integer)"
            ),
            {
                "before": sought.before,
                "actor": sought.actor,
                "action": sought.action,
                "since": sought.since,
                "limit": sought.limit,
            },
        )
        return [to_link(row) for row in rows]

    async def tasks(self, *, dead_only: bool, limit: int) -> list[Task]:
        rows = await self.connection.execute(
            text(
                "SELECT t.*, o.name AS event FROM task t"
                " JOIN outbox o ON (o.tenant_id, o.id) = (t.tenant_id, t.event_id)"
                + (" WHERE t.state = 'dead'" if dead_only else "")
                + " ORDER BY t.created_at DESC LIMIT :limit"
            ),
            {"limit": limit},
        )
        return [_task(row) for row in rows]

    async def replay(self, task: TaskId) -> bool:
        replayed = await self.connection.execute(
            text(
                "UPDATE task SET state = 'ready', crashes = 0, due_at = now(), error = ''"
                " WHERE id = :id AND state = 'dead' RETURNING id"
            ),
            {"id": task},
        )
        await self.connection.execute(text("NOTIFY expert_outbox, '*'"))
        return replayed.first() is not None


def _task(row: Row[Any]) -> Task:
    return Task(
        id=TaskId(row.id),
        event=row.event,
        handler=row.handler,
        state=TaskState(row.state),
        attempts=row.attempts,
        due_at=row.due_at,
        error=row.error,
    )

"""Reviews and verdicts in PostgreSQL."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from brain.adapters.postgres import tables
from brain.adapters.postgres.assignments import SqlAssignments
from brain.adapters.postgres.likeness import likeness
from brain.adapters.postgres.passages import READABLE, readers
from brain.adapters.postgres.people import still_here
from brain.adapters.postgres.questions import answers_of
from brain.adapters.postgres.serving import require_in_force
from brain.adapters.postgres.sources import sources_of
from brain.domain.answer import AnswerId
from brain.domain.change import bound
from brain.domain.clock import Step
from brain.domain.identity import Audience, DepartmentId, MemberId, TenantId
from brain.domain.knowledge import ArticleId, Vector
from brain.domain.question import QuestionId
from brain.domain.review import (
    Occasion,
    Review,
    ReviewCase,
    ReviewId,
    ReviewStatus,
    Verdict,
    VerdictId,
    VerdictKind,
)


@dataclass(frozen=True, slots=True)
class SqlReviews:
    connection: AsyncConnection
    tenant: TenantId

    async def open(self, review: Review, *, wording: str, vector: Vector | None) -> Review:
        if review.article and (former := await self._open_for(review.article, review.occasion)):
            return former
        if vector is not None:
            await require_in_force(self.connection, vector.embedder)
        number = await self.connection.scalar(
            text("UPDATE tenant SET reviews = reviews + 1 RETURNING reviews")
        )
        await self.connection.execute(
            insert(tables.table(tables.Review)).values(
                tenant_id=self.tenant,
                id=review.id,
                number=number,
                question_id=review.question,
                answer_id=review.answer,
                department_id=review.department,
                status=review.status.value,
                shown_hash=review.shown_hash,
                vector=list(vector) if vector is not None else await self._known_vector(review, wording),
                opened_at=review.opened_at,
                due_at=review.due_at,
                article_id=review.article,
                occasion=review.occasion.value,
            )
        )
        await self.join(review.id, question=review.question, wording=wording)
        return replace(review, number=int(number or 0))

    async def join(self, review: ReviewId, *, question: QuestionId, wording: str) -> None:
        await self.connection.execute(
            insert(tables.table(tables.Waiting))
            .values(tenant_id=self.tenant, review_id=review, question_id=question, wording=wording)
            .on_conflict_do_nothing()
        )

    async def open_like(
        self, audience: Audience, *, to: Vector | str, limit: int
    ) -> list[tuple[ReviewCase, float]]:
        await self.connection.execute(
            text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": f"reviews/{self.tenant}"}
        )
        like = likeness(to, text="w.wording", vector="r.vector")
        # Locked, so that a verdict given meanwhile cannot miss the one who joins.
        rows = await self.connection.execute(
            text(
                f"SELECT r.*, {like.similarity} AS similarity FROM review r"
                " JOIN answer s ON (s.tenant_id, s.id) = (r.tenant_id, r.answer_id)"
                " LEFT JOIN waiting w ON (w.tenant_id, w.review_id, w.question_id)"
                " = (r.tenant_id, r.id, r.question_id)"
                f" WHERE r.status = 'open' AND {like.condition}"
                f" AND {READABLE.replace('s.departments', 's.scope')}"
                f" ORDER BY {like.distance}, r.number LIMIT :limit FOR UPDATE OF r"
            ),
            {**like.parameters, **readers(audience), "limit": limit},
        )
        found = rows.all()
        return list(zip(await self._cases(found), [row.similarity for row in found], strict=True))

    @property
    def assignments(self) -> SqlAssignments:
        return SqlAssignments(self.connection, self.tenant)

    async def case(self, review: int | ReviewId, *, lock: bool) -> ReviewCase | None:
        wanted = "number = :review" if isinstance(review, int) else "id = CAST(:review AS uuid)"
        rows = await self.connection.execute(
            text(f"SELECT * FROM review WHERE {wanted}" + (" FOR UPDATE" if lock else "")),
            {"review": review},
        )
        found = await self._cases(rows.all())
        if not found:
            return None
        sources = tuple(await sources_of(self.connection, found[0].answer.citations))
        shown_hash = bound(found[0].review.shown_hash, sources)
        asked = replace(found[0].review, shown_hash=shown_hash)
        shown_to = await self.assignments.shown_to(asked)
        return replace(found[0], review=asked, sources=sources, shown_to=shown_to)

    async def cases(self, *, departments: frozenset[DepartmentId], open_only: bool) -> list[ReviewCase]:
        rows = await self.connection.execute(
            text(
                "SELECT * FROM review WHERE department_id = ANY(CAST(:departments AS uuid[]))"
                + (" AND status = 'open'" if open_only else "")
                + " ORDER BY number DESC LIMIT 200"
            ),
            {"departments": sorted(departments)},
        )
        return await self._cases(rows.all())

    async def decide(self, verdict: Verdict) -> bool:
        await still_here(self.connection, verdict.member)
        inserted = await self.connection.scalar(
            insert(tables.table(tables.Verdict))
            .values(
                tenant_id=self.tenant,
                id=verdict.id,
                review_id=verdict.review,
                member_id=verdict.member,
                kind=verdict.kind.value,
                shown_hash=verdict.shown_hash,
                reason=verdict.reason,
                diff=verdict.diff,
            )
            .on_conflict_do_nothing(index_elements=["tenant_id", "review_id"])
            .returning(text("id"))
        )
        if inserted is None:
            return False
        await self.connection.execute(
            text("UPDATE review SET status = 'decided' WHERE id = :id"), {"id": verdict.review}
        )
        return True

    async def for_question(self, question: QuestionId) -> tuple[int | None, str]:
        rows = await self.connection.execute(
            text(
                "SELECT r.number, coalesce(v.reason, '') AS reason FROM waiting w"
                " JOIN review r ON (r.tenant_id, r.id) = (w.tenant_id, w.review_id)"
                " LEFT JOIN verdict v ON (v.tenant_id, v.review_id) = (r.tenant_id, r.id)"
                " WHERE w.question_id = :id ORDER BY r.number DESC LIMIT 1"
            ),
            {"id": question},
        )
        row = rows.first()
        return (row.number, row.reason) if row else (None, "")

    async def _open_for(self, article: ArticleId, occasion: Occasion) -> Review | None:
        """The one that asks for this article already; it says the newest reason."""
        rows = await self.connection.execute(
            text(
                "UPDATE review SET occasion = :occasion WHERE article_id = :article AND status = 'open'"
                " RETURNING *"
            ),
            {"article": article, "occasion": occasion.value},
        )
        row = rows.first()
        return _review(row) if row else None

    async def _known_vector(self, review: Review, wording: str) -> list[float] | None:
        """Of an article's question, so that those who ask it meanwhile can join.

        It is in force, and stays so: counting the review has locked the tenant's row.
        """
        found = await self.connection.scalar(
            text("SELECT CAST(vector AS text) FROM wording WHERE article_id = :article AND text = :wording"),
            {"article": review.article, "wording": wording},
        )
        return [float(number) for number in found.strip("[]").split(",")] if found else None

    async def _cases(self, rows: Sequence[Row[Any]]) -> list[ReviewCase]:
        """Everything around these reviews in a handful of statements, however many there are."""
        if not rows:
            return []
        ids = {"ids": [row.id for row in rows]}
        answer_rows = await self.connection.execute(
            text(
                "SELECT a.*, m.name AS approver, o.wording AS question, w.name AS asker,"
                " t.name AS assigned_to FROM review r"
                " JOIN answer a ON (a.tenant_id, a.id) = (r.tenant_id, r.answer_id)"
                " JOIN question q ON (q.tenant_id, q.id) = (r.tenant_id, r.question_id)"
                " JOIN member w ON (w.tenant_id, w.id) = (q.tenant_id, q.asker_id)"
                " JOIN waiting o ON (o.tenant_id, o.review_id, o.question_id) = (r.tenant_id, r.id, q.id)"
                " LEFT JOIN member m ON (m.tenant_id, m.id) = (a.tenant_id, a.approved_by)"
                " LEFT JOIN member t ON (t.tenant_id, t.id) = (r.tenant_id, r.assignee_id)"
                " WHERE r.id = ANY(CAST(:ids AS uuid[]))"
            ),
            ids,
        )
        shown = answer_rows.all()
        asked = {AnswerId(row.id): (row.question, row.asker, row.assigned_to) for row in shown}
        answers = {answer.id: answer for answer in await answers_of(self.connection, shown)}
        waiting = await self._waiting(ids)
        verdicts = await self._verdicts(ids)
        histories = await self.assignments.histories(ids["ids"])
        return [
            ReviewCase(
                review=_review(row),
                question=asked[AnswerId(row.answer_id)][0],
                asked_by=asked[AnswerId(row.answer_id)][1],
                answer=answers[AnswerId(row.answer_id)],
                # Who was served an article later did not ask for it to be judged.
                askers=frozenset(
                    MemberId(one.asker_id)
                    for one in waiting[ReviewId(row.id)]
                    if row.article_id is None or one.question_id == row.question_id
                ),
                questions=tuple(
                    (QuestionId(one.question_id), one.wording) for one in waiting[ReviewId(row.id)]
                ),
                verdict=verdicts.get(ReviewId(row.id), (None, None))[0],
                decided_by=verdicts.get(ReviewId(row.id), (None, None))[1],
                assigned_to=asked[AnswerId(row.answer_id)][2],
                history=tuple(histories.get(ReviewId(row.id), ())),
            )
            for row in rows
        ]

    async def _waiting(self, ids: Mapping[str, list[Any]]) -> dict[ReviewId, list[Row[Any]]]:
        """Who asked, and what, by review."""
        rows = await self.connection.execute(
            text(
                "SELECT w.review_id, w.question_id, w.wording, q.asker_id FROM waiting w"
                " JOIN question q ON (q.tenant_id, q.id) = (w.tenant_id, w.question_id)"
                " WHERE w.review_id = ANY(CAST(:ids AS uuid[])) ORDER BY w.question_id"
            ),
            ids,
        )
        waiting: dict[ReviewId, list[Row[Any]]] = defaultdict(list)
        for row in rows:
            waiting[ReviewId(row.review_id)].append(row)
        return waiting

    async def _verdicts(self, ids: Mapping[str, list[Any]]) -> dict[ReviewId, tuple[Verdict, str]]:
        rows = await self.connection.execute(
            text(
                "SELECT v.*, m.name FROM verdict v JOIN member m ON (m.tenant_id, m.id) ="
                " (v.tenant_id, v.member_id) WHERE v.review_id = ANY(CAST(:ids AS uuid[]))"
            ),
            ids,
        )
        return {ReviewId(row.review_id): (_verdict(row), row.name) for row in rows}


def _review(row: Row[Any]) -> Review:
    return Review(
        id=ReviewId(row.id),
        number=row.number,
        question=QuestionId(row.question_id),
        answer=AnswerId(row.answer_id),
        department=DepartmentId(row.department_id),
        status=ReviewStatus(row.status),
        shown_hash=row.shown_hash,
        opened_at=row.opened_at,
        due_at=row.due_at,
        article=ArticleId(row.article_id) if row.article_id else None,
        occasion=Occasion(row.occasion),
        assignee=MemberId(row.assignee_id) if row.assignee_id else None,
        next_step=Step(row.next_step),
        rings_at=row.rings_at,
    )


def _verdict(row: Row[Any]) -> Verdict:
    return Verdict(
        id=VerdictId(row.id),
        review=ReviewId(row.review_id),
        member=MemberId(row.member_id),
        kind=VerdictKind(row.kind),
        shown_hash=row.shown_hash,
        reason=row.reason,
        diff=row.diff,
        decided_at=row.decided_at,
    )

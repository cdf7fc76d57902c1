"""Who has which review, what the clock did about it, who was shown it, and which one an article has."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from brain.adapters.postgres import tables
from brain.domain.identity import MemberId, TenantId
from brain.domain.knowledge import ArticleId
from brain.domain.review import Move, MoveKind, Review, ReviewId


@dataclass(frozen=True, slots=True)
class SqlAssignments:
    connection: AsyncConnection
    tenant: TenantId

    async def about(self, article: ArticleId) -> ReviewId | None:
        found = await self.connection.scalar(
            text("SELECT id FROM review WHERE article_id = :article AND status = 'open'"),
            {"article": article},
        )
        return ReviewId(found) if found else None

    async def load(self) -> dict[MemberId, int]:
        rows = await self.connection.execute(
            text(
                "SELECT assignee_id, count(*) AS reviews FROM review"
                " WHERE status = 'open' AND assignee_id IS NOT NULL GROUP BY assignee_id"
            )
        )
        return {MemberId(row.assignee_id): row.reviews for row in rows}

    async def save(self, review: Review, move: Move | None) -> None:
        reviews = tables.table(tables.Review)
        await self.connection.execute(
            update(reviews)
            .where(reviews.c.id == review.id)
            .values(
                assignee_id=review.assignee,
                next_step=int(review.next_step),
                rings_at=review.rings_at,
                due_at=review.due_at,
                status=review.status.value,
            )
        )
        if move is None:
            return
        await self.connection.execute(
            text(
                "INSERT INTO review_move (tenant_id, review_id, ordinal, kind, member_id, by_id, reason, at)"
                " SELECT CAST(:tenant AS uuid), CAST(:review AS uuid), count(*) + 1, :kind,"
                " CAST(:member AS uuid), CAST(:by AS uuid), :reason, :at"
                " FROM review_move WHERE review_id = CAST(:review AS uuid)"
            ),
            {
                "tenant": self.tenant,
                "review": review.id,
                "kind": move.kind.value,
                "member": move.member,
                "by": move.by,
                "reason": move.reason,
                "at": move.at,
            },
        )

    async def show(self, review: Review, member: MemberId) -> None:
        await self.connection.execute(
            insert(tables.table(tables.Showing))
            .values(
                tenant_id=self.tenant, review_id=review.id, member_id=member, shown_hash=review.shown_hash
            )
            .on_conflict_do_nothing()
        )

    async def histories(self, reviews: Sequence[UUID]) -> dict[ReviewId, list[Move]]:
        """Of each review, the oldest move first."""
        rows = await self.connection.execute(
            text(
                "SELECT v.*, coalesce(m.name, '') AS member_name, coalesce(b.name, '') AS by_name"
                " FROM review_move v"
                " LEFT JOIN member m ON (m.tenant_id, m.id) = (v.tenant_id, v.member_id)"
                " LEFT JOIN member b ON (b.tenant_id, b.id) = (v.tenant_id, v.by_id)"
                " WHERE v.review_id = ANY(CAST(:ids AS uuid[])) ORDER BY v.review_id, v.ordinal"
            ),
            {"ids": list(reviews)},
        )
        found: dict[ReviewId, list[Move]] = defaultdict(list)
        for row in rows:
            move = Move(
                kind=MoveKind(row.kind),
                at=row.at,
                member=MemberId(row.member_id) if row.member_id else None,
                by=MemberId(row.by_id) if row.by_id else None,
                reason=row.reason,
                member_name=row.member_name,
                by_name=row.by_name,
            )
            found[ReviewId(row.review_id)].append(move)
        return found

    async def shown_to(self, review: Review) -> frozenset[MemberId]:
        """Those who were shown what it asks to judge now."""
        rows = await self.connection.execute(
            text("SELECT member_id FROM showing WHERE review_id = :review AND shown_hash = :hash"),
            {"review": review.id, "hash": review.shown_hash},
        )
        return frozenset(MemberId(row.member_id) for row in rows)

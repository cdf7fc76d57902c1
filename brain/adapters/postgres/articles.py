"""Articles in PostgreSQL: versions, known wordings, and the passages they are found by."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Row, func, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from brain.adapters.postgres import tables
from brain.adapters.postgres.passages import READABLE, insert_passages, scope_of
from brain.adapters.postgres.questions import answers_of
from brain.domain.answer import AnswerId, Approval
from brain.domain.article import Article, ArticleMatch, ArticleStatus
from brain.domain.identity import Audience, DepartmentId, MemberId, TenantId
from brain.domain.knowledge import ArticleId, Embedded
from brain.ports import Vector

_COLUMNS = """
a.id, a.department_id, a.version, a.status, a.updated_at, v.question, v.text, v.answer_id,
v.approved_by, v.approved_at, m.name AS approver, s.departments
"""
_JOINS = """
JOIN article_version v ON (v.tenant_id, v.article_id, v.version) = (a.tenant_id, a.id, a.version)
JOIN scope s ON (s.tenant_id, s.id) = (a.tenant_id, a.scope_id)
LEFT JOIN member m ON (m.tenant_id, m.id) = (v.tenant_id, v.approved_by)
"""


@dataclass(frozen=True, slots=True)
class SqlArticles:
    connection: AsyncConnection
    tenant: TenantId
    embedder: str

    async def save(
        self,
        article: Article,
        *,
        wordings: Sequence[tuple[str, Vector]],
        passages: Sequence[Embedded],
    ) -> None:
        scope = await scope_of(self.connection, self.tenant, article.scope)
        values = {
            "department_id": article.department,
            "scope_id": scope,
            "status": article.status.value,
            "version": article.version,
            "updated_at": func.now(),
        }
        await self.connection.execute(
            insert(tables.table(tables.Article))
            .values(tenant_id=self.tenant, id=article.id, **values)
            .on_conflict_do_update(index_elements=["tenant_id", "id"], set_=values)
        )
        await self.connection.execute(
            insert(tables.table(tables.ArticleVersion)).values(
                tenant_id=self.tenant,
                article_id=article.id,
                version=article.version,
                answer_id=article.answer,
                question=article.question,
                text=article.text,
                approved_by=article.approval.by,
                approved_at=article.approval.at,
            )
        )
        for wording, vector in wordings:
            await self.connection.execute(
                insert(tables.table(tables.Wording))
                .values(tenant_id=self.tenant, article_id=article.id, text=wording, vector=list(vector))
                .on_conflict_do_nothing()
            )
        await self.connection.execute(text("DELETE FROM passage WHERE article_id = :id"), {"id": article.id})
        await insert_passages(
            self.connection, self.tenant, embedder=self.embedder, scope=scope, passages=passages
        )

    async def article(self, article: ArticleId) -> Article | None:
        rows = await self.connection.execute(
            text(f"SELECT {_COLUMNS} FROM article a {_JOINS} WHERE a.id = :id"), {"id": article}
        )
        return next(iter(await self._articles(rows.all())), None)

    async def articles(self, *, audience: Audience) -> list[Article]:
        rows = await self.connection.execute(
            text(
                f"SELECT {_COLUMNS} FROM article a {_JOINS} WHERE {READABLE}"
                " ORDER BY a.updated_at DESC, a.id LIMIT 500"
            ),
            {"departments": sorted(audience.departments)},
        )
        return await self._articles(rows.all())

    async def nearest(self, audience: Audience, *, vector: Vector, limit: int) -> list[ArticleMatch]:
        rows = await self.connection.execute(
            text(
                f"SELECT {_COLUMNS}, w.text AS wording, 1 - (w.vector <=> CAST(:vector AS halfvec))"
                f" AS similarity FROM wording w JOIN article a ON (a.tenant_id, a.id) ="
                f" (w.tenant_id, w.article_id) {_JOINS} WHERE a.status = 'live' AND {READABLE}"
                " ORDER BY w.vector <=> CAST(:vector AS halfvec), a.updated_at DESC LIMIT :limit"
            ),
            {"vector": str(list(vector)), "departments": sorted(audience.departments), "limit": limit},
        )
        found = rows.all()
        articles = await self._articles(found)
        return [
            ArticleMatch(article, row.wording, row.similarity)
            for article, row in zip(articles, found, strict=True)
        ]

    async def _articles(self, rows: Sequence[Row[Any]]) -> list[Article]:
        if not rows:
            return []
        answers = await self.connection.execute(
            text("SELECT a.*, NULL AS approver FROM answer a WHERE a.id = ANY(CAST(:ids AS uuid[]))"),
            {"ids": [row.answer_id for row in rows]},
        )
        citations = {
            answer.id: answer.citations for answer in await answers_of(self.connection, answers.all())
        }
        return [replace(_article(row), citations=citations[AnswerId(row.answer_id)]) for row in rows]


def _article(row: Row[Any]) -> Article:
    return Article(
        id=ArticleId(row.id),
        department=DepartmentId(row.department_id),
        version=row.version,
        status=ArticleStatus(row.status),
        question=row.question,
        text=row.text,
        answer=AnswerId(row.answer_id),
        scope=frozenset(DepartmentId(d) for d in row.departments),
        approval=Approval(MemberId(row.approved_by), row.approver or "a former member", row.approved_at),
        updated_at=row.updated_at,
    )

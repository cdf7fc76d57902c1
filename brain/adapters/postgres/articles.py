"""Articles in PostgreSQL: versions, known wordings, and the passages they are found by."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Row, func, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from brain.adapters.postgres import tables
from brain.adapters.postgres.likeness import likeness
from brain.adapters.postgres.passages import READABLE_SCOPE, insert_passages, readers, scope_of
from brain.adapters.postgres.questions import answers_of
from brain.adapters.postgres.serving import require_in_force
from brain.adapters.postgres.sources import keep_cited, withdraw
from brain.domain.answer import AnswerId, AnswerStatus, Approval
from brain.domain.article import Article, ArticleMatch, ArticleStatus, ArticleVersion
from brain.domain.change import TOLD, Cause, Withdrawn, WithdrawnAnswer
from brain.domain.identity import Audience, DepartmentId, MemberId, TenantId
from brain.domain.knowledge import ArticleId, Embedded, Vector
from brain.domain.question import QuestionId

_COLUMNS = """
a.id, a.department_id, a.version, a.status, a.updated_at, a.expires_at, v.question, v.text, v.answer_id,
v.note, v.approved_by, v.approved_at, m.name AS approver, s.departments, s.also, g.question_id,
g.scope AS sources
"""
_JOINS = """
JOIN article_version v ON (v.tenant_id, v.article_id, v.version) = (a.tenant_id, a.id, a.version)
JOIN scope s ON (s.tenant_id, s.id) = (a.tenant_id, a.scope_id)
JOIN answer g ON (g.tenant_id, g.id) = (v.tenant_id, v.answer_id)
LEFT JOIN member m ON (m.tenant_id, m.id) = (v.tenant_id, v.approved_by)
"""


@dataclass(frozen=True, slots=True)
class SqlArticles:
    connection: AsyncConnection
    tenant: TenantId

    async def save(
        self,
        article: Article,
        *,
        wordings: Sequence[tuple[str, Vector]],
        passages: Sequence[Embedded],
    ) -> Withdrawn:
        scope = await self._write(article)
        for wording, vector in wordings:
            await require_in_force(self.connection, vector.embedder)
            await self.connection.execute(
                insert(tables.table(tables.Wording))
                .values(tenant_id=self.tenant, article_id=article.id, text=wording, vector=list(vector))
                .on_conflict_do_nothing()
            )
        await self._end_review(article.id)
        kept = [one.passage.id for one in passages]
        await keep_cited(self.connection, articles=[article.id], but=kept)
        await self.connection.execute(text("DELETE FROM passage WHERE article_id = :id"), {"id": article.id})
        await insert_passages(self.connection, self.tenant, scope=scope, passages=passages)
        replaced = await self._settle_answers(
            article.id, to=AnswerStatus.SUSPENDED, told=TOLD[Cause.REPLACED], but=article.text
        )
        resting = await withdraw(self.connection, Cause.REPLACED, article=article.id)
        return replace(resting, answers=(*replaced, *resting.answers))

    async def article(self, article: ArticleId, *, lock: bool) -> Article | None:
        rows = await self.connection.execute(
            text(
                f"SELECT {_COLUMNS} FROM article a {_JOINS} WHERE a.id = :id"
                + (" FOR UPDATE OF a" if lock else "")
            ),
            {"id": article},
        )
        return next(iter(await self._articles(rows.all())), None)

    async def in_force(self, article: ArticleId, *, says: str) -> bool:
        found = await self.connection.scalar(
            text(
                "SELECT 1 FROM article a JOIN article_version v ON"
                " (v.tenant_id, v.article_id, v.version) = (a.tenant_id, a.id, a.version)"
                " WHERE a.id = :id AND a.status = 'live' AND a.expires_at > now() AND v.text = :says"
                " FOR SHARE OF a"
            ),
            {"id": article, "says": says},
        )
        return found is not None

    async def versions(self, article: ArticleId) -> list[ArticleVersion]:
        rows = await self.connection.execute(
            text(
                "SELECT v.version AS number, v.text AS said, v.note, v.approved_by AS by,"
                " v.approved_at AS at, m.name, a.*, NULL AS approver FROM article_version v"
                " JOIN answer a ON (a.tenant_id, a.id) = (v.tenant_id, v.answer_id)"
                " LEFT JOIN member m ON (m.tenant_id, m.id) = (v.tenant_id, v.approved_by)"
                " WHERE v.article_id = :id ORDER BY v.version DESC"
            ),
            {"id": article},
        )
        found = rows.all()
        return [
            ArticleVersion(
                number=row.number,
                text=row.said,
                answer=answer.id,
                scope=answer.scope,
                approval=Approval(MemberId(row.by), row.name or "a former member", row.at),
                citations=answer.citations,
                note=row.note,
            )
            for row, answer in zip(found, await answers_of(self.connection, found), strict=True)
        ]

    async def widen(self, article: Article) -> None:
        scope = await self._write(article)
        for table, owned in (
            ("passage", "article_id = :id"),
            ("posting", "passage_id IN (SELECT id FROM passage WHERE article_id = :id)"),
            ("embedding", "passage_id IN (SELECT id FROM passage WHERE article_id = :id)"),
        ):
            await self.connection.execute(
                text(f"UPDATE {table} SET scope_id = :scope WHERE {owned}"),
                {"id": article.id, "scope": scope},
            )

    async def withdraw(self, article: ArticleId, cause: Cause, *, reason: str) -> Withdrawn:
        retracted = cause is Cause.RETRACTED
        await self.connection.execute(
            text("UPDATE article SET status = :status, updated_at = now() WHERE id = :id"),
            {
                "id": article,
                "status": (ArticleStatus.RETRACTED if retracted else ArticleStatus.SUSPENDED).value,
            },
        )
        await keep_cited(self.connection, articles=[article])
        await self.connection.execute(text("DELETE FROM passage WHERE article_id = :id"), {"id": article})
        published: tuple[WithdrawnAnswer, ...] = ()
        if retracted:
            await self._end_review(article)
            await self._unlearn(article)
            published = await self._settle_answers(
                article, to=AnswerStatus.RETRACTED, told=f"{TOLD[cause]} {reason}"
            )
        resting = await withdraw(self.connection, Cause.GONE if retracted else cause, article=article)
        again = resting.articles if retracted else (article, *resting.articles)
        return Withdrawn(cause, again, (*published, *resting.answers))

    async def _write(self, article: Article) -> int:
        """The article and its new version; the number of its scope comes back."""
        scope = await scope_of(self.connection, self.tenant, article.scope, also=article.widened)
        values = {
            "department_id": article.department,
            "scope_id": scope,
            "status": article.status.value,
            "version": article.version,
            "expires_at": article.expires_at,
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
                note=article.note,
                approved_by=article.approval.by,
                approved_at=article.approval.at,
            )
        )
        return scope

    async def _unlearn(self, article: ArticleId) -> None:
        """What was taken back is no example of a good answer."""
        await self.connection.execute(
            text(
                "DELETE FROM training_example WHERE label = 'positive' AND verdict_id IN ("
                " SELECT d.id FROM verdict d JOIN review r ON r.id = d.review_id"
                " JOIN answer g ON g.question_id = r.question_id"
                " JOIN article_version v ON v.answer_id = g.id WHERE v.article_id = :id)"
            ),
            {"id": article},
        )

    async def _end_review(self, article: ArticleId) -> None:
        """What an open one asks has been answered otherwise."""
        await self.connection.execute(
            text("UPDATE review SET status = 'expired' WHERE article_id = :id AND status = 'open'"),
            {"id": article},
        )

    async def _settle_answers(
        self, article: ArticleId, *, to: AnswerStatus, told: str, but: str | None = None
    ) -> tuple[WithdrawnAnswer, ...]:
        """Of the answers that the article gave, those that say something else."""
        those = ["published"] if to is AnswerStatus.SUSPENDED else ["published", "suspended"]
        rows = await self.connection.execute(
            text(
                "UPDATE answer SET status = :to, withdrawn = :told WHERE article_id = :id"
                " AND status = ANY(CAST(:those AS text[]))"
                " AND text IS DISTINCT FROM CAST(:but AS text) RETURNING id, question_id"
            ),
            {"id": article, "to": to.value, "told": told, "those": those, "but": but},
        )
        retracted = to is AnswerStatus.RETRACTED
        return tuple(
            WithdrawnAnswer(QuestionId(row.question_id), AnswerId(row.id), article, retracted) for row in rows
        )

    async def articles(self, *, audience: Audience) -> list[Article]:
        rows = await self.connection.execute(
            text(
                f"SELECT {_COLUMNS} FROM article a {_JOINS} WHERE {READABLE_SCOPE}"
                " ORDER BY a.updated_at DESC, a.id LIMIT 500"
            ),
            readers(audience),
        )
        return await self._articles(rows.all())

    async def nearest(self, audience: Audience, *, to: Vector | str, limit: int) -> list[ArticleMatch]:
        like = likeness(to, text="w.text", vector="w.vector")
        rows = await self.connection.execute(
            text(
                f"SELECT {_COLUMNS}, w.text AS wording, {like.similarity} AS similarity FROM wording w"
                f" JOIN article a ON (a.tenant_id, a.id) = (w.tenant_id, w.article_id) {_JOINS}"
                f" WHERE a.status = 'live' AND a.expires_at > now() AND {READABLE_SCOPE}"
                f" AND {like.condition} ORDER BY {like.distance}, a.updated_at DESC LIMIT :limit"
            ),
            {**like.parameters, **readers(audience), "limit": limit},
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
        asked=QuestionId(row.question_id),
        expires_at=row.expires_at,
        sources=frozenset(map(DepartmentId, row.sources)),
        widened=frozenset(map(DepartmentId, row.also)),
        note=row.note,
        updated_at=row.updated_at,
    )

"""What became of cited passages, and the withdrawal of what rested on those that changed or went."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from brain.adapters.postgres.passages import to_passage
from brain.domain.answer import AnswerId, Citation
from brain.domain.change import TOLD, Cause, Source, Withdrawn, WithdrawnAnswer, successor
from brain.domain.identity import DepartmentId
from brain.domain.knowledge import ArticleId, DocumentId, Passage, PassageId
from brain.domain.question import QuestionId

# Answers that cite a passage of these documents or articles which is no longer what was cited, where it was;
# and all that rest on what this department knows.
_UNFOUNDED = """
SELECT c.answer_id FROM citation c JOIN answer cited ON cited.id = c.answer_id
WHERE (c.document_id = CAST(:document AS uuid) OR c.article_id = ANY(CAST(:articles AS uuid[])))
AND NOT EXISTS (
    SELECT FROM passage p WHERE p.id = c.passage_id AND p.content_hash = c.passage_hash
    AND (p.article_id IS NOT NULL OR p.department_id = ANY(cited.scope)))
UNION ALL
SELECT id FROM answer WHERE CAST(:department AS uuid) = ANY(scope)
"""
_SUSPEND_ANSWERS = f"""
UPDATE answer SET status = 'suspended', withdrawn = :told
WHERE status = 'published' AND (id IN ({_UNFOUNDED}) OR article_id = ANY(CAST(:suspended AS uuid[])))
RETURNING id, question_id, article_id
"""
_SUSPEND_ARTICLES = f"""
UPDATE article a SET status = 'suspended', updated_at = now() FROM article_version v
WHERE (v.tenant_id, v.article_id, v.version) = (a.tenant_id, a.id, a.version) AND a.status = 'live'
AND v.answer_id IN ({_UNFOUNDED})
RETURNING a.id
"""


async def sources_of(connection: AsyncConnection, citations: Sequence[Citation]) -> list[Source]:
    """In order. The passages stay as they are until the transaction ends: the lock keeps whoever replaces one
    waiting, and lets others cite it."""
    found = await connection.execute(
        text("SELECT * FROM passage WHERE id = ANY(CAST(:ids AS uuid[])) ORDER BY id FOR KEY SHARE"),
        {"ids": [citation.passage for citation in citations]},
    )
    present = {PassageId(row.id): to_passage(row) for row in found}
    changed = [
        one
        for one in citations
        if one.passage not in present or present[one.passage].content_hash != one.passage_hash
    ]
    if not changed:
        return [Source(one, present[one.passage]) for one in citations]
    rows = await connection.execute(
        text(
            "SELECT * FROM passage WHERE document_id = ANY(CAST(:documents AS uuid[]))"
            " OR article_id = ANY(CAST(:articles AS uuid[])) ORDER BY id FOR KEY SHARE"
        ),
        {
            "documents": [one.document for one in changed if one.document],
            "articles": [one.article for one in changed if one.article],
        },
    )
    candidates = [to_passage(row) for row in rows]

    def now(one: Citation) -> Passage | None:
        if one not in changed:
            return present[one.passage]
        own = [p for p in candidates if (p.document, p.article) == (one.document, one.article)]
        return successor(one, own)

    return [Source(one, now(one)) for one in citations]


async def keep_cited(
    connection: AsyncConnection,
    *,
    document: DocumentId | None = None,
    articles: Sequence[UUID] = (),
    but: Iterable[PassageId] = (),
) -> None:
    """Before passages go: whoever cites them keeps their text, to compare it with what comes instead."""
    await connection.execute(
        text(
            "UPDATE citation c SET passage_text = p.text FROM passage p"
            " WHERE p.id = c.passage_id AND p.content_hash = c.passage_hash"
            " AND (p.document_id = CAST(:document AS uuid) OR p.article_id = ANY(CAST(:articles AS uuid[])))"
            " AND p.id <> ALL(CAST(:but AS uuid[]))"
        ),
        {"document": document, "articles": list(articles), "but": list(but)},
    )


async def withdraw(
    connection: AsyncConnection,
    cause: Cause,
    *,
    document: DocumentId | None = None,
    department: DepartmentId | None = None,
    article: ArticleId | None = None,
) -> Withdrawn:
    """Nothing is served whose ground is gone: what rests on passages that this document or article no longer
    has, or on what this department knows, and what rests on such an article in turn."""
    articles: list[UUID] = [article] if article else []
    suspended: list[UUID] = []
    answers: list[WithdrawnAnswer] = []
    while True:
        ground = {"document": document, "department": department, "articles": articles}
        rows = await connection.execute(
            text(_SUSPEND_ANSWERS), {**ground, "suspended": suspended, "told": TOLD[cause]}
        )
        answers += [
            WithdrawnAnswer(
                QuestionId(row.question_id),
                AnswerId(row.id),
                ArticleId(row.article_id) if row.article_id else None,
            )
            for row in rows
        ]
        more = (await connection.execute(text(_SUSPEND_ARTICLES), ground)).scalars().all()
        if not more:
            return Withdrawn(cause, tuple(map(ArticleId, suspended)), tuple(answers))
        suspended += more
        articles += more
        await keep_cited(connection, articles=more)
        await connection.execute(
            text("DELETE FROM passage WHERE article_id = ANY(CAST(:articles AS uuid[]))"), {"articles": more}
        )

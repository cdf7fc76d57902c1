"""Everything of one person in PostgreSQL: found, removed, or made anonymous, table by table.

Ids stay, so that what others rest on keeps its shape; words and names go.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import String, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from brain.adapters.postgres import tables
from brain.adapters.postgres.passages import insert_passages, to_passage
from brain.adapters.postgres.serving import require_in_force
from brain.domain.identity import DepartmentId, Member, MemberId, TenantId
from brain.domain.knowledge import ArticleId
from brain.domain.privacy import FORMER, GONE, ArticleTrace, Names, Restated

# What the person asked, in each of its wordings, and nobody else in the same words.
_SAID = """
SELECT text FROM (
    SELECT q.text, q.asker_id FROM question q
    UNION ALL SELECT w.wording, q.asker_id FROM waiting w JOIN question q ON q.id = w.question_id
) said WHERE text NOT IN ('', :gone) GROUP BY text HAVING bool_and(asker_id = :member)
"""
_ASKED = "SELECT id FROM question WHERE asker_id = :member"
_WAITED = f"SELECT review_id FROM waiting WHERE question_id IN ({_ASKED})"
_SHARED = """
EXISTS (SELECT FROM waiting w JOIN question q ON q.id = w.question_id
    WHERE w.review_id = {review} AND q.asker_id <> :member)
"""
_ARTICLES = f"""
WITH said AS ({_SAID})
SELECT a.id, a.department_id, v.question, v.text, v.question IN (SELECT text FROM said) AS theirs,
    ARRAY(SELECT w.text FROM wording w WHERE w.article_id = a.id AND w.text NOT IN (SELECT text FROM said)
        ORDER BY w.text = v.question DESC, w.text) AS titles
FROM article a
JOIN article_version v ON (v.tenant_id, v.article_id, v.version) = (a.tenant_id, a.id, a.version)
WHERE EXISTS (SELECT FROM article_version o WHERE o.article_id = a.id AND (
        o.approved_by = :member AND EXISTS (SELECT FROM passage p WHERE p.article_id = a.id
            AND NOT ('Checked by ' || CAST(:former AS text)) = ANY(p.heading_path))
        OR o.question IN (SELECT text FROM said) OR o.question ~* :names OR o.text ~* :names))
    OR EXISTS (SELECT FROM wording w WHERE w.article_id = a.id
        AND (w.text IN (SELECT text FROM said) OR w.text ~* :names))
ORDER BY a.id
"""

# As platforms say it: we keep it with its workspace before it.
_EXTERNAL = (
    "SELECT platform, regexp_replace(external_id, '^.*/', '') AS id FROM identity WHERE member_id = :member"
)

# In this order: who waits for a review decides what becomes of it, before their questions are blank.
_STEPS: tuple[tuple[str, str], ...] = (
    ("API keys", "DELETE FROM api_key WHERE member_id = :member"),
    (
        "feedback",
        "DELETE FROM feedback WHERE member_id = :member"
        f" OR answer_id IN (SELECT id FROM answer WHERE question_id IN ({_ASKED}))",
    ),
    (
        "deliveries",
        f"DELETE FROM inbox WHERE question_id IN ({_ASKED}) OR EXISTS (SELECT FROM ({_EXTERNAL}) own"
        "   WHERE own.platform = inbox.source AND (right(delivery_id, length(own.id) + 1) = '/' || own.id"
        "     OR strpos(payload, '\"author\": \"' || own.id || '\"') > 0))",
    ),
    (
        "messages to them",
        "DELETE FROM message WHERE right(key, 37) = '/' || CAST(CAST(:member AS uuid) AS text)",
    ),
    (
        "training examples",
        "DELETE FROM training_example WHERE verdict_id IN (SELECT v.id FROM verdict v JOIN review r"
        " ON r.id = v.review_id WHERE v.member_id = :member AND v.kind = 'amend'"
        f" OR r.question_id IN ({_ASKED}))",
    ),
    (
        "reasons and edits of verdicts",
        "UPDATE verdict SET reason = '', diff = '' WHERE (reason, diff) <> ('', '') AND (member_id = :member"
        f" OR review_id IN ({_WAITED}) AND NOT {_SHARED.format(review='verdict.review_id')})",
    ),
    (
        "reasons for passing reviews on",
        "UPDATE review_move SET reason = '' WHERE reason <> '' AND by_id = :member",
    ),
    ("what was shown to them", "DELETE FROM showing WHERE member_id = :member"),
    ("absences", "UPDATE member SET absent_until = NULL WHERE id = :member AND absent_until IS NOT NULL"),
    (
        "open reviews nobody else waits for",
        "UPDATE review SET status = 'expired', rings_at = NULL WHERE status = 'open' AND article_id IS NULL"
        f" AND id IN ({_WAITED})"
        f" AND NOT {_SHARED.format(review='review.id')}",
    ),
    (
        "reasons of handing reviews on",
        "UPDATE review_move SET reason = '' WHERE reason <> '' AND (by_id = :member OR member_id = :member)",
    ),
    ("looks at reviews", "DELETE FROM showing WHERE member_id = :member"),
    ("departments they look after", "UPDATE department SET owner = '' WHERE owner = :handle"),
    (
        "wordings in reviews",
        "UPDATE waiting SET wording = others.wording FROM (SELECT mine.review_id, mine.question_id, coalesce("
        "  (SELECT v.question FROM review r JOIN article a ON a.id = r.article_id JOIN article_version v"
        "   ON (v.article_id, v.version) = (a.id, a.version) WHERE r.id = mine.review_id),"
        "  (SELECT w.wording FROM waiting w JOIN review r ON r.id = w.review_id AND r.status = 'open'"
        "   JOIN question q ON q.id = w.question_id WHERE w.review_id = mine.review_id"
        "   AND q.asker_id <> :member ORDER BY q.asked_at LIMIT 1), :gone) AS wording"
        f"  FROM waiting mine WHERE mine.question_id IN ({_ASKED})) others"
        " WHERE (waiting.review_id, waiting.question_id) = (others.review_id, others.question_id)"
        " AND waiting.wording <> others.wording",
    ),
    (
        "embeddings of questions",
        f"UPDATE review SET vector = NULL WHERE vector IS NOT NULL AND question_id IN ({_ASKED})",
    ),
    (
        "answers",
        "UPDATE answer SET text = '', status = 'retracted'"
        f" WHERE question_id IN ({_ASKED}) AND status <> 'retracted'"
        " AND id NOT IN (SELECT answer_id FROM article_version)"
        " AND id NOT IN (SELECT answer_id FROM review WHERE status = 'open')",
    ),
    (
        "reasons of answers",
        "UPDATE answer SET reasons = '{}', signals = '{}' WHERE reasons <> '{}'"
        f" AND question_id IN ({_ASKED})",
    ),
    (
        "reasons of withdrawals",
        f"UPDATE answer SET withdrawn = '' WHERE withdrawn <> '' AND (question_id IN ({_ASKED})"
        " OR 'article ' || article_id IN (SELECT subject FROM audit"
        "   WHERE action = 'article.retracted' AND actor_id = :member)"
        " OR article_id IN (SELECT r.article_id FROM review r JOIN verdict v ON v.review_id = r.id"
        "   WHERE v.kind = 'reject' AND v.member_id = :member))",
    ),
    (
        "notes on versions",
        "UPDATE article_version SET note = '' WHERE note <> '' AND approved_by = :member",
    ),
    (
        "citations",
        f"DELETE FROM citation WHERE answer_id IN (SELECT id FROM answer WHERE question_id IN ({_ASKED})"
        " AND status = 'retracted')",
    ),
    (
        "errors of tasks",
        "UPDATE task SET error = '' WHERE error <> '' AND event_id IN (SELECT id FROM outbox"
        f" WHERE payload ->> 'question' IN (SELECT id::text FROM ({_ASKED}) asked))",
    ),
    (
        "conversations",
        "UPDATE conversation c SET platform = 'erased', workspace = '', channel = '', thread = c.id::text"
        " WHERE platform <> 'erased' AND EXISTS (SELECT FROM question q"
        "   WHERE q.conversation_id = c.id AND q.asker_id = :member)"
        " AND NOT EXISTS (SELECT FROM question q WHERE q.conversation_id = c.id AND q.asker_id <> :member)",
    ),
    (
        "what only they could read",
        "UPDATE conversation c SET platform = 'erased', workspace = '', channel = '', thread = c.id::text,"
        f" reader = '' WHERE reader <> '' AND (platform = 'erased' OR EXISTS (SELECT FROM ({_EXTERNAL}) own"
        "   WHERE (own.platform, own.id) = (c.platform, c.reader)))",
    ),
    ("identities on platforms", "DELETE FROM identity WHERE member_id = :member"),
    (
        "questions",
        # A blank question takes no answer any more; one that was answered can have to, for an article.
        "UPDATE question SET idempotency_key = id::text, audience = '{}', attachments = '[]',"
        " text = CASE WHEN EXISTS"
        " (SELECT FROM answer WHERE question_id = question.id) THEN :gone ELSE '' END"
        " WHERE asker_id = :member AND text NOT IN ('', :gone)",
    ),
    (
        "quarantined files",
        "DELETE FROM document WHERE status = 'quarantined' AND 'document ' || id IN ("
        " SELECT subject FROM audit WHERE action = 'document.quarantined' AND actor_id = :member)",
    ),
)

# Not searched for names: documents are the organisation's, and what is made of them follows them; the rest
# holds no words of people, or is dealt with by itself.
_NOT_SEARCHED = frozenset(
    "audit department document embedding member passage posting scope tenant wording".split()
)
_NO_WORDS = frozenset(
    "status kind role state label visibility handler platform content_hash passage_hash prompt_hash"
    " shown_hash digest model embedder".split()
)
# Ids, digests and numbers: what an audit entry may keep of an erased person's act.
_NOBODY = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{64}|\d{1,12}")
_KEPT_DETAILS = frozenset(("source", "kind", "department", "roles", "entries", "publish"))


@dataclass(frozen=True, slots=True)
class SqlPersonal:
    connection: AsyncConnection
    tenant: TenantId

    async def external_ids(self, member: MemberId) -> list[str]:
        rows = await self.connection.execute(
            text(f"SELECT id FROM ({_EXTERNAL}) own WHERE id <> '' ORDER BY 1"), {"member": member}
        )
        return list(rows.scalars())

    async def articles(self, member: MemberId, *, names: Names) -> list[ArticleTrace]:
        known = {"member": member, "names": names.pattern, "gone": GONE, "former": FORMER}
        rows = (await self.connection.execute(text(_ARTICLES), known)).all()
        found = await self.connection.execute(
            text("SELECT * FROM passage WHERE article_id = ANY(CAST(:ids AS uuid[])) ORDER BY ordinal, id"),
            {"ids": [row.id for row in rows]},
        )
        passages = [to_passage(row) for row in found]
        return [
            ArticleTrace(
                id=ArticleId(row.id),
                department=DepartmentId(row.department_id),
                question=row.question,
                text=row.text,
                theirs=row.theirs,
                titles=tuple(row.titles),
                passages=tuple(one for one in passages if one.article == row.id),
            )
            for row in rows
        ]

    async def wait_for_reviews(self, member: MemberId) -> None:
        # First what whoever answers or decides takes first: nobody then waits for the other.
        await self.connection.execute(
            text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": f"reviews/{self.tenant}"}
        )
        await self.connection.execute(
            text(f"SELECT id FROM review WHERE id IN ({_WAITED}) ORDER BY id FOR UPDATE"), {"member": member}
        )

    async def anonymise(
        self, former: Member, *, names: Names, restated: Sequence[Restated]
    ) -> Mapping[str, int]:
        """In the transaction that has made the member's row a pseudonym."""
        member = former.id
        await self.connection.execute(
            text("UPDATE member SET erased_at = coalesce(erased_at, now()) WHERE id = :member"),
            {"member": member},
        )
        # Whoever saves an answer to one of them just now is waited for, and found by what follows.
        await self.connection.execute(
            text("SELECT id FROM question WHERE asker_id = :member ORDER BY id FOR UPDATE"),
            {"member": member},
        )
        said = (await self.connection.execute(text(_SAID), {"member": member, "gone": GONE})).scalars().all()
        for one in restated:
            await self._restate(one, said)
        counts = {"articles": len(restated)}
        for what, statement in _STEPS:
            known = {"member": member, "handle": former.handle, "gone": GONE}
            bound = {name: value for name, value in known.items() if f":{name}" in statement}
            counts[what] = (await self.connection.execute(text(statement), bound)).rowcount
        owned = await self.connection.execute(
            text("UPDATE department SET owner = '' WHERE owner ~* :names"), {"names": names.pattern}
        )
        counts["ownership of departments"] = owned.rowcount
        counts["names in other texts"] = await self._search(names)
        return counts

    async def erase_audit_details(self, member: MemberId, *, names: Names) -> list[int]:
        rows = await self.connection.execute(
            text(
                "SELECT * FROM (SELECT id, sequence, details, salts, coalesce(actor_id = :member, false)"
                f" OR subject IN (SELECT 'review ' || number FROM review WHERE id IN ({_WAITED})) AS theirs"
                " FROM audit WHERE details <> '{}' AND sequence IS NOT NULL) a"
                " WHERE theirs OR details::text ~* :names ORDER BY sequence"
            ),
            {"member": member, "names": names.pattern},
        )
        erased = []
        for row in rows.all():
            kept = {
                name: value
                for name, value in row.details.items()
                if not names.occur(str(value)) and (not row.theirs or _impersonal(name, str(value)))
            }
            if kept != row.details:
                salts = {name: salt for name, salt in row.salts.items() if name in kept}
                audit = tables.table(tables.Audit)
                await self.connection.execute(
                    audit.update().where(audit.c.id == row.id).values(details=kept, salts=salts)
                )
                erased.append(row.sequence)
        return erased

    async def documents_naming(self, names: Names) -> list[str]:
        rows = await self.connection.execute(
            text(
                "SELECT source FROM document WHERE source ~* :names OR title ~* :names OR markdown ~* :names"
                " ORDER BY source LIMIT 100"
            ),
            {"names": names.pattern},
        )
        return list(rows.scalars())

    async def _restate(self, one: Restated, said: Sequence[str]) -> None:
        article, title = one.trace.id, one.question
        scope = await self.connection.scalar(
            text("SELECT scope_id FROM article WHERE id = :id"), {"id": article}
        )
        for statement in (
            "UPDATE article_version SET question = :title WHERE article_id = :id"
            " AND (question = :former OR question = ANY(CAST(:said AS text[])))",
            "UPDATE citation SET title = :title WHERE article_id = :id",
            "DELETE FROM wording WHERE article_id = :id",
            "DELETE FROM passage WHERE article_id = :id",
        ):
            known = {"id": article, "title": title, "former": one.trace.question, "said": list(said)}
            bound = {name: value for name, value in known.items() if f":{name}" in statement}
            await self.connection.execute(text(statement), bound)
        for _, vector in one.wordings:
            await require_in_force(self.connection, vector.embedder)
        await self.connection.execute(
            insert(tables.table(tables.Wording)),
            [
                {"tenant_id": self.tenant, "article_id": article, "text": wording, "vector": list(vector)}
                for wording, vector in one.wordings
            ],
        )
        await insert_passages(self.connection, self.tenant, scope=scope or 0, passages=one.passages)
        for passage in (embedded.passage for embedded in one.passages):
            await self.connection.execute(
                text("UPDATE citation SET passage_hash = :hash WHERE passage_id = :id"),
                {"hash": passage.content_hash, "id": passage.id},
            )

    async def _search(self, names: Names) -> int:
        """Every text of every table, those of tables to come as well."""
        found = 0
        for table in tables.metadata.sorted_tables:
            if table.name in _NOT_SEARCHED:
                continue
            for column in table.columns:
                replaced = _replaced(f'"{column.name}"', column.type)
                if replaced is None or column.primary_key or column.name in _NO_WORDS:
                    continue
                done = await self.connection.execute(
                    text(
                        f'UPDATE {table.name} SET "{column.name}" = {replaced}'
                        f' WHERE "{column.name}"::text ~* CAST(:names AS text)'
                    ),
                    {"names": names.pattern, "former": FORMER},
                )
                found += done.rowcount
        return found


def _replaced(column: str, kind: object) -> str | None:
    """The column without the names, in SQL; None where it holds no text."""
    replaced = "regexp_replace({}, CAST(:names AS text), CAST(:former AS text), 'gi')"
    match kind:
        case ARRAY(item_type=String()):
            parts = f"unnest({column}) WITH ORDINALITY AS part (word, place)"
            return f"ARRAY(SELECT {replaced.format('part.word')} FROM {parts} ORDER BY part.place)"
        case JSONB():
            return f"CAST({replaced.format(f'{column}::text')} AS jsonb)"
        case String():
            return replaced.format(column)
        case _:
            return None


def _impersonal(name: str, value: str) -> bool:
    return name in _KEPT_DETAILS or _NOBODY.fullmatch(value) is not None

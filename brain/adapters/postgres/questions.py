"""Questions and answers in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from brain.adapters.postgres import tables
from brain.adapters.postgres.attachments import attachment_values, attachments
from brain.adapters.postgres.people import still_here
from brain.domain.answer import ASKED_BACK, Answer, AnswerId, AnswerStatus, Approval, Citation
from brain.domain.attachment import with_attached
from brain.domain.errors import Conflict
from brain.domain.identity import Audience, DepartmentId, MemberId, TenantId
from brain.domain.knowledge import ArticleId, DocumentId, PassageId
from brain.domain.ladder import Level
from brain.domain.question import ConversationId, Question, QuestionId, Turn
from brain.domain.spent import Spent

_ANSWER = """
SELECT a.*, m.name AS approver FROM answer a
LEFT JOIN member m ON (m.tenant_id, m.id) = (a.tenant_id, a.approved_by)
"""


@dataclass(frozen=True, slots=True)
class SqlQuestions:
    connection: AsyncConnection
    tenant: TenantId

    async def accept(self, question: Question, *, idempotency_key: str) -> QuestionId:
        await still_here(self.connection, question.asker)
        await self._open_conversation(question.conversation)
        inserted = await self.connection.scalar(
            insert(tables.table(tables.Question))
            .values(
                tenant_id=self.tenant,
                id=question.id,
                conversation_id=question.conversation,
                asker_id=question.asker,
                department_id=question.department,
                text=question.text,
                audience=sorted(question.audience.departments),
                outsiders=question.audience.outsiders,
                idempotency_key=idempotency_key,
                overheard=question.overheard,
                attachments=attachment_values(question.attachments),
            )
            .on_conflict_do_nothing(index_elements=["tenant_id", "asker_id", "idempotency_key"])
            .returning(text("id"))
        )
        if inserted is not None:
            return question.id
        rows = await self.connection.execute(
            text(
                "SELECT id, text, department_id FROM question"
                " WHERE asker_id = :asker AND idempotency_key = :key"
            ),
            {"asker": question.asker, "key": idempotency_key},
        )
        earlier = rows.one()
        if (earlier.text, earlier.department_id) != (question.text, question.department):
            raise Conflict("This idempotency key was used for another question; send a new key.")
        return QuestionId(earlier.id)

    async def question(self, question: QuestionId) -> Question | None:
        rows = await self.connection.execute(
            text("SELECT * FROM question WHERE id = :id AND text <> ''"), {"id": question}
        )
        return next((self._question(row) for row in rows), None)

    async def history(self, conversation: ConversationId, *, before: QuestionId) -> list[Turn]:
        rows = await self.connection.execute(
            text(
                "SELECT q.text AS question, q.attachments, a.text AS answer, a.status"
                " FROM question q JOIN LATERAL ("
                "  SELECT text, scope, status FROM answer WHERE question_id = q.id AND (status = 'published'"
                "  OR status = 'draft' AND model = :asked_back) ORDER BY version DESC LIMIT 1) a ON true"
                " JOIN question b ON b.id = :before"
                " JOIN conversation c ON c.id = q.conversation_id"
                " AND (b.asker_id = q.asker_id OR c.platform NOT IN ('api', 'erased'))"
                " AND a.scope <@ ARRAY(SELECT d.id FROM department d"
                "   WHERE d.visibility = 'tenant' AND NOT b.outsiders OR d.id = ANY(b.audience))"
                " WHERE q.conversation_id = :conversation AND q.asked_at < b.asked_at"
                " ORDER BY q.asked_at DESC LIMIT 6"
            ),
            {"conversation": conversation, "before": before, "asked_back": ASKED_BACK},
        )
        turns = [
            Turn(with_attached(row.question, attachments(row)), row.answer, row.status == "draft")
            for row in rows
        ]
        return turns[::-1]

    async def latest_answer(self, question: QuestionId) -> Answer | None:
        rows = await self.connection.execute(
            text(_ANSWER + "WHERE a.question_id = :id ORDER BY a.version DESC LIMIT 1"), {"id": question}
        )
        return next(iter(await self._answers(rows.all())), None)

    async def save_answer(self, answer: Answer) -> bool:
        approval = answer.approval
        # Erased before it was answered, a question is blank. This waits for whoever is erasing it just now.
        asked = await self.connection.scalar(
            text("SELECT 1 FROM question WHERE id = :id AND text <> '' FOR SHARE"), {"id": answer.question}
        )
        if asked is None:
            return False
        inserted = await self.connection.scalar(
            insert(tables.table(tables.Answer))
            .values(
                tenant_id=self.tenant,
                id=answer.id,
                question_id=answer.question,
                department_id=answer.department,
                article_id=answer.article,
                version=answer.version,
                status=answer.status.value,
                text=answer.text,
                confidence=answer.confidence,
                reasons=list(answer.reasons),
                signals=dict(answer.signals),
                model=answer.model,
                prompt_hash=answer.prompt_hash,
                scope=sorted(answer.scope),
                approved_by=approval.by if approval else None,
                approved_at=approval.at if approval else None,
                timings_ms=dict(answer.timings_ms),
                withdrawn=answer.withdrawn,
                input_tokens=answer.spent.input_tokens,
                output_tokens=answer.spent.output_tokens,
                cost_usd=answer.spent.usd,
                level=answer.level.value,
            )
            .on_conflict_do_nothing(index_elements=["tenant_id", "question_id", "version"])
            .returning(text("id"))
        )
        if inserted is None:
            return False
        if answer.citations:
            await self.connection.execute(
                insert(tables.table(tables.Citation)),
                [_citation_values(self.tenant, answer.id, citation) for citation in answer.citations],
            )
        return True

    async def settle(
        self,
        answer: AnswerId,
        *,
        to: AnswerStatus,
        approval: Approval | None = None,
        article: ArticleId | None = None,
        withdrawn: str = "",
    ) -> None:
        answers = tables.table(tables.Answer)
        values: dict[str, Any] = {"status": to.value, "withdrawn": withdrawn}
        if approval is not None:
            values |= {"approved_by": approval.by, "approved_at": approval.at, "article_id": article}
        await self.connection.execute(update(answers).where(answers.c.id == answer).values(values))

    async def asked_by(self, member: MemberId, *, limit: int) -> list[tuple[Question, Answer | None]]:
        rows = await self.connection.execute(
            text("SELECT * FROM question WHERE asker_id = :member ORDER BY asked_at DESC LIMIT :limit"),
            {"member": member, "limit": limit},
        )
        questions = [self._question(row) for row in rows]
        answers = await self.connection.execute(
            text(
                "SELECT DISTINCT ON (a.question_id) a.*, m.name AS approver FROM answer a"
                " LEFT JOIN member m ON (m.tenant_id, m.id) = (a.tenant_id, a.approved_by)"
                " WHERE a.question_id = ANY(CAST(:ids AS uuid[])) ORDER BY a.question_id, a.version DESC"
            ),
            {"ids": [question.id for question in questions]},
        )
        by_question = {answer.question: answer for answer in await self._answers(answers.all())}
        return [(question, by_question.get(question.id)) for question in questions]

    async def _open_conversation(self, conversation: ConversationId) -> None:
        """The command line and the HTTP API have no channels: a conversation there is its id."""
        await self.connection.execute(
            insert(tables.table(tables.Conversation))
            .values(
                tenant_id=self.tenant,
                id=conversation,
                platform="api",
                workspace="",
                channel="",
                thread=str(conversation),
            )
            .on_conflict_do_nothing()
        )

    def _question(self, row: Row[Any]) -> Question:
        return Question(
            id=QuestionId(row.id),
            conversation=ConversationId(row.conversation_id),
            asker=MemberId(row.asker_id),
            text=row.text,
            audience=Audience(
                self.tenant, frozenset(DepartmentId(d) for d in row.audience), outsiders=row.outsiders
            ),
            department=DepartmentId(row.department_id) if row.department_id else None,
            asked_at=row.asked_at,
            overheard=row.overheard,
            attachments=attachments(row),
        )

    async def _answers(self, rows: Sequence[Row[Any]]) -> list[Answer]:
        return await answers_of(self.connection, rows)


async def answers_of(connection: AsyncConnection, rows: Sequence[Row[Any]]) -> list[Answer]:
    """Answers of these rows (an `answer` row with `approver`), with their citations."""
    citations: dict[AnswerId, list[Citation]] = {AnswerId(row.id): [] for row in rows}
    if citations:
        found = await connection.execute(
            text(
                "SELECT * FROM citation WHERE answer_id = ANY(CAST(:ids AS uuid[]))"
                " ORDER BY answer_id, number"
            ),
            {"ids": list(citations)},
        )
        for row in found:
            citations[AnswerId(row.answer_id)].append(_citation(row))
    return [_answer(row, tuple(citations[AnswerId(row.id)])) for row in rows]


def _answer(row: Row[Any], citations: tuple[Citation, ...]) -> Answer:
    approval = None
    if row.approved_by is not None:
        approval = Approval(MemberId(row.approved_by), row.approver or "a former member", row.approved_at)
    return Answer(
        id=AnswerId(row.id),
        question=QuestionId(row.question_id),
        department=DepartmentId(row.department_id),
        status=AnswerStatus(row.status),
        text=row.text,
        citations=citations,
        confidence=row.confidence,
        reasons=tuple(row.reasons),
        model=row.model,
        prompt_hash=row.prompt_hash,
        scope=frozenset(DepartmentId(d) for d in row.scope),
        version=row.version,
        article=ArticleId(row.article_id) if row.article_id else None,
        approval=approval,
        withdrawn=row.withdrawn,
        signals=row.signals,
        timings_ms=row.timings_ms,
        spent=Spent(row.input_tokens, row.output_tokens, row.cost_usd),
        level=Level(row.level),
    )


def _citation_values(tenant: TenantId, answer: AnswerId, citation: Citation) -> dict[str, Any]:
    return {
        "tenant_id": tenant,
        "answer_id": answer,
        "number": citation.number,
        "passage_id": citation.passage,
        "passage_hash": citation.passage_hash,
        "document_id": citation.document,
        "article_id": citation.article,
        "title": citation.title,
        "heading_path": list(citation.heading_path),
        "page": citation.page,
        "quote": citation.quote,
    }


def _citation(row: Row[Any]) -> Citation:
    return Citation(
        number=row.number,
        passage=PassageId(row.passage_id),
        passage_hash=row.passage_hash,
        title=row.title,
        heading_path=tuple(row.heading_path),
        page=row.page,
        quote=row.quote,
        passage_text=row.passage_text,
        document=DocumentId(row.document_id) if row.document_id else None,
        article=ArticleId(row.article_id) if row.article_id else None,
    )

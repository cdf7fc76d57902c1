"""From the domain to the wire. What an asker may not see yet ends here."""

from collections.abc import Iterable, Mapping

from brain.api import article_schemas, review_schemas, schemas
from brain.api.services import Readiness
from brain.domain.answer import Answer, AnswerStatus, Approval, Citation
from brain.domain.article import Article, ArticleStatus, ArticleVersion
from brain.domain.change import Source
from brain.domain.identity import Department, DepartmentId, Member, MemberId, Principal, Role
from brain.domain.knowledge import Document
from brain.domain.ladder import TOLD, Level
from brain.domain.records import Feedback, Key, Task
from brain.domain.reply import Reply
from brain.domain.review import ReviewCase
from brain.domain.spent import Spent
from brain.usecases.administer import Saved
from brain.usecases.be_away import Away

Slugs = Mapping[DepartmentId, str]

_PENDING = "This question is being answered; read it again in a moment."


def slugs(departments: Iterable[Department]) -> Slugs:
    return {department.id: department.slug for department in departments}


def slug(department: DepartmentId, known: Slugs) -> str:
    """A department that the principal may not read keeps its name to itself."""
    return known.get(department, str(department))


def ask_result(reply: Reply, *, note: str = "", total_ms: float | None = None) -> schemas.AskResult:
    """The draft of an answer that is not published is for reviewers only: askers get the note. What asks them
    back is theirs."""
    question, answer = reply.question, reply.answer
    told = answer is not None and (answer.status is AnswerStatus.PUBLISHED or answer.asks_back)
    published = answer if told else None
    level = answer.level_told if answer and not answer.asks_back else Level.FULL
    timings = dict(answer.timings_ms) if answer else {}
    if total_ms is not None:
        timings["total"] = round(total_ms, 2)
    return schemas.AskResult(
        id=question.id,
        conversation=question.conversation,
        question=question.text,
        status=_status(answer),
        text=published.text if published else note or reply.note or _PENDING,
        citations=_citations(published.citations) if published else [],
        confidence=answer.certainty if answer and not answer.asks_back else None,
        reasons=list(answer.grounds) if answer else [],
        level=level.value,
        degraded=TOLD.get(level, ""),
        review=reply.review,
        approved=_approved(published.approval) if published and published.approval else None,
        department=reply.department,
        model=answer.model if answer else None,
        asked_at=question.asked_at,
        timings_ms=timings,
        spent=_spent(answer.spent) if answer else None,
    )


def _spent(spent: Spent) -> schemas.SpentShown:
    return schemas.SpentShown(
        input_tokens=spent.input_tokens, output_tokens=spent.output_tokens, usd=spent.usd
    )


def _status(answer: Answer | None) -> schemas.AskStatus:
    if answer is None or answer.status is AnswerStatus.DRAFT:
        asks_back = answer is not None and answer.asks_back
        return schemas.AskStatus.ASKED_BACK if asks_back else schemas.AskStatus.PENDING
    return schemas.AskStatus(answer.status.value)


def _citations(citations: Iterable[Citation]) -> list[schemas.CitationShown]:
    return [
        schemas.CitationShown(
            number=one.number,
            label=one.label,
            title=one.title,
            heading_path=list(one.heading_path),
            page=one.page,
            quote=one.quote,
            document=one.document,
            article=one.article,
        )
        for one in citations
    ]


def _approved(approval: Approval) -> schemas.Approved:
    return schemas.Approved(by=approval.name, at=approval.at)


def review_summary(case: ReviewCase, known: Slugs, reader: MemberId) -> review_schemas.ReviewSummary:
    return review_schemas.ReviewSummary(
        number=case.review.number,
        question=case.question,
        department=slug(case.review.department, known),
        status=case.review.status,
        confidence=case.answer.confidence,
        waiting=case.waiting,
        opened_at=case.review.opened_at,
        due_at=case.review.due_at,
        assignee=case.assigned_to,
        mine=case.review.assignee == reader,
    )


def review(case: ReviewCase, known: Slugs, reader: MemberId) -> review_schemas.ReviewShown:
    return review_schemas.ReviewShown(
        **review_summary(case, known, reader).model_dump(),
        asked_by=case.asked_by,
        draft=case.answer.text,
        citations=_citations(case.answer.citations),
        reasons=list(case.answer.reasons),
        shown_hash=case.review.shown_hash,
        shown_before=reader in case.shown_to,
        history=[
            review_schemas.MoveShown(
                kind=move.kind,
                at=move.at,
                member=move.member_name or None,
                by=move.by_name or None,
                reason=move.reason,
            )
            for move in case.history
        ],
        verdict=_verdict(case),
        occasion=case.review.occasion,
        article=case.review.article,
        changes=[_source(one) for one in case.sources if not one.stands],
    )


def _source(one: Source) -> review_schemas.SourceShown:
    return review_schemas.SourceShown(
        number=one.citation.number,
        label=one.citation.label,
        state=one.state,
        before=one.before,
        now=one.now.text if one.now else None,
        diff=one.diff,
    )


def _verdict(case: ReviewCase) -> review_schemas.VerdictShown | None:
    verdict = case.verdict
    if verdict is None or verdict.decided_at is None:
        return None
    return review_schemas.VerdictShown(
        kind=verdict.kind,
        by=case.decided_by or "a former member",
        at=verdict.decided_at,
        reason=verdict.reason,
        diff=verdict.diff,
    )


def department(one: Department) -> schemas.DepartmentShown:
    return schemas.DepartmentShown(
        slug=one.slug, name=one.name, description=one.description, icon=one.icon, visibility=one.visibility
    )


def document(one: Document, known: Slugs) -> schemas.DocumentShown:
    return schemas.DocumentShown(
        id=one.id,
        department=slug(one.department, known),
        source=one.source,
        title=one.title,
        media_type=one.media_type,
        version=one.version,
        status=one.status,
        reason=one.reason,
        passages=one.passages,
        updated_at=one.updated_at,
        content_hash=one.content_hash,
        twin=one.twin,
        linked=one.linked,
    )


def article(one: Article, known: Slugs) -> schemas.ArticleShown:
    return schemas.ArticleShown(
        id=one.id,
        department=slug(one.department, known),
        version=one.version,
        status=one.status,
        question=one.question,
        text=one.text,
        citations=_citations(one.citations),
        approved=_approved(one.approval),
        note=one.note,
        expires_at=one.expires_at,
        updated_at=one.updated_at,
    )


def article_version(one: ArticleVersion, current: Article) -> article_schemas.ArticleVersionShown:
    newest = one.number == current.version
    return article_schemas.ArticleVersionShown(
        number=one.number,
        in_force=newest and current.status is ArticleStatus.LIVE,
        text=one.text,
        citations=_citations(one.citations),
        approved=_approved(one.approval),
        note=one.note,
        expires_at=current.expires_at if newest else None,
    )


def feedback(one: Feedback, *, handle: str | None) -> schemas.FeedbackShown:
    return schemas.FeedbackShown(
        question=one.question,
        asked=one.asked,
        answer=one.answer,
        member=handle,
        helpful=one.helpful,
        reason=one.reason,
        comment=one.comment,
    )


def member(one: Member, known: Slugs) -> schemas.MemberShown:
    return schemas.MemberShown(
        handle=one.handle,
        name=one.name,
        email=one.email,
        roles=_roles(one, known),
        disabled_at=one.disabled_at,
        absent_until=one.absent_until,
    )


def _roles(one: Member, known: Slugs) -> dict[str, list[Role]]:
    return {slug(where, known): sorted(held) for where, held in one.roles.items()}


def saved(one: Saved, known: Slugs) -> schemas.MemberSaved:
    former = _roles(one.former, known) if one.former else None
    return schemas.MemberSaved(**member(one.member, known).model_dump(), replaced=former)


def away(one: Away, known: Slugs) -> schemas.MemberAway:
    return schemas.MemberAway(
        **member(one.member, known).model_dump(), handed_on=list(one.handed_on), kept=list(one.kept)
    )


def me(principal: Principal, known: Slugs) -> schemas.Me:
    return schemas.Me(tenant=principal.tenant, **member(principal.member, known).model_dump())


def key(one: Key, *, handle: str) -> schemas.KeyShown:
    return schemas.KeyShown(
        id=one.id, member=handle, name=one.name, created_at=one.created_at, revoked_at=one.revoked_at
    )


def task(one: Task) -> schemas.TaskShown:
    return schemas.TaskShown(
        id=one.id,
        event=one.event,
        handler=one.handler,
        state=one.state,
        attempts=one.attempts,
        due_at=one.due_at,
        error=one.error,
    )


def ready(readiness: Readiness, *, version: str) -> schemas.Ready:
    checks = [schemas.CheckShown(name=name, ok=ok, detail=detail) for name, ok, detail in readiness.checks]
    return schemas.Ready(
        ok=readiness.ok,
        version=version,
        level=readiness.rung.level.value,
        level_reason=readiness.rung.reason,
        checks=checks,
    )

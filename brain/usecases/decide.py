"""Decide a review: the first verdict wins, and what was approved becomes knowledge in the same moment."""

import asyncio
import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import uuid4

from brain.domain.answer import Answer, AnswerId, AnswerStatus, Approval
from brain.domain.article import Article, ArticleStatus
from brain.domain.chunking import chunk
from brain.domain.errors import Conflict, Denied, Missing, Rejected
from brain.domain.events import AnswerAmended, AnswerApproved, AnswerRejected
from brain.domain.identity import Department, Member, Principal
from brain.domain.knowledge import ArticleId, Embedded, ParsedDocument, Passage, PassageId
from brain.domain.records import AuditEntry
from brain.domain.review import ReviewCase, ReviewStatus, Verdict, VerdictId, VerdictKind, objection
from brain.domain.training import ExampleId, Label, TrainingExample
from brain.ports import Embedder, Store, TextKind, Transaction, Vector
from brain.usecases.ask import from_article
from brain.usecases.embedding import embed_passages
from brain.usecases.ingest import content_hash

MAX_CHARACTERS = 20_000


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a reviewer wants. `shown_hash` is of what they saw; `text` replaces the draft."""

    number: int
    kind: VerdictKind
    shown_hash: str
    text: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Prepared:
    """Embedded before the transaction, which must not wait for a model."""

    article: ArticleId
    wordings: Sequence[tuple[str, Vector]]
    passages: Sequence[Embedded]


@dataclass(frozen=True, slots=True)
class Decide:
    store: Store
    embedder: Embedder

    async def __call__(self, principal: Principal, judgement: Judgement) -> ReviewCase:
        try:
            return await self._decide(principal, judgement)
        except Denied as refusal:
            await self._record_refusal(principal, judgement, str(refusal))
            raise

    async def _decide(self, principal: Principal, judgement: Judgement) -> ReviewCase:
        async with self.store.transaction(principal.tenant) as tx:
            seen = await tx.reviews.case(judgement.number, lock=False)
            case = _require(seen, principal.member, await tx.people.departments(), judgement)
            wordings = await _wordings(tx, case)
        wanted = _settled(case, judgement)
        prepared = await self._prepare(case, wanted, wordings, principal.member)
        async with self.store.transaction(principal.tenant) as tx:
            member = await tx.people.member(str(principal.member.id))
            locked = await tx.reviews.case(judgement.number, lock=True)
            case = _require(locked, member, await tx.people.departments(), judgement)
            await _record(tx, case, wanted, prepared, member or principal.member)
            return await tx.reviews.case(judgement.number, lock=False) or case

    async def _prepare(
        self, case: ReviewCase, judgement: Judgement, wordings: Sequence[str], reviewer: Member
    ) -> _Prepared:
        article = ArticleId(uuid4())
        if judgement.kind is VerdictKind.REJECT:
            return _Prepared(article, (), ())
        vectors = await self.embedder.embed(wordings, kind=TextKind.QUESTION)
        document = ParsedDocument(case.question, judgement.text)
        pieces = await asyncio.to_thread(chunk, document, count_tokens=self.embedder.count_tokens)
        passages = [
            Passage(
                id=PassageId(uuid4()),
                department=case.review.department,
                title=case.question,
                heading_path=(f"Checked by {reviewer.name}",),
                text=piece.text,
                content_hash=content_hash(piece.text.encode()),
                ordinal=piece.ordinal,
                article=article,
            )
            for piece in pieces
        ]
        embedded = await embed_passages(self.embedder, passages)
        return _Prepared(article, tuple(zip(wordings, vectors, strict=True)), embedded)

    async def _record_refusal(self, principal: Principal, judgement: Judgement, why: str) -> None:
        async with self.store.transaction(principal.tenant) as tx:
            await tx.records.audit(
                AuditEntry(
                    actor=principal.member.id,
                    action="verdict.refused",
                    subject=f"review {judgement.number}",
                    details=(("kind", judgement.kind.value), ("why", why)),
                )
            )


def _require(
    case: ReviewCase | None, member: Member | None, departments: Sequence[Department], judgement: Judgement
) -> ReviewCase:
    """Everything that must hold, in the order in which a person wants to hear of it."""
    number = judgement.number
    if case is None or member is None or not _may_know(case, member):
        raise Missing(f"There is no review {number} that you may see.")
    if case.verdict is not None:
        when = f"{case.verdict.decided_at:%Y-%m-%d %H:%M} UTC"
        raise Conflict(f"Review {number} was already decided by {case.decided_by} at {when}.")
    if case.review.status is not ReviewStatus.OPEN:
        raise Conflict(f"Review {number} is {case.review.status}.")
    if (why := objection(case, member, departments)) is not None:
        raise Denied(why)
    if judgement.shown_hash != case.review.shown_hash:
        raise Conflict(f"Review {number} has changed since you saw it; look at it again.")
    return case


def _may_know(case: ReviewCase, member: Member) -> bool:
    """Those outside the department do not learn that the review exists, but for those who asked."""
    return case.review.department in member.departments or member.id in case.askers


def _settled(case: ReviewCase, judgement: Judgement) -> Judgement:
    """The judgement as it will be recorded: approving another text than the draft is amending it."""
    draft, text = case.answer.text, judgement.text.replace("\x00", "").strip()
    if len(text) > MAX_CHARACTERS:
        raise Rejected(f"The answer has {len(text):,} characters; the limit is {MAX_CHARACTERS:,}.")
    if judgement.kind is VerdictKind.REJECT:
        if not judgement.reason.strip():
            raise Rejected("Say why it is rejected, for those who asked and for the next reviewer.")
        return replace(judgement, text="")
    if not (text or draft):
        raise Rejected(f"Review {judgement.number} has no draft to approve; give the answer as text.")
    if not text or text == draft:
        if judgement.kind is VerdictKind.AMEND:
            raise Rejected("An amendment needs a text other than the draft.")
        return replace(judgement, text=draft)
    return replace(judgement, kind=VerdictKind.AMEND, text=text)


async def _wordings(tx: Transaction, case: ReviewCase) -> list[str]:
    """The ways in which those who wait have asked."""
    waiting = await tx.reviews.waiting(case.review.id)
    return list(dict.fromkeys([case.question, *(wording for _, wording in waiting)]))


async def _record(
    tx: Transaction, case: ReviewCase, judgement: Judgement, prepared: _Prepared, member: Member
) -> None:
    verdict = Verdict(
        id=VerdictId(uuid4()),
        review=case.review.id,
        member=member.id,
        kind=judgement.kind,
        shown_hash=judgement.shown_hash,
        reason=judgement.reason.strip(),
        diff=_diff(case.answer.text, judgement.text) if judgement.kind is VerdictKind.AMEND else "",
        decided_at=tx.now,
    )
    if not await tx.reviews.decide(verdict):
        raise Conflict(f"Review {judgement.number} was decided a moment ago.")
    if judgement.kind is VerdictKind.REJECT:
        await _reject(tx, case)
    else:
        await _publish(tx, case, judgement, prepared, Approval(member.id, member.name, tx.now))
    await _learn(tx, case, verdict, judgement.text)
    await tx.records.audit(
        AuditEntry(
            actor=member.id,
            action=f"verdict.{judgement.kind.value}",
            subject=f"review {judgement.number}",
            details=(("shown_hash", judgement.shown_hash), ("reason", verdict.reason)),
        )
    )


async def _reject(tx: Transaction, case: ReviewCase) -> None:
    for question, _ in await tx.reviews.waiting(case.review.id):
        if (answer := await tx.questions.latest_answer(question)) is not None:
            await tx.questions.settle(answer.id, to=AnswerStatus.REJECTED)
    await tx.emit(AnswerRejected(case.review.id, case.answer.id))


async def _publish(
    tx: Transaction, case: ReviewCase, judgement: Judgement, prepared: _Prepared, approval: Approval
) -> None:
    """The article first, then the answer of everyone who waits for it."""
    approved = case.answer
    standing = await tx.library.grounded(approved.citations)
    if judgement.kind is VerdictKind.AMEND:
        approved = _amended(case.answer, judgement.text, standing)
        await tx.questions.settle(case.answer.id, to=AnswerStatus.DRAFT)
        await tx.questions.save_answer(approved)
    elif len(standing) < len(approved.citations):
        raise Conflict("A source of the draft has changed or gone; reject it, or give the answer as text.")
    article = Article(
        id=prepared.article,
        department=case.review.department,
        version=1,
        status=ArticleStatus.LIVE,
        question=case.question,
        text=approved.text,
        answer=approved.id,
        scope=approved.scope,
        approval=approval,
        citations=approved.citations,
    )
    await tx.articles.save(article, wordings=prepared.wordings, passages=prepared.passages)
    await tx.questions.settle(approved.id, to=AnswerStatus.PUBLISHED, approval=approval, article=article.id)
    for question, _ in await tx.reviews.waiting(case.review.id):
        if question == case.review.question:
            continue
        former = await tx.questions.latest_answer(question)
        if former is not None:
            await tx.questions.settle(former.id, to=AnswerStatus.DRAFT)
            answer = from_article(article, question, timings_ms={})
            await tx.questions.save_answer(replace(answer, version=former.version + 1))
    event = AnswerAmended if judgement.kind is VerdictKind.AMEND else AnswerApproved
    await tx.emit(event(case.review.id, approved.id, article.id))


def _amended(draft: Answer, text: str, standing: frozenset[int]) -> Answer:
    """The reviewer's text as a new version. Sources it points to stay; a text without marks keeps all.

    Sources that have changed meanwhile are not its ground any more: `standing` are the others.
    """
    live = tuple(citation for citation in draft.citations if citation.number in standing)
    citations = tuple(citation for citation in live if f"[{citation.number}]" in text) or live
    return replace(
        draft,
        id=AnswerId(uuid4()),
        version=draft.version + 1,
        status=AnswerStatus.DRAFT,
        text=text,
        citations=citations,
    )


async def _learn(tx: Transaction, case: ReviewCase, verdict: Verdict, text: str) -> None:
    """A rejected question without a draft teaches nothing."""
    rejected = verdict.kind is VerdictKind.REJECT
    if rejected and not case.answer.text:
        return
    await tx.records.save_example(
        TrainingExample(
            id=ExampleId(uuid4()),
            department=case.review.department,
            verdict=verdict.id,
            label=Label.NEGATIVE if rejected else Label.POSITIVE,
            question=case.question,
            answer=case.answer.text if rejected else text,
            draft=case.answer.text,
        )
    )


def _diff(before: str, after: str) -> str:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), "draft", "amended", lineterm="")
    return "\n".join(lines)

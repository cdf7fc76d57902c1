"""Decide a review: the first verdict wins, and what was approved becomes knowledge in the same moment."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import uuid4

from brain.domain.answer import Answer, AnswerId, AnswerStatus, Approval, Citation
from brain.domain.article import Article, ArticleStatus
from brain.domain.change import Cause, reverified, without
from brain.domain.crash_points import reached
from brain.domain.errors import Conflict, Denied, Missing, Rejected
from brain.domain.events import AnswerAmended, AnswerApproved, AnswerRejected
from brain.domain.identity import Department, Member, Principal
from brain.domain.knowledge import ArticleId, Embedded, Vector
from brain.domain.ladder import Level
from brain.domain.records import AuditEntry
from brain.domain.review import ReviewCase, ReviewStatus, Verdict, VerdictId, VerdictKind, objection
from brain.domain.training import ExampleId, Label, TrainingExample
from brain.ports import Embedder, Store, TextKind, Transaction
from brain.usecases.article_passages import article_passages
from brain.usecases.ask import from_article
from brain.usecases.refusals import refusals_audited
from brain.usecases.renew import schedule_renewal
from brain.usecases.withdraw import follow_up

MAX_CHARACTERS = 20_000


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a reviewer wants. `shown_hash` is of what they saw; `text` replaces the draft.

    An approval holds for `days` (None: as long as is usual in the department). `without_sources` approves, on
    the reviewer's word, also what the changed sources no longer say.
    """

    number: int
    kind: VerdictKind
    shown_hash: str
    text: str = ""
    reason: str = ""
    days: int | None = None
    without_sources: bool = False


@dataclass(frozen=True, slots=True)
class _Prepared:
    """Worked out and embedded before the transaction, which must not wait for a model."""

    article: ArticleId
    citations: tuple[Citation, ...]
    wordings: Sequence[tuple[str, Vector]]
    passages: Sequence[Embedded]


@dataclass(frozen=True, slots=True)
class Decide:
    store: Store
    embedder: Embedder

    async def __call__(self, principal: Principal, judgement: Judgement) -> ReviewCase:
        subject, kind = f"review {judgement.number}", ("kind", judgement.kind.value)
        async with refusals_audited(self.store, principal, "verdict", subject, details=(kind,)):
            return await self._decide(principal, judgement)

    async def _decide(self, principal: Principal, judgement: Judgement) -> ReviewCase:
        async with self.store.transaction(principal.tenant) as tx:
            seen = await tx.reviews.case(judgement.number, lock=False)
            case = _require(seen, principal.member, await tx.people.departments(), judgement)
        wanted, citations = _settled(case, judgement)
        prepared = await self._prepare(case, wanted, citations, _wordings(case), principal.member)
        async with self.store.transaction(principal.tenant) as tx:
            member = await tx.people.member(str(principal.member.id))
            locked = await tx.reviews.case(judgement.number, lock=True)
            case = _require(locked, member, await tx.people.departments(), judgement)
            if seen is not None and case.question != seen.question:
                raise Conflict(f"Review {judgement.number} has changed since you saw it; look at it again.")
            still = _wordings(case)
            prepared = replace(prepared, wordings=[one for one in prepared.wordings if one[0] in still])
            await _record(tx, case, wanted, prepared, member or principal.member)
            case = await tx.reviews.case(judgement.number, lock=False) or case
            reached("verdict given")
        reached("verdict committed")
        return case

    async def _prepare(
        self,
        case: ReviewCase,
        judgement: Judgement,
        citations: tuple[Citation, ...],
        wordings: Sequence[str],
        reviewer: Member,
    ) -> _Prepared:
        article = case.review.article or ArticleId(uuid4())
        if judgement.kind is VerdictKind.REJECT:
            return _Prepared(article, (), (), ())
        vectors = await self.embedder.embed(wordings, kind=TextKind.QUESTION)
        passages = await article_passages(
            self.embedder,
            article,
            case.review.department,
            question=case.question,
            text=judgement.text,
            checked_by=reviewer.name,
        )
        return _Prepared(article, citations, tuple(zip(wordings, vectors, strict=True)), passages)


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
        raise Conflict(f"Review {number} has expired: nobody decided it in time. Asked again, it opens anew.")
    if (why := objection(case, member, departments)) is not None:
        raise Denied(why)
    if judgement.shown_hash != case.review.shown_hash:
        what = (
            "" if all(source.stands for source in case.sources) else ", or a source of it is changed or gone"
        )
        raise Conflict(f"Review {number} has changed since you saw it{what}; look at it again.")
    if member.id not in case.shown_to:
        # The hash came from somebody else's screen: no proof that this member has read anything.
        raise Conflict(f"Review {number} has not been shown to you yet; look at it first, then decide.")
    return case


def _may_know(case: ReviewCase, member: Member) -> bool:
    """Those outside the department do not learn that the review exists, but for those who asked."""
    return case.review.department in member.departments or member.id in case.askers


def _settled(case: ReviewCase, judgement: Judgement) -> tuple[Judgement, tuple[Citation, ...]]:
    """The judgement as it will be recorded, and what its text rests on.

    Approving another text than the draft is amending it; approving the draft, where its sources have changed,
    renews the citations.
    """
    draft, text = case.answer.text, judgement.text.replace("\x00", "").strip()
    if len(text) > MAX_CHARACTERS:
        raise Rejected(f"The answer has {len(text):,} characters; the limit is {MAX_CHARACTERS:,}.")
    if judgement.kind is VerdictKind.REJECT:
        if not judgement.reason.strip():
            raise Rejected("Say why it is rejected, for those who asked and for the next reviewer.")
        return replace(judgement, text=""), ()
    if not (text or draft):
        raise Rejected(f"Review {judgement.number} has no draft to approve; give the answer as text.")
    if not text or text == draft:
        if judgement.kind is VerdictKind.AMEND:
            raise Rejected("An amendment needs a text other than the draft.")
        said, citations = _renewed(case, judgement)
        return replace(judgement, text=said), citations
    return replace(judgement, kind=VerdictKind.AMEND, text=text), _pointed_at(case, text)


def _renewed(case: ReviewCase, judgement: Judgement) -> tuple[str, tuple[Citation, ...]]:
    """The draft, as far as its sources of today carry it."""
    draft = case.answer
    broken = [source.citation.number for source in case.sources if not source.stands]
    if not broken:
        return draft.text, draft.citations
    if judgement.without_sources:
        return without(draft.text, case.sources)
    if (renewed := reverified(draft.text, case.sources)) is not None:
        return renewed
    marks = ", ".join(f"[{number}]" for number in broken)
    raise Conflict(
        f"{marks} of the draft have changed or gone, and what stands there now does not say all that it says:"
        " amend it, reject it, or vouch for it without them."
    )


def _pointed_at(case: ReviewCase, text: str) -> tuple[Citation, ...]:
    """The sources of today that the reviewer's text points to; a text without marks keeps all."""
    present = [one for source in case.sources if (one := source.renewed(text)) is not None]
    return tuple(one for one in present if f"[{one.number}]" in text) or tuple(present)


def _wordings(case: ReviewCase) -> list[str]:
    """The ways in which those who wait have asked."""
    return list(dict.fromkeys([case.question, *(wording for _, wording in case.questions)]))


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
        await _reject(tx, case, judgement.reason.strip())
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


async def _reject(tx: Transaction, case: ReviewCase, reason: str) -> None:
    """An article that does not pass its review is retracted."""
    if case.review.article is not None:
        await follow_up(tx, await tx.articles.withdraw(case.review.article, Cause.RETRACTED, reason=reason))
    for question, _ in case.questions:
        answer = await tx.questions.latest_answer(question)
        if answer is not None and answer.status is not AnswerStatus.RETRACTED:
            await tx.questions.settle(answer.id, to=AnswerStatus.REJECTED)
    await tx.emit(AnswerRejected(case.review.id, case.answer.id))


async def _publish(
    tx: Transaction, case: ReviewCase, judgement: Judgement, prepared: _Prepared, approval: Approval
) -> None:
    """The article first, then the answer of everyone who waits for it."""
    former = await tx.articles.article(prepared.article, lock=True)
    approved = await _approved(tx, case, judgement, prepared.citations)
    article = Article(
        id=prepared.article,
        department=case.review.department,
        version=former.version + 1 if former else 1,
        status=ArticleStatus.LIVE,
        question=former.question if former else case.question,
        text=approved.text,
        answer=approved.id,
        scope=approved.scope,
        approval=approval,
        asked=approved.question,
        expires_at=tx.now + timedelta(days=await _days(tx, case, judgement)),
        sources=approved.scope,
        citations=approved.citations,
    )
    replaced = await tx.articles.save(article, wordings=prepared.wordings, passages=prepared.passages)
    reached("article indexed")
    await follow_up(tx, replaced)
    await schedule_renewal(tx, article)
    await tx.questions.settle(approved.id, to=AnswerStatus.PUBLISHED, approval=approval, article=article.id)
    await _answer_others(tx, case, article)
    event = AnswerAmended if judgement.kind is VerdictKind.AMEND else AnswerApproved
    await tx.emit(event(case.review.id, approved.id, article.id))


async def _approved(
    tx: Transaction, case: ReviewCase, judgement: Judgement, citations: tuple[Citation, ...]
) -> Answer:
    """The draft where it is approved as it is; else a new version of it, with what it rests on now."""
    draft = case.answer
    same = (judgement.text, citations) == (draft.text, draft.citations)
    if same and case.review.article is None:
        return draft
    latest = await tx.questions.latest_answer(draft.question) or draft
    moved_to = {source.now.department for source in case.sources if source.now and source.now.document}
    approved = replace(
        draft,
        id=AnswerId(uuid4()),
        version=latest.version + 1,
        status=AnswerStatus.DRAFT,
        text=judgement.text,
        citations=citations,
        scope=draft.scope | moved_to,
        withdrawn="",
        level=Level.FULL,
    )
    await tx.questions.settle(latest.id, to=AnswerStatus.DRAFT)
    await tx.questions.save_answer(approved)
    return approved


async def _days(tx: Transaction, case: ReviewCase, judgement: Judgement) -> int:
    departments = await tx.people.departments()
    usual = next(one.article_days for one in departments if one.id == case.review.department)
    return judgement.days or usual


async def _answer_others(tx: Transaction, case: ReviewCase, article: Article) -> None:
    """Everyone else who waits gets the article's answer as a new version of their own."""
    for question, _ in case.questions:
        former = await tx.questions.latest_answer(question)
        if former is None or question == case.review.question:
            continue
        await tx.questions.settle(former.id, to=AnswerStatus.DRAFT)
        answer = from_article(article, question, timings_ms={})
        await tx.questions.save_answer(replace(answer, version=former.version + 1))


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
    reached("example learnt")


def _diff(before: str, after: str) -> str:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), "draft", "amended", lineterm="")
    return "\n".join(lines)

"""Put an earlier version of an article in force again: as a new version, on the word of whoever does it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import uuid4

from brain.domain.answer import AnswerId, AnswerStatus, Approval, Citation
from brain.domain.article import Article, ArticleStatus, ArticleVersion
from brain.domain.change import reverified
from brain.domain.errors import Conflict, Denied, Missing, Rejected
from brain.domain.events import AnswerPublished
from brain.domain.identity import Principal, Visibility
from brain.domain.knowledge import ArticleId, Embedded
from brain.domain.records import AuditEntry
from brain.ports import Embedder, Store, Transaction
from brain.usecases.article_passages import article_passages
from brain.usecases.permission import article_kept_by
from brain.usecases.refusals import refusals_audited
from brain.usecases.renew import schedule_renewal
from brain.usecases.withdraw import follow_up


@dataclass(frozen=True, slots=True)
class Return:
    """To version `to` of the article; the reason goes into the history."""

    article: ArticleId
    to: int
    reason: str


@dataclass(frozen=True, slots=True)
class _Earlier:
    """What is to be in force again, as its sources carry it today."""

    kept: Article
    text: str
    citations: tuple[Citation, ...]
    version: ArticleVersion


@dataclass(frozen=True, slots=True)
class RollBack:
    store: Store
    embedder: Embedder

    async def __call__(self, principal: Principal, wanted: Return) -> Article:
        """Refused where the sources of that version do not say it any more."""
        wanted = replace(wanted, reason=wanted.reason.replace("\x00", "").strip())
        if not wanted.reason:
            raise Rejected("Say why the article is rolled back.")
        subject, to = f"article {wanted.article}", ("to", str(wanted.to))
        async with refusals_audited(self.store, principal, "article.roll_back", subject, details=(to,)):
            return await self._roll_back(principal, wanted)

    async def _roll_back(self, principal: Principal, wanted: Return) -> Article:
        async with self.store.transaction(principal.tenant) as tx:
            seen = await _earlier(tx, principal, wanted)
        passages = await article_passages(
            self.embedder,
            seen.kept.id,
            seen.kept.department,
            question=seen.kept.question,
            text=seen.text,
            checked_by=principal.member.name,
        )
        async with self.store.transaction(principal.tenant) as tx:
            earlier = await _earlier(tx, principal, wanted)
            if (earlier.kept.version, earlier.text) != (seen.kept.version, seen.text):
                raise Conflict(f"Article {wanted.article} was changed a moment ago; look at it again.")
            return await _put_in_force(tx, principal, wanted, earlier, passages)


async def _earlier(tx: Transaction, principal: Principal, wanted: Return) -> _Earlier:
    kept = await article_kept_by(tx, principal, wanted.article)
    versions = {one.number: one for one in await tx.articles.versions(wanted.article)}
    version = versions.get(wanted.to)
    if version is None:
        raise Missing(f"Article {wanted.article} has no version {wanted.to}; it has 1 to {kept.version}.")
    if wanted.to == kept.version and kept.status is ArticleStatus.LIVE:
        raise Rejected(f"Version {wanted.to} of article {wanted.article} is in force.")
    await _require_right(tx, principal, kept, version)
    sources = await tx.library.sources(version.citations)
    if all(source.stands for source in sources):
        return _Earlier(kept, version.text, version.citations, version)
    renewed = reverified(version.text, sources)
    if renewed is None:
        gone = "; ".join(source.citation.label for source in sources if not source.stands)
        raise Conflict(
            f"Version {wanted.to} rests on what has changed or gone, and what stands there now does not say"
            f" all of it: {gone}. Decide the article's review instead, with a text of your own."
        )
    return _Earlier(kept, *renewed, version)


async def _require_right(
    tx: Transaction, principal: Principal, kept: Article, version: ArticleVersion
) -> None:
    """As for a verdict: whoever vouches for it may read its sources, and did not ask for it."""
    member = await tx.people.member(str(principal.member.id)) or principal.member
    public = {one.id for one in await tx.people.departments() if one.visibility is Visibility.TENANT}
    if not version.scope <= member.departments | public:
        raise Denied(f"You may not read every source of version {version.number}.")
    asked = await tx.questions.question(kept.asked)
    if asked is not None and asked.asker == member.id:
        raise Denied("Somebody else has to check the answer to your own question.")


async def _put_in_force(
    tx: Transaction, principal: Principal, wanted: Return, earlier: _Earlier, passages: Sequence[Embedded]
) -> Article:
    kept = earlier.kept
    former = await tx.questions.latest_answer(kept.asked)
    if former is None:
        raise Conflict(f"The question behind article {kept.id} has lost its answer; ask it again.")
    approval = Approval(principal.member.id, principal.member.name, tx.now)
    answer = replace(
        former,
        id=AnswerId(uuid4()),
        version=former.version + 1,
        status=AnswerStatus.PUBLISHED,
        text=earlier.text,
        citations=earlier.citations,
        scope=earlier.version.scope,
        article=kept.id,
        approval=approval,
        withdrawn="",
    )
    await tx.questions.settle(former.id, to=AnswerStatus.DRAFT)
    await tx.questions.save_answer(answer)
    days = next(one.article_days for one in await tx.people.departments() if one.id == kept.department)
    article = replace(
        kept,
        version=kept.version + 1,
        status=ArticleStatus.LIVE,
        text=earlier.text,
        answer=answer.id,
        scope=answer.scope,
        sources=answer.scope,
        widened=frozenset(),
        approval=approval,
        expires_at=tx.now + timedelta(days=days),
        citations=answer.citations,
        note=f"Rolled back to version {wanted.to}: {wanted.reason}",
    )
    await follow_up(tx, await tx.articles.save(article, wordings=(), passages=passages))
    await schedule_renewal(tx, article)
    await tx.emit(AnswerPublished(answer.question, answer.id))
    await tx.records.audit(
        AuditEntry(
            actor=principal.member.id,
            action="article.rolled_back",
            subject=f"article {kept.id}",
            details=(
                ("version", str(article.version)),
                ("to", str(wanted.to)),
                ("reason", wanted.reason),
            ),
        )
    )
    return article

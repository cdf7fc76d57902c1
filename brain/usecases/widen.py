"""Let more people read an approved answer than may read its sources: an explicit, audited act."""

from dataclasses import dataclass, replace

from brain.domain.answer import Approval
from brain.domain.article import Article, ArticleStatus
from brain.domain.errors import Conflict, Denied, Missing, Rejected
from brain.domain.identity import DepartmentId, Principal, Role, Visibility
from brain.domain.knowledge import ArticleId
from brain.domain.records import AuditEntry
from brain.ports import Store, Transaction
from brain.usecases.permission import article_kept_by
from brain.usecases.refusals import refusals_audited

EVERYONE = "everyone"


@dataclass(frozen=True, slots=True)
class Widening:
    """`to` is a department's slug, or everyone in the tenant."""

    article: ArticleId
    to: str
    reason: str


async def widen(store: Store, principal: Principal, wanted: Widening) -> Article:
    """A new version that says the same, on the word of an admin of every department that it rests on.

    Its new readers get the text; what it quotes stays with those who may read that.
    """
    reason = wanted.reason.replace("\x00", "").strip()
    if not reason:
        raise Rejected("Say why more people are to read it.")
    async with (
        refusals_audited(
            store, principal, "article.widen", f"article {wanted.article}", details=(("to", wanted.to),)
        ),
        store.transaction(principal.tenant) as tx,
    ):
        kept = await _own(tx, principal, wanted.article)
        widened = await _widened(tx, kept, wanted.to)
        article = replace(
            widened,
            version=kept.version + 1,
            approval=Approval(principal.member.id, principal.member.name, tx.now),
            note=f"Widened to {wanted.to}: {reason}",
        )
        await tx.articles.widen(article)
        await tx.records.audit(
            AuditEntry(
                actor=principal.member.id,
                action="article.widened",
                subject=f"article {kept.id}",
                details=(("version", str(article.version)), ("to", wanted.to), ("reason", reason)),
            )
        )
        return article


async def _own(tx: Transaction, principal: Principal, id_: ArticleId) -> Article:
    kept = await article_kept_by(tx, principal, id_)
    member = await tx.people.member(str(principal.member.id))
    if member is None or not all(member.may(Role.ADMIN, source) for source in kept.sources):
        raise Denied("This needs the role admin in every department that the article rests on.")
    if kept.status is not ArticleStatus.LIVE:
        raise Conflict(f"Article {id_} is {kept.status}: only what is in force can be widened.")
    return kept


async def _widened(tx: Transaction, kept: Article, to: str) -> Article:
    departments = await tx.people.departments()
    public = frozenset(one.id for one in departments if one.visibility is Visibility.TENANT)
    if kept.readable_by(public):
        raise Rejected(f"Everyone may read article {kept.id} already.")
    if to == EVERYONE:
        return replace(kept, scope=frozenset[DepartmentId](), widened=frozenset())
    chosen = next((one for one in departments if one.slug == to), None)
    if chosen is None:
        known = ", ".join(sorted(one.slug for one in departments))
        raise Missing(f"There is no department {to!r}; there is {known}, or `{EVERYONE}`.")
    if kept.readable_by(public | {chosen.id}):
        raise Rejected(f"Those in {chosen.name} may read article {kept.id} already.")
    return replace(kept, widened=kept.widened | {chosen.id})

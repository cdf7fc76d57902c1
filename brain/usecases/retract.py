"""Take an article back, and every answer that it gave."""

from brain.domain.article import Article, ArticleStatus
from brain.domain.change import Cause
from brain.domain.errors import Conflict, Rejected
from brain.domain.identity import Principal
from brain.domain.knowledge import ArticleId
from brain.domain.records import AuditEntry
from brain.ports import Store
from brain.usecases.permission import article_kept_by
from brain.usecases.refusals import refusals_audited
from brain.usecases.withdraw import follow_up


async def retract(store: Store, principal: Principal, article: ArticleId, *, reason: str) -> Article:
    why = reason.replace("\x00", "").strip()
    if not why:
        raise Rejected("Say why it is retracted, for those who were given it.")
    async with (
        refusals_audited(store, principal, "article.retract", f"article {article}"),
        store.transaction(principal.tenant) as tx,
    ):
        kept = await article_kept_by(tx, principal, article)
        if kept.status is ArticleStatus.RETRACTED:
            raise Conflict(f"Article {article} was retracted before.")
        await follow_up(tx, await tx.articles.withdraw(article, Cause.RETRACTED, reason=why))
        await tx.records.audit(
            AuditEntry(
                actor=principal.member.id,
                action="article.retracted",
                subject=f"article {article}",
                details=(("version", str(kept.version)), ("reason", why)),
            )
        )
        return await tx.articles.article(article, lock=False) or kept

"""Ask whether an article still holds before its time is over, stop serving it once it is, and ask again."""

from datetime import timedelta

from brain.domain.article import Article, ArticleStatus
from brain.domain.change import Cause
from brain.domain.events import ArticleFellDue
from brain.domain.identity import TenantId
from brain.domain.knowledge import ArticleId
from brain.domain.review import Occasion
from brain.ports import Store, Transaction
from brain.usecases.request_review import request_renewal
from brain.usecases.withdraw import follow_up


async def renew(store: Store, tenant: TenantId, article: ArticleId) -> None:
    """Does what is due now, and nothing where the article was confirmed, or retracted, meanwhile."""
    async with store.transaction(tenant) as tx:
        kept = await tx.articles.article(article, lock=True)
        if kept is None or kept.status is ArticleStatus.RETRACTED:
            return
        over = tx.now >= kept.expires_at
        if kept.status is ArticleStatus.SUSPENDED:
            if await tx.reviews.assignments.about(article) is None:
                await request_renewal(tx, kept, Occasion.EXPIRED if over else Occasion.CHANGED, waiting=())
        elif over:
            await follow_up(tx, await tx.articles.withdraw(article, Cause.EXPIRED, reason=""))
        elif tx.now >= kept.notice_at:
            await request_renewal(tx, kept, Occasion.EXPIRING, waiting=())
            await _look_again(tx, kept, after=kept.expires_at - tx.now)


async def schedule_renewal(tx: Transaction, article: Article) -> None:
    """For a version that was just approved; what was scheduled for former ones finds nothing to do."""
    await _look_again(tx, article, after=article.notice_at - tx.now)


async def _look_again(tx: Transaction, article: Article, *, after: timedelta) -> None:
    await tx.emit(ArticleFellDue(article.id), after_s=max(0.0, after.total_seconds()) + 1)

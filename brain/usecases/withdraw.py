"""Follow up on what is no longer served: those who were told hear of it, and reviewers are asked again."""

from brain.domain.change import Cause, Withdrawn
from brain.domain.events import AnswerRetracted, AnswerSuspended
from brain.domain.review import Occasion
from brain.ports import Transaction
from brain.usecases.request_review import request_renewal

_OCCASION = {
    Cause.CHANGED: Occasion.CHANGED,
    Cause.GONE: Occasion.GONE,
    Cause.RESTRICTED: Occasion.RESTRICTED,
    Cause.EXPIRED: Occasion.EXPIRED,
    Cause.REPLACED: Occasion.CHANGED,
    Cause.RETRACTED: Occasion.GONE,
}


async def follow_up(tx: Transaction, withdrawn: Withdrawn) -> None:
    """In the transaction that withdrew it, so that neither can be without the other."""
    for one in withdrawn.answers:
        event = AnswerRetracted if one.retracted else AnswerSuspended
        await tx.emit(event(one.question, one.answer))
    for id_ in withdrawn.articles:
        article = await tx.articles.article(id_, lock=False)
        if article is not None:
            waiting = [one.question for one in withdrawn.answers if one.article == id_]
            await request_renewal(tx, article, _OCCASION[withdrawn.cause], waiting=waiting)

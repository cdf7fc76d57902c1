"""End a review that nobody decided in time; those who wait are told whom to ask instead."""

from dataclasses import replace
from datetime import timedelta

from brain.domain.answer import AnswerStatus
from brain.domain.events import ArticleFellDue, ReviewExpired
from brain.domain.review import Move, ReviewCase, ReviewStatus
from brain.ports import Transaction
from brain.usecases.assign import take_turn

# What only the review could have brought forward. An answer that is out stays out.
_HELD = frozenset({AnswerStatus.IN_REVIEW, AnswerStatus.ABSTAINED, AnswerStatus.SUSPENDED})

# Then the reviewers of an article are asked once more: else it would stay suspended, and nobody's.
ASKED_AGAIN_AFTER = timedelta(days=7)


async def expire(tx: Transaction, case: ReviewCase, move: Move) -> None:
    """Never approves by itself: what nobody checked stays unsaid."""
    for question, _ in case.questions:
        answer = await tx.questions.latest_answer(question)
        if answer is not None and answer.status in _HELD:
            await tx.questions.settle(answer.id, to=AnswerStatus.EXPIRED)
    ended = replace(case.review, status=ReviewStatus.EXPIRED, rings_at=None)
    await take_turn(tx, case, ended, replace(move, member=case.review.assignee))
    await tx.emit(ReviewExpired(case.review.id, case.answer.id))
    if case.review.article is not None:
        await tx.emit(ArticleFellDue(case.review.article), after_s=ASKED_AGAIN_AFTER.total_seconds())

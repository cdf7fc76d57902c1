"""Move a review along when its clock rings: remind, hand on, hand to the owner, expire."""

from dataclasses import replace
from datetime import timedelta

from brain.domain.assignment import next_move
from brain.domain.clock import Step, moment_after
from brain.domain.identity import TenantId
from brain.domain.review import ReviewId, ReviewStatus
from brain.ports import Store
from brain.usecases.assign import ring_later, roster, take_turn, wind
from brain.usecases.expire import expire


async def keep_time(store: Store, tenant: TenantId, review: ReviewId) -> None:
    """Does nothing where the review was decided, or where this ring was heard before: safe to repeat."""
    async with store.transaction(tenant) as tx:
        case = await tx.reviews.case(review, lock=True)
        if case is None or case.review.status is not ReviewStatus.OPEN:
            return
        if case.review.rings_at is None or tx.now < case.review.rings_at:
            return
        everybody = await roster(tx)
        clock = everybody.department(case.review.department).clock
        at_work = moment_after(tx.now, timedelta(), clock.working_hours)
        if at_work > tx.now:
            # Late, after a halt of the machine: nobody is disturbed outside their hours.
            later = replace(case.review, rings_at=at_work)
            await ring_later(tx, later)
            await tx.reviews.assignments.save(later, None)
            return
        step = case.review.next_step
        move = next_move(case, everybody, step)
        if step is Step.EXPIRE:
            await expire(tx, case, move)
        else:
            wound = await wind(tx, case.review, clock, step=Step(step + 1))
            await take_turn(tx, case, wound, move)

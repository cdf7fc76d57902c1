"""Hand a review on: its reviewer says "not for me", or is away."""

from dataclasses import replace

from brain.domain.assignment import handed_on
from brain.domain.errors import Conflict, Denied, Missing
from brain.domain.identity import Member, Principal
from brain.domain.review import MoveKind, ReviewCase, ReviewStatus, looks_after
from brain.ports import Store, Transaction
from brain.usecases.assign import roster, take_turn


async def pass_on(store: Store, principal: Principal, number: int, *, reason: str) -> ReviewCase:
    """To the next reviewer, or from the last one to the owner. The clock runs on, for those who wait."""
    async with store.transaction(principal.tenant) as tx:
        member = await tx.people.member(str(principal.member.id))
        case = await tx.reviews.case(number, lock=True)
        if member is None or case is None or not looks_after(case.review, member):
            raise Missing(f"There is no review {number} that you may see.")
        if case.review.status is not ReviewStatus.OPEN:
            raise Conflict(f"Review {number} is {case.review.status}; there is nothing to pass on.")
        if case.review.assignee != member.id:
            raise Denied(f"Review {number} is with {case.assigned_to or 'nobody'}, not with you.")
        if not await _moved(tx, case, by=member, reason=reason):
            raise Conflict(
                f"Nobody else can take review {number}: decide it, or it expires"
                f" on {case.review.due_at:%Y-%m-%d %H:%M} UTC and those who wait are told whom to ask."
            )
        return await tx.reviews.case(number, lock=False) or case


async def hand_on_all(tx: Transaction, member: Member, *, reason: str) -> list[int]:
    """What the member, who is away by now, has open; the numbers of what somebody else could take."""
    moved = []
    for listed in await tx.reviews.cases(departments=member.departments, open_only=True):
        if listed.review.assignee != member.id:
            continue
        case = await tx.reviews.case(listed.review.id, lock=True)
        still = case is not None and case.review.status is ReviewStatus.OPEN
        if case is not None and still and await _moved(tx, case, by=member, reason=reason):
            moved.append(case.review.number)
    return sorted(moved)


async def _moved(tx: Transaction, case: ReviewCase, *, by: Member, reason: str) -> bool:
    move = handed_on(case, await roster(tx))
    if move is None:
        return False
    passed = replace(move, kind=MoveKind.PASSED, by=by.id, reason=reason)
    await take_turn(tx, case, case.review, passed, actor=by.id)
    return True

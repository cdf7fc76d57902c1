"""Make it somebody's turn: shared by the use cases that open a review and move it along."""

from dataclasses import replace

from brain.domain.assignment import Roster
from brain.domain.clock import Clock, Step
from brain.domain.events import Event, ReviewClockRang, ReviewHandedOn, ReviewReminded
from brain.domain.identity import MemberId
from brain.domain.records import AuditEntry
from brain.domain.review import Move, MoveKind, Review, ReviewCase
from brain.ports import Transaction


async def roster(tx: Transaction) -> Roster:
    members = await tx.people.members()
    departments = await tx.people.departments()
    return Roster(members, departments, await tx.reviews.assignments.load(), tx.now)


async def wind(tx: Transaction, review: Review, clock: Clock, *, step: Step) -> Review:
    """Set the clock for `step`. What rings before that finds it is not due, and does nothing."""
    wound = replace(
        review,
        next_step=step,
        rings_at=clock.next_at(tx.now, step),
        due_at=clock.expires_at(tx.now, step),
    )
    await ring_later(tx, wound)
    return wound


async def ring_later(tx: Transaction, review: Review) -> None:
    if review.rings_at is not None:
        after_s = (review.rings_at - tx.now).total_seconds()
        await tx.emit(ReviewClockRang(review.id), after_s=after_s)


async def take_turn(
    tx: Transaction, case: ReviewCase, review: Review, move: Move, *, actor: MemberId | None = None
) -> None:
    """Write the move down, and tell whoever delivers messages. `review` is how it stands after the move."""
    await tx.reviews.assignments.save(replace(review, assignee=move.member), move)
    if (event := _told(review, move)) is not None:
        await tx.emit(event)
    if move.kind is not MoveKind.ASSIGNED:
        details = (("member", str(move.member)),) if move.member else ()
        subject = f"review {case.review.number}"
        await tx.records.audit(AuditEntry(actor, f"review.{move.kind.value}", subject, details))


def _told(review: Review, move: Move) -> Event | None:
    if move.member is None:
        return None
    match move.kind:
        case MoveKind.REMINDED:
            return ReviewReminded(review.id, move.member)
        case MoveKind.HANDED_ON | MoveKind.PASSED | MoveKind.TO_OWNER:
            return ReviewHandedOn(review.id, move.member)
        case _:
            return None

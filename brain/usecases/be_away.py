"""Say that a member is away, or back: who is away gets no reviews, and hands on those they have."""

from dataclasses import dataclass, replace
from datetime import datetime

from brain.domain.errors import Denied, Missing, Rejected
from brain.domain.identity import Member, Principal, Role
from brain.domain.records import AuditEntry
from brain.ports import Store, Transaction
from brain.usecases.hand_on import hand_on_all


@dataclass(frozen=True, slots=True)
class Away:
    """`handed_on` numbers the reviews that somebody else has now; `kept` those that nobody could take."""

    member: Member
    handed_on: tuple[int, ...] = ()
    kept: tuple[int, ...] = ()


async def be_away(store: Store, principal: Principal, handle: str, *, until: datetime) -> Away:
    async with store.transaction(principal.tenant) as tx:
        member = await _concerned(tx, principal, handle)
        if until <= tx.now:
            raise Rejected(f"{until:%Y-%m-%d %H:%M %Z} is over; give a time that is to come.")
        away = replace(member, absent_until=until)
        await tx.people.save_member(away)
        moved = await hand_on_all(tx, away, reason=f"{member.name} is away")
        kept = [
            one.review.number
            for one in await tx.reviews.cases(departments=away.departments, open_only=True)
            if one.review.assignee == away.id
        ]
        await tx.records.audit(
            AuditEntry(
                principal.member.id, "member.away", f"member {member.id}", (("until", until.isoformat()),)
            )
        )
    return Away(away, tuple(moved), tuple(sorted(kept)))


async def be_back(store: Store, principal: Principal, handle: str) -> Member:
    async with store.transaction(principal.tenant) as tx:
        member = await _concerned(tx, principal, handle)
        back = replace(member, absent_until=None)
        await tx.people.save_member(back)
        await tx.records.audit(AuditEntry(principal.member.id, "member.back", f"member {member.id}"))
    return back


async def _concerned(tx: Transaction, principal: Principal, handle: str) -> Member:
    """Oneself, or a member of a department in which the principal is admin."""
    speaker = await tx.people.member(str(principal.member.id))
    member = await tx.people.member(handle)
    if speaker is None or speaker.disabled_at is not None:
        raise Denied("Your account is disabled.")
    own = member is not None and member.id == speaker.id
    if not own and not speaker.is_admin():
        raise Denied("Only admins may say this of somebody else.")
    if member is None:
        raise Missing(f"There is no member {handle!r}.")
    if not own and not any(speaker.may(Role.ADMIN, one) for one in member.roles):
        raise Denied(f"This needs the role admin in a department of {member.handle}.")
    if member.disabled_at is not None:
        raise Rejected(f"{member.handle} is disabled.")
    return member

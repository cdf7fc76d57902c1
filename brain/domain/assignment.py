"""Whose turn it is: which member a review goes to next, and whom to ask where nobody decided it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from brain.domain.clock import Step
from brain.domain.identity import Department, DepartmentId, Member, MemberId, Role
from brain.domain.review import Move, MoveKind, ReviewCase, objection


@dataclass(frozen=True, slots=True)
class Roster:
    """Everybody there is, and how many open reviews each of them has."""

    members: Sequence[Member]
    departments: Sequence[Department]
    load: Mapping[MemberId, int]
    now: datetime

    def department(self, id_: DepartmentId) -> Department:
        return next(one for one in self.departments if one.id == id_)


def opening(case: ReviewCase, roster: Roster) -> Move:
    """Who gets a review first."""
    member = next_reviewer(case, roster) or owner(case, roster)
    return Move(MoveKind.ASSIGNED, roster.now, member.id if member else None)


def next_move(case: ReviewCase, roster: Roster, step: Step) -> Move:
    """What is done at this step, as things are now: where it cannot be done, the next one is."""
    if step is Step.EXPIRE:
        return Move(MoveKind.EXPIRED, roster.now)
    still = next((one for one in roster.members if one.id == case.review.assignee), None)
    reminded = Move(MoveKind.REMINDED, roster.now, case.review.assignee)
    able = still is not None and _able(still, case, roster)
    if able and step is Step.REMIND:
        return reminded
    found = handed_on(case, roster, to_owner=step is Step.OWNER)
    if found is not None:
        return found
    return reminded if able else Move(MoveKind.TO_OWNER, roster.now)


def handed_on(case: ReviewCase, roster: Roster, *, to_owner: bool = False) -> Move | None:
    """To the next reviewer who has not had it yet, else to the owner; None where there is nobody else."""
    reviewer = None if to_owner else next_reviewer(case, roster)
    if reviewer is not None:
        return Move(MoveKind.HANDED_ON, roster.now, reviewer.id)
    last = owner(case, roster)
    if last is None or last.id == case.review.assignee:
        return None
    return Move(MoveKind.TO_OWNER, roster.now, last.id)


def next_reviewer(case: ReviewCase, roster: Roster) -> Member | None:
    """The one with the fewest open reviews; of several, the first by handle."""
    had = {move.member for move in case.history} | {case.review.assignee}
    fitting = [
        one
        for one in roster.members
        if one.id not in had and one.may(Role.REVIEWER, case.review.department) and _able(one, case, roster)
    ]
    return min(fitting, key=lambda one: (roster.load.get(one.id, 0), one.handle), default=None)


def owner(case: ReviewCase, roster: Roster) -> Member | None:
    """Whom the department names; where they cannot see to it, an admin, with the fewest open reviews."""
    department = roster.department(case.review.department)
    fitting = [one for one in roster.members if _could_own(one, case, roster)]
    return min(
        fitting,
        key=lambda one: (one.handle != department.owner, roster.load.get(one.id, 0), one.handle),
        default=None,
    )


def who_to_ask(
    department: Department, members: Sequence[Member], *, asker: MemberId, now: datetime
) -> list[Member]:
    """The owner and the reviewers who are there; else those who are away; else the admins."""

    def named(one: Member) -> bool:
        return one.handle == department.owner or one.may(Role.REVIEWER, department.id)

    others = [one for one in members if one.id != asker and one.disabled_at is None]
    asked = [one for one in others if named(one)]
    there = [one for one in asked if one.is_there(now)]
    found = there or asked or [one for one in others if one.may(Role.ADMIN, department.id)]
    return sorted(found, key=lambda one: (one.handle != department.owner, one.name))


def _able(member: Member, case: ReviewCase, roster: Roster) -> bool:
    return member.is_there(roster.now) and objection(case, member, roster.departments) is None


def _could_own(member: Member, case: ReviewCase, roster: Roster) -> bool:
    """As `_able`, once it is theirs: an admin may decide what has been handed to them."""
    named = member.handle == roster.department(case.review.department).owner
    if not (named or member.may(Role.ADMIN, case.review.department)):
        return False
    theirs = replace(case, review=replace(case.review, assignee=member.id))
    return _able(member, theirs, roster)

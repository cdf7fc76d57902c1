"""Whose turn a review is: the fewest reviews first, never an asker, never somebody away, the owner last."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

from hypothesis import given
from hypothesis import strategies as st

from brain.domain.answer import Answer, AnswerId, AnswerStatus
from brain.domain.assignment import Roster, handed_on, next_move, opening, who_to_ask
from brain.domain.clock import Step
from brain.domain.identity import Department, DepartmentId, Member, MemberId, Role, Visibility
from brain.domain.question import QuestionId
from brain.domain.review import Move, MoveKind, Review, ReviewCase, ReviewId, ReviewStatus, objection

NOW = datetime(2026, 11, 18, 9, tzinfo=UTC)
SPACE = UUID(int=7)
IT = DepartmentId(uuid5(SPACE, "it"))
PAYROLL = DepartmentId(uuid5(SPACE, "payroll"))
DEPARTMENTS = (
    Department(IT, "it", "IT"),
    Department(PAYROLL, "payroll", "Payroll", visibility=Visibility.DEPARTMENT),
)
REVIEWER = frozenset({Role.REVIEWER})
ADMIN = frozenset({Role.ADMIN})


def _member(handle: str, roles: frozenset[Role] = REVIEWER, *, also: DepartmentId | None = None) -> Member:
    held = {IT: roles} | ({also: frozenset({Role.ASKER})} if also else {})
    return Member(MemberId(uuid5(SPACE, handle)), handle, handle.title(), roles=held)


ADA, BO, CY, OZ = _member("ada"), _member("bo"), _member("cy"), _member("oz", ADMIN)


def _case(*askers: Member, assignee: Member | None = None, had: tuple[Member, ...] = ()) -> ReviewCase:
    answer = Answer(
        id=AnswerId(uuid5(SPACE, "answer")),
        question=QuestionId(uuid5(SPACE, "question")),
        department=IT,
        status=AnswerStatus.IN_REVIEW,
        text="42",
        citations=(),
        confidence=0.4,
        reasons=(),
        model="m",
        prompt_hash="",
        scope=frozenset({IT}),
    )
    review = Review(
        id=ReviewId(uuid5(SPACE, "review")),
        number=1,
        question=answer.question,
        answer=answer.id,
        department=IT,
        status=ReviewStatus.OPEN,
        shown_hash=answer.shown_hash,
        opened_at=NOW,
        due_at=NOW + timedelta(hours=24),
        assignee=assignee.id if assignee else None,
    )
    return ReviewCase(
        review=review,
        question="?",
        asked_by="Amira",
        answer=answer,
        askers=frozenset(one.id for one in askers),
        history=tuple(Move(MoveKind.HANDED_ON, NOW, one.id) for one in had),
    )


def _roster(*members: Member, load: Mapping[MemberId, int] | None = None, owner: str = "") -> Roster:
    departments = (replace(DEPARTMENTS[0], owner=owner), DEPARTMENTS[1])
    return Roster(members, departments, load or {}, NOW)


def _away(member: Member, hours: float = 1) -> Member:
    return replace(member, absent_until=NOW + timedelta(hours=hours))


def test_the_one_with_the_fewest_reviews_comes_first_then_the_alphabet() -> None:
    assert opening(_case(), _roster(CY, BO, ADA)).member == ADA.id
    assert opening(_case(), _roster(CY, BO, ADA, load={ADA.id: 2, BO.id: 1, CY.id: 1})).member == BO.id


def test_askers_absent_disabled_and_strangers_are_left_out() -> None:
    disabled = replace(CY, disabled_at=NOW)
    stranger = Member(MemberId(uuid5(SPACE, "eve")), "eve", "Eve", roles={PAYROLL: REVIEWER})
    assert opening(_case(ADA), _roster(ADA, _away(BO), disabled, stranger)).member is None
    assert opening(_case(ADA), _roster(ADA, _away(BO, -1), disabled, stranger)).member == BO.id


def test_who_may_not_read_the_sources_is_left_out() -> None:
    closed = replace(_case(), answer=replace(_case().answer, scope=frozenset({IT, PAYROLL})))
    dan = _member("dan", also=PAYROLL)
    assert opening(closed, _roster(ADA, BO, dan)).member == dan.id


def test_at_half_time_the_reviewer_is_reminded_or_replaced() -> None:
    case = _case(assignee=ADA)
    assert next_move(case, _roster(ADA, BO), Step.REMIND) == Move(MoveKind.REMINDED, NOW, ADA.id)
    assert next_move(case, _roster(_away(ADA), BO), Step.REMIND) == Move(MoveKind.HANDED_ON, NOW, BO.id)


def test_then_the_next_one_who_has_not_had_it() -> None:
    case = _case(assignee=BO, had=(ADA, BO))
    assert next_move(case, _roster(ADA, BO, CY), Step.HAND_ON).member == CY.id
    assert next_move(case, _roster(ADA, BO, OZ), Step.HAND_ON) == Move(MoveKind.TO_OWNER, NOW, OZ.id)


def test_then_the_owner_who_is_named_or_an_admin() -> None:
    case = _case(assignee=ADA)
    assert next_move(case, _roster(ADA, BO, OZ), Step.OWNER).member == OZ.id
    assert next_move(case, _roster(ADA, BO, OZ, owner="bo"), Step.OWNER).member == BO.id
    assert next_move(case, _roster(ADA, _away(BO), OZ, owner="bo"), Step.OWNER).member == OZ.id


def test_the_owner_who_has_it_already_is_reminded() -> None:
    assert next_move(_case(assignee=OZ), _roster(ADA, OZ), Step.OWNER) == Move(MoveKind.REMINDED, NOW, OZ.id)
    assert next_move(_case(assignee=ADA), _roster(ADA), Step.OWNER) == Move(MoveKind.REMINDED, NOW, ADA.id)


def test_where_nobody_is_left_the_clock_still_runs_to_its_end() -> None:
    for step in (Step.REMIND, Step.HAND_ON, Step.OWNER):
        assert next_move(_case(assignee=ADA), _roster(_away(ADA)), step).member is None
    assert next_move(_case(), _roster(), Step.EXPIRE).kind is MoveKind.EXPIRED


def test_the_last_one_passes_to_the_owner_even_if_that_one_passed_before() -> None:
    both = _member("oz", REVIEWER | ADMIN)
    move = handed_on(_case(assignee=ADA, had=(both, ADA)), _roster(ADA, both))
    assert move == Move(MoveKind.TO_OWNER, NOW, both.id)
    assert handed_on(_case(assignee=both, had=(both, ADA)), _roster(ADA, both)) is None


def test_an_admin_may_decide_what_was_handed_to_them_and_nothing_else() -> None:
    assert objection(_case(), OZ, DEPARTMENTS) is not None
    assert objection(_case(assignee=ADA), OZ, DEPARTMENTS) is not None
    assert objection(_case(assignee=OZ), OZ, DEPARTMENTS) is None
    assert objection(_case(OZ, assignee=OZ), OZ, DEPARTMENTS) is not None


def test_whom_to_ask_names_the_owner_first_and_never_the_asker() -> None:
    department = replace(DEPARTMENTS[0], owner="oz")

    def named(*members: Member) -> list[str]:
        return [one.name for one in who_to_ask(department, members, asker=ADA.id, now=NOW)]

    assert named(ADA, BO, CY, OZ) == ["Oz", "Bo", "Cy"]
    assert named(ADA, _away(BO), CY) == ["Cy"]
    assert named(ADA, _away(BO)) == ["Bo"], "who is away is better than nobody"
    assert named(ADA, _member("max", ADMIN)) == ["Max"]
    assert named(ADA) == []


PEOPLE = st.lists(
    st.builds(
        lambda handle, roles, away, gone: replace(
            _member(handle, roles),
            absent_until=NOW + timedelta(hours=1) if away else None,
            disabled_at=NOW if gone else None,
        ),
        st.sampled_from("abcdefgh"),
        st.sampled_from((REVIEWER, ADMIN, REVIEWER | ADMIN, frozenset({Role.ASKER}))),
        st.booleans(),
        st.booleans(),
    ),
    unique_by=lambda one: one.handle,
)


@given(PEOPLE, st.data())
def test_a_review_never_goes_to_somebody_who_may_not_decide_it(
    people: list[Member], data: st.DataObject
) -> None:
    """Whoever has it next is there and may decide it; passed on to the end, it visits nobody in circles."""
    askers = data.draw(st.lists(st.sampled_from(people))) if people else []
    load = {one.id: data.draw(st.integers(0, 3)) for one in people}
    roster = Roster(people, DEPARTMENTS, load, NOW)
    case, turns = _case(*askers), []
    move: Move | None = opening(case, roster)
    while move is not None and move.member is not None:
        turns.append(move)
        review = replace(case.review, assignee=move.member)
        case = replace(case, review=review, history=(*case.history, move))
        member = next(one for one in people if one.id == move.member)
        assert member.is_there(NOW)
        assert objection(case, member, DEPARTMENTS) is None
        assert len(turns) <= len(people) + 1
        if move.kind is MoveKind.TO_OWNER:
            break
        move = handed_on(case, roster)
    reviewers = [turn.member for turn in turns if turn.kind is MoveKind.HANDED_ON]
    assert len(set(reviewers)) == len(reviewers)

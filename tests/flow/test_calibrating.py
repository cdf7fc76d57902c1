"""A department's threshold, chosen on what people said of its answers."""

from dataclasses import replace
from uuid import uuid4

import pytest
from sqlalchemy import text

from brain.domain.answer import Answer, AnswerId, AnswerStatus
from brain.domain.confidence import Calibration, Regression, Signals, numeric
from brain.domain.errors import Denied, Missing, Rejected
from brain.domain.guarantee import Promise
from brain.domain.identity import DepartmentId, Thresholds
from brain.domain.question import QuestionId
from brain.domain.review import VerdictKind
from brain.usecases.accept import Asking
from brain.usecases.calibrate import Calibrate
from brain.usecases.decide import Judgement
from brain.usecases.give_feedback import give_feedback
from brain.usecases.load_departments import DepartmentFile, load_departments
from brain.usecases.read import review
from brain.usecases.retract import retract
from tests.conftest import World

# One signal, and the chance that it stands for.
SIMPLE = Calibration(Regression(0.0, (("meaning", 4.0),)), Regression(0.0, ()))
PROMISE = Promise(risk=0.2, sure=0.9)
VPN = "# VPN\n\nThe VPN gateway is vpn.northlight.example, port 51820."


async def _answered(world: World, count: int, *, meaning: float, status: AnswerStatus) -> list[QuestionId]:
    """So many answers of one confidence, as `ask` saves them."""
    made = []
    department = DepartmentId(world.departments["it-ops"].id)
    for number in range(count):
        question = await world.accept(world.people["amira"], Asking(f"Question {meaning} {number}?"))
        signals = numeric(Signals(meaning=meaning))
        answer = Answer(
            id=AnswerId(uuid4()),
            question=question,
            department=department,
            status=status,
            text="Port 51820.",
            citations=(),
            confidence=SIMPLE.chance(signals),
            reasons=(),
            model="extractive",
            prompt_hash="",
            scope=frozenset((department,)),
            signals=signals,
        )
        async with world.store.transaction(world.tenant) as tx:
            assert await tx.questions.save_answer(answer)
        made.append(question)
    return made


async def _opinions(world: World, questions: list[QuestionId], *, helpful: bool) -> None:
    for question in questions:
        await give_feedback(world.store, world.people["amira"], question, helpful=helpful)


async def test_a_threshold_that_verdicts_allow_is_put_in_force_and_taken_back(world: World) -> None:
    calibrate, ravi = Calibrate(world.store, SIMPLE), world.people["ravi"]
    sure = await _answered(world, 30, meaning=0.5, status=AnswerStatus.PUBLISHED)
    unsure = await _answered(world, 10, meaning=0.1, status=AnswerStatus.PUBLISHED)
    assert (await calibrate.propose(ravi, "it-ops", PROMISE)).chosen.missing == 11
    await _opinions(world, sure, helpful=True)
    await _opinions(world, unsure, helpful=False)

    proposed = await calibrate.propose(ravi, "it-ops", PROMISE)
    assert proposed.chosen.publish == 0.88  # 1 / (1 + e ** -2)
    assert (proposed.chosen.judged, proposed.chosen.wrong, proposed.chosen.share) == (30, 0, 0.75)
    assert proposed.department.thresholds == Thresholds()

    applied = await calibrate.apply(ravi, "it-ops", PROMISE)
    assert applied.department.thresholds == Thresholds(0.88, filed=0.72)
    # A file that is read again, with another threshold, does not undo it.
    told = replace(world.departments["it-ops"], thresholds=Thresholds(0.6, 0.2))
    await load_departments(world.store, world.tenant, [DepartmentFile(told, ())])
    assert (await calibrate.propose(ravi, "it-ops", PROMISE)).department.thresholds == Thresholds(
        0.88, 0.2, filed=0.6
    )
    assert (await calibrate.reset(ravi, "it-ops")).thresholds == Thresholds(0.6, 0.2)
    async with world.store.transaction(world.tenant) as tx:
        trail = await tx.connection.execute(
            text("SELECT details FROM audit WHERE action = 'department.calibrated' ORDER BY sequence")
        )
        assert [dict(row.details)["publish"] for row in trail] == ["0.72 to 0.88", "0.88 to 0.6"]


async def test_a_reviewers_verdict_counts_as_they_gave_it(world: World) -> None:
    await world.reads("vpn.md", VPN)
    async with world.store.transaction(world.tenant) as tx:
        await tx.people.save_department(
            replace(world.departments["it-ops"], thresholds=Thresholds(publish=1.0, abstain=0.0))
        )
    for number, kind in enumerate((VerdictKind.APPROVE, VerdictKind.REJECT)):
        asked = await world.asks(f"Which port has the VPN gateway {'of Oslo' * number}?")
        assert asked.review is not None
        case = await review(world.store, world.people["ravi"], asked.review)
        await world.decide(
            world.people["ravi"],
            Judgement(asked.review, kind, case.review.shown_hash, reason="Not that one."),
        )
    async with world.store.transaction(world.tenant) as tx:
        past = await tx.records.past_answers(world.departments["it-ops"].id, limit=10)
    assert [one.right for one in past] == [False, True]
    again = await world.asks("Which port has the VPN gateway?")
    assert again.answer is not None
    assert again.answer.article is not None
    await retract(world.store, world.people["ravi"], again.answer.article, reason="It has moved long ago.")
    async with world.store.transaction(world.tenant) as tx:
        assert [
            one.right for one in await tx.records.past_answers(world.departments["it-ops"].id, limit=10)
        ] == [False, False]
    calibration = Calibration.load()
    assert [calibration.again(one.confidence, one.signals) for one in past] == pytest.approx(
        [one.confidence for one in past]
    )


async def test_nothing_is_changed_where_no_threshold_keeps_the_promise(world: World) -> None:
    calibrate = Calibrate(world.store, SIMPLE)
    with pytest.raises(Rejected, match="nothing was changed"):
        await calibrate.apply(world.people["ravi"], "it-ops", PROMISE)
    with pytest.raises(Denied, match="needs the role admin"):
        await calibrate.propose(world.people["rosa"], "it-ops", PROMISE)
    with pytest.raises(Missing, match="no department"):
        await calibrate.reset(world.people["ravi"], "kitchen")

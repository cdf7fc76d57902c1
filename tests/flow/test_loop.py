"""The main job, end to end: ask, cite, doubt, approve, remember."""

from brain.domain.answer import AnswerStatus
from brain.domain.review import VerdictKind
from brain.usecases.decide import Judgement
from brain.usecases.read import reply, review
from tests.conftest import RUNBOOKS, World


async def test_a_question_the_runbooks_answer_is_published_with_its_source(world: World) -> None:
    await world.reads("redis.md", (RUNBOOKS / "it-ops" / "redis-operations.md").read_text())

    got = await world.asks("How do I rotate the Redis password?")

    assert got.answer is not None
    assert got.answer.status is AnswerStatus.PUBLISHED
    assert got.answer.citations
    assert got.answer.citations[0].heading_path[-1] == "Rotate the Redis password"


async def test_what_nobody_wrote_down_is_held_for_a_person_and_remembered(world: World) -> None:
    await world.reads("redis.md", (RUNBOOKS / "it-ops" / "redis-operations.md").read_text())

    asked = await world.asks("How do I book the roof terrace for a party?")
    assert asked.answer is not None
    assert asked.answer.status is AnswerStatus.ABSTAINED
    assert asked.answer.text == ""
    assert asked.review == 1

    case = await review(world.store, world.people["ravi"], 1)
    answer = "Write to terrace@northlight.example two weeks ahead."
    await world.decide(
        world.people["ravi"], Judgement(1, VerdictKind.APPROVE, case.review.shown_hash, text=answer)
    )

    first = await reply(world.store, world.people["amira"], asked.question.id)
    assert first.answer is not None
    assert first.answer.text == answer
    again = await world.asks("How can I reserve the roof terrace for a party?", by="omar")
    assert again.answer is not None
    assert again.answer.status is AnswerStatus.PUBLISHED
    assert again.answer.text == answer
    assert again.answer.approval is not None
    assert again.answer.approval.name == "Ravi"

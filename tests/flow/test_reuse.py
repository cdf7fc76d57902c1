"""Which approved answer is served again, to which question, and to whom."""

import pytest

from brain.domain.review import VerdictKind
from brain.usecases.decide import Judgement
from brain.usecases.read import review
from tests.conftest import World

ASKED = "What is the code of the warehouse door?"


async def _approved(world: World, says: str, *, by: str, department: str) -> None:
    asked = await world.asks(ASKED, by=by, department=department)
    assert asked.review is not None
    case = await review(world.store, world.people["ravi"], asked.review)
    judgement = Judgement(asked.review, VerdictKind.APPROVE, case.review.shown_hash, text=says)
    await world.decide(world.people["ravi"], judgement)


async def _served(world: World, text: str, *, by: str, department: str | None = None) -> str | None:
    got = await world.asks(text, by=by, department=department)
    assert got.answer is not None
    return got.answer.text if got.answer.article else None


@pytest.mark.parametrize(
    "words",
    [
        ASKED,
        "what is the code of the warehouse door",
        "What's the warehouse door code?",
        "What is the code of the warehosue door?",
    ],
)
async def test_the_same_question_is_answered_from_what_was_approved(world: World, words: str) -> None:
    await _approved(world, "The code is 4711.", by="amira", department="it-ops")

    assert await _served(world, words, by="omar") == "The code is 4711."


@pytest.mark.parametrize(
    "words",
    [
        "What is the code of the front door?",
        "Who has the code of the warehouse door?",
        "What is not the code of the warehouse door?",
        "What is the code of warehouse door 2?",
    ],
)
async def test_another_question_is_not(world: World, words: str) -> None:
    await _approved(world, "The code is 4711.", by="amira", department="it-ops")

    assert await _served(world, words, by="omar") is None


async def test_where_departments_answer_differently_each_gets_their_own(world: World) -> None:
    await _approved(world, "The code is 4711.", by="amira", department="it-ops")
    await _approved(world, "The code is 0815.", by="omar", department="hr")

    assert await _served(world, ASKED, by="amira") == "The code is 4711."
    assert await _served(world, ASKED, by="omar") == "The code is 0815."
    assert await _served(world, ASKED, by="omar", department="it-ops") == "The code is 4711."
    # In both departments: nobody can tell which door is meant.
    assert await _served(world, ASKED, by="rosa") is None
    assert await _served(world, ASKED, by="rosa", department="hr") == "The code is 0815."


async def test_where_departments_answer_alike_it_does_not_matter_whose_it_is(world: World) -> None:
    await _approved(world, "The code is 4711.", by="amira", department="it-ops")
    await _approved(world, "The code is 4711.", by="omar", department="hr")

    assert await _served(world, ASKED, by="rosa") == "The code is 4711."

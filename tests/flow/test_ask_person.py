"""Who asks for a person joins those who wait for the same, as it is meant and where it belongs."""

from dataclasses import replace

from brain.domain.identity import Thresholds
from brain.usecases.ask_person import ask_person
from brain.usecases.read import review
from tests.conftest import RUNBOOKS, World

ROTATE = "How do I rotate the Redis password?"
PORT = "Which port does Sentinel use?"
FOLLOWED = "And on staging?"


async def always_sure(world: World) -> None:
    async with world.store.transaction(world.tenant) as tx:
        for slug in ("it-ops", "hr"):
            thresholds = Thresholds(publish=0.0, abstain=0.0)
            await tx.people.save_department(replace(world.departments[slug], thresholds=thresholds))
    for slug in ("it-ops", "hr"):
        await world.reads(
            f"{slug}.md", (RUNBOOKS / "it-ops" / "redis-operations.md").read_text(), department=slug
        )


async def asks_person(world: World, question: str, *, by: str, then: str = "", department: str = "") -> int:
    asked = await world.asks(question, by=by, department=department or None)
    if then:
        asked = await world.asks(then, by=by, after=asked)
    return await ask_person(world.store, world.decide.embedder, world.people[by], asked.question.id)


async def test_the_same_words_after_another_question_are_another_question(world: World) -> None:
    await always_sure(world)
    first = await asks_person(world, ROTATE, by="amira", then=FOLLOWED)
    second = await asks_person(world, PORT, by="omar", then=FOLLOWED)
    assert first != second
    case = await review(world.store, world.people["ravi"], second)
    assert case.question == f"{PORT} {FOLLOWED}"

    third = await asks_person(world, ROTATE, by="petra", then=FOLLOWED)
    assert third == first
    case = await review(world.store, world.people["ravi"], first)
    assert {text for _, text in case.questions} == {f"{ROTATE} {FOLLOWED}"}


async def test_who_asked_another_department_is_not_answered_by_this_one(world: World) -> None:
    await always_sure(world)
    first = await asks_person(world, ROTATE, by="amira", department="it-ops")
    second = await asks_person(world, ROTATE, by="omar", department="hr")
    assert first != second
    assert await asks_person(world, ROTATE, by="petra") in (first, second)

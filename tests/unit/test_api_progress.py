"""The board that watchers of a question look at."""

import asyncio
from functools import partial
from uuid import uuid4

from brain.api.progress import ProgressBoard
from brain.domain.question import QuestionId


def question() -> QuestionId:
    return QuestionId(uuid4())


async def test_steps_are_kept_in_order_until_it_is_over() -> None:
    board, one = ProgressBoard(), question()
    report = board.report(one)
    report("searching")
    report("writing")

    assert board.working(one)
    assert board.steps(one, after=0) == ("searching", "writing")
    assert board.steps(one, after=1) == ("writing",)
    board.finished(one)
    assert not board.working(one)
    assert board.steps(one, after=0) == ()


async def test_whoever_watches_is_woken_by_the_next_step_and_by_the_end() -> None:
    board, one = ProgressBoard(), question()
    for act in (partial(board.report(one), "searching"), partial(board.finished, one)):
        watching = asyncio.create_task(board.changed(one, within_s=60))
        await asyncio.sleep(0)
        act()
        await asyncio.wait_for(watching, timeout=5)


async def test_another_questions_steps_wake_nobody() -> None:
    board, one = ProgressBoard(), question()
    watching = asyncio.create_task(board.changed(one, within_s=60))
    await asyncio.sleep(0)
    board.report(question())("searching")
    await asyncio.sleep(0)

    assert not watching.done()
    watching.cancel()


async def test_what_nobody_finished_makes_room() -> None:
    board, first = ProgressBoard(), question()
    board.report(first)
    for _ in range(1_000):
        board.report(question())

    assert not board.working(first)

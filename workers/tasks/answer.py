"""Answers a question that nobody waits for, or whose waiting caller went away."""

from collections.abc import Callable

from brain.domain.events import Event, QuestionAsked
from brain.domain.identity import TenantId
from brain.domain.question import QuestionId
from brain.usecases.ask import Ask, Progress
from brain.usecases.give_up import GiveUp
from workers.executor import Handler


def answer(ask: Ask, *, report: Callable[[QuestionId], Progress]) -> Handler:
    """Safe to run twice: a question that has its answer is left as it is."""

    async def handle(tenant: TenantId, event: Event) -> None:
        question = _question(event)
        await ask(tenant, question, progress=report(question))

    return handle


def hand_over(give_up: GiveUp) -> Handler:
    """The last resort of `answer`: a person is asked."""

    async def handle(tenant: TenantId, event: Event) -> None:
        await give_up(tenant, _question(event))

    return handle


def _question(event: Event) -> QuestionId:
    if not isinstance(event, QuestionAsked):
        raise TypeError(f"`answer` acts on QuestionAsked, not on {type(event).__name__}")
    return event.question

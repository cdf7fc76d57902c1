"""Answers a question that nobody waits for, or whose waiting caller went away."""

from collections.abc import Callable

from brain.domain.events import Event, QuestionAsked
from brain.domain.identity import TenantId
from brain.domain.question import QuestionId
from brain.usecases.ask import Ask, Progress
from workers.executor import Handler


def answer(ask: Ask, *, report: Callable[[QuestionId], Progress]) -> Handler:
    """Safe to run twice: a question that has its answer is left as it is."""

    async def handle(tenant: TenantId, event: Event) -> None:
        if not isinstance(event, QuestionAsked):
            raise TypeError(f"`answer` acts on QuestionAsked, not on {type(event).__name__}")
        await ask(tenant, event.question, progress=report(event.question))

    return handle

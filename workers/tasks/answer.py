"""Answers a question that nobody waits for, or whose waiting caller went away."""

from brain.domain.events import Event, QuestionAsked
from brain.domain.identity import TenantId
from brain.usecases.ask import Ask
from workers.executor import Handler


def answer(ask: Ask) -> Handler:
    """Safe to run twice: a question that has its answer is left as it is."""

    async def handle(tenant: TenantId, event: Event) -> None:
        if not isinstance(event, QuestionAsked):
            raise TypeError(f"`answer` acts on QuestionAsked, not on {type(event).__name__}")
        await ask(tenant, event.question)

    return handle

"""Which step each question is at that this process is answering, for those who watch."""

import asyncio
from collections import OrderedDict, defaultdict

from brain.domain.question import QuestionId
from brain.usecases.ask import Progress

# Whoever reports does not say when it is over: old questions make room for new ones.
_KEPT = 1_000


class ProgressBoard:
    """Belongs to one event loop."""

    def __init__(self) -> None:
        self._steps: OrderedDict[QuestionId, list[str]] = OrderedDict()
        self._watchers: defaultdict[QuestionId, set[asyncio.Event]] = defaultdict(set)

    def report(self, question: QuestionId) -> Progress:
        """Pass the result to `Ask`: from now on the question counts as being worked on."""
        steps = self._steps.setdefault(question, [])
        self._steps.move_to_end(question)
        while len(self._steps) > _KEPT:
            self._steps.popitem(last=False)

        def progress(step: str) -> None:
            steps.append(step)
            self._awaken(question)

        return progress

    def finished(self, question: QuestionId) -> None:
        self._steps.pop(question, None)
        self._awaken(question)

    def working(self, question: QuestionId) -> bool:
        return question in self._steps

    def steps(self, question: QuestionId, *, after: int) -> tuple[str, ...]:
        return tuple(self._steps.get(question, ())[after:])

    async def changed(self, question: QuestionId, *, within_s: float) -> None:
        """Return at the question's next step, or when the time is over."""
        waker = asyncio.Event()
        self._watchers[question].add(waker)
        waiting = asyncio.ensure_future(waker.wait())
        try:
            await asyncio.wait({waiting}, timeout=within_s)
        finally:
            waiting.cancel()
            self._watchers[question].discard(waker)
            if not self._watchers[question]:
                del self._watchers[question]

    def _awaken(self, question: QuestionId) -> None:
        for waker in self._watchers.get(question, ()):
            waker.set()

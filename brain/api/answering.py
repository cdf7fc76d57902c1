"""Answers questions whose askers wait, in this process; what was begun is finished even if they hang up."""

import asyncio
from time import monotonic
from weakref import WeakValueDictionary

import structlog

from brain.api.services import Services
from brain.domain.errors import Unavailable
from brain.domain.identity import MemberId, Principal
from brain.domain.question import QuestionId
from brain.domain.reply import Reply
from brain.usecases import read

# Further questions wait for their turn; a worker takes over those that wait too long.
_AT_ONCE = 16
# Of one member, so that whoever asks a lot leaves room for others.
_AT_ONCE_EACH = 6
_POLL_S = 0.25

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Answering:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._room = asyncio.Semaphore(_AT_ONCE)
        # Each lives as long as a question of its member holds it.
        self._rooms: WeakValueDictionary[MemberId, asyncio.Semaphore] = WeakValueDictionary()
        self._running: dict[QuestionId, asyncio.Task[None]] = {}

    async def reply(self, principal: Principal, question: QuestionId, *, within_s: float) -> Reply:
        """The reply as it stands once there is an answer, or when the time is over.

        Raises `Unavailable` where the answer cannot be had now; a worker will try again.
        """
        if within_s > 0:
            elsewhere = question not in self._running and self._services.board.working(question)
            if elsewhere:
                return await self._poll(principal, question, within_s=within_s)
            await self._work(principal, question, within_s=within_s)
        return await read.reply(self._services.store, principal, question)

    async def stop(self) -> None:
        """Leave the rest to a worker: every question here is accepted, and its task waits."""
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _work(self, principal: Principal, question: QuestionId, *, within_s: float) -> None:
        if (task := self._running.get(question)) is None:
            task = asyncio.create_task(self._answer(principal, question))
            self._running[question] = task
            task.add_done_callback(lambda done: self._ended(question, done))
        # Unlike `wait_for`, this leaves the task alone when the time is over or the caller is gone.
        done, _ = await asyncio.wait({task}, timeout=within_s)
        if not done:
            return
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Unavailable):
            raise error
        if error is not None or task.cancelled():
            # The question is accepted: whatever went wrong here, a worker or a person takes it from here.
            raise Unavailable("It could not be answered at once.")

    async def _answer(self, principal: Principal, question: QuestionId) -> None:
        own = self._rooms.setdefault(principal.member.id, asyncio.Semaphore(_AT_ONCE_EACH))
        async with own, self._room:
            await self._services.ask(
                principal.tenant, question, progress=self._services.board.report(question)
            )

    def _ended(self, question: QuestionId, task: asyncio.Task[None]) -> None:
        del self._running[question]
        self._services.board.finished(question)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("ask.failed", question_id=str(question), error=type(error).__name__)

    async def _poll(self, principal: Principal, question: QuestionId, *, within_s: float) -> Reply:
        """Somebody else is at it: doing it twice would only cost twice."""
        until = monotonic() + within_s
        while True:
            reply = await read.reply(self._services.store, principal, question)
            left = until - monotonic()
            if reply.answer is not None or left <= 0:
                return reply
            await asyncio.sleep(min(_POLL_S, left))

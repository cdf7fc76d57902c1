"""Calls that come while others are being worked on wait for these, and are worked on together."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from brain.domain.errors import Unavailable

In = TypeVar("In")
Out = TypeVar("Out")


@dataclass(slots=True)
class Grouped(Generic[In, Out]):
    """`work` takes up to `most` at once and gives for each, in order, what came of it, or the error that its
    caller gets. What it raises all of them get; what takes longer than `within_s` is cancelled, and is not
    waited for: a connection to nobody takes its time to close, too."""

    work: Callable[[Sequence[In]], Awaitable[Sequence[Out | Exception]]]
    most: int = 256
    within_s: float | None = None
    _waiting: "list[tuple[In, asyncio.Future[Out]]]" = field(init=False, default_factory=list)
    _working: "asyncio.Task[None] | None" = field(init=False, default=None)

    async def __call__(self, item: In) -> Out:
        """Raises `Unavailable` where it took too long."""
        came: asyncio.Future[Out] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, came))
        if self._working is None or self._working.done():
            self._working = asyncio.create_task(self._work_off())
        return await came

    async def _work_off(self) -> None:
        while self._waiting:
            taken, self._waiting = self._waiting[: self.most], self._waiting[self.most :]
            # Who is not waiting any more has gone another way.
            group = [(item, came) for item, came in taken if not came.done()]
            if group:
                await self._together(group)

    async def _together(self, group: "Sequence[tuple[In, asyncio.Future[Out]]]") -> None:
        task = asyncio.ensure_future(self.work([item for item, _ in group]))  # noqa: RUF006  # see `finally`
        try:
            await asyncio.wait({task}, timeout=self.within_s)
            for (_, came), outcome in zip(group, _outcomes(task, len(group)), strict=True):
                if came.done():
                    continue
                if isinstance(outcome, Exception):
                    came.set_exception(outcome)
                else:
                    came.set_result(outcome)
        finally:
            if not task.done():
                task.add_done_callback(_unheard)
                task.cancel()
            for _, came in group:
                came.cancel()  # nobody waits for ever, whatever went wrong


def _outcomes(task: "asyncio.Future[Sequence[Out | Exception]]", count: int) -> Sequence[Out | Exception]:
    if not task.done():
        return [Unavailable("It took too long.")] * count
    error = task.exception()
    return [error] * count if isinstance(error, Exception) else task.result()


def _unheard(task: "asyncio.Future[Any]") -> None:
    """Nobody wants to know any more how it ended."""
    if not task.cancelled():
        task.exception()

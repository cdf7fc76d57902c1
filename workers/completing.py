"""Writes that tasks are done: those that end while one statement is under way share the next one."""

import asyncio
from dataclasses import dataclass, field

from brain.adapters.postgres.dispatching import TaskRef
from brain.adapters.postgres.queue import ClaimedTask, Queue
from brain.domain.errors import Unavailable
from brain.domain.records import TaskState

Ended = tuple[ClaimedTask, "asyncio.Future[TaskState | None]"]


@dataclass(slots=True)
class Completing:
    queue: Queue
    _ended: list[Ended] = field(init=False, default_factory=list)
    _writing: "asyncio.Task[None] | None" = field(init=False, default=None)

    async def complete(self, task: ClaimedTask) -> TaskState | None:
        """As `Queue.complete`: None where the lease was lost."""
        written: asyncio.Future[TaskState | None] = asyncio.get_running_loop().create_future()
        self._ended.append((task, written))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        return await written

    async def _write(self) -> None:
        while self._ended:
            batch, self._ended = self._ended, []
            try:
                done = await self.queue.complete_all([task for task, _ in batch])
                for task, written in batch:
                    if not written.done():
                        written.set_result(TaskState.DONE if TaskRef(task.tenant, task.id) in done else None)
            except Unavailable as error:
                for _, written in batch:
                    if not written.done():
                        written.set_exception(error)
            finally:
                for _, written in batch:
                    written.cancel()  # nobody waits for ever, whatever went wrong

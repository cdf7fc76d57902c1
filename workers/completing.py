"""Writes that tasks are done: those that end while one statement is under way share the next one."""

from collections.abc import Sequence

from brain.adapters.grouped import Grouped
from brain.adapters.postgres.dispatching import TaskRef
from brain.adapters.postgres.queue import ClaimedTask, Queue
from brain.domain.records import TaskState

Completing = Grouped[ClaimedTask, TaskState | None]


def completing(queue: Queue) -> Completing:
    """As `Queue.complete`: None where the lease was lost."""

    async def complete(tasks: Sequence[ClaimedTask]) -> Sequence[TaskState | None]:
        done = await queue.complete_all(tasks)
        return [TaskState.DONE if TaskRef(task.tenant, task.id) in done else None for task in tasks]

    return Grouped(complete)

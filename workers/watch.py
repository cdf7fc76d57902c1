"""What is seen of the work on tasks, for whoever counts it: the executor knows nothing of metrics."""

from typing import Protocol

from brain.adapters.postgres.queue import ClaimedTask
from brain.domain.records import TaskState


class Watch(Protocol):
    def began(self, task: ClaimedTask) -> None: ...

    def ended(self, task: ClaimedTask, state: TaskState | None, *, seconds: float) -> None:
        """`state` is what was written: ready is tried again. None where the lease was lost."""

    def struck(self, handler: str) -> None:
        """A bug, or a worker that stopped without a word."""


class Unwatched:
    def began(self, task: ClaimedTask) -> None:
        pass

    def ended(self, task: ClaimedTask, state: TaskState | None, *, seconds: float) -> None:
        pass

    def struck(self, handler: str) -> None:
        pass

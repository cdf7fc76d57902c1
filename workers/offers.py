"""Tasks that a broker told this process of, from when it says so until they are dealt with."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

from brain.adapters.postgres.dispatching import TaskRef
from workers.lanes import Lane


@dataclass(slots=True)
class Offers:
    """Whoever made an offer waits for its end, however it ends: what it was about is a row, and stays one."""

    _new: dict[Lane, list[TaskRef]] = field(default_factory=dict)
    _open: dict[TaskRef, "asyncio.Future[None]"] = field(default_factory=dict)

    def count(self, lane: Lane) -> int:
        return len(self._new.get(lane, ()))

    def make(self, lane: Lane, ref: TaskRef) -> "asyncio.Future[None]":
        if ref not in self._open:
            self._open[ref] = asyncio.get_running_loop().create_future()
            self._new.setdefault(lane, []).append(ref)
        return self._open[ref]

    def take(self, lane: Lane) -> list[TaskRef]:
        """Those that nobody has looked at yet."""
        return self._new.pop(lane, [])

    def end(self, refs: Iterable[TaskRef]) -> None:
        for ref in refs:
            ended = self._open.pop(ref, None)
            if ended is not None and not ended.done():
                ended.set_result(None)

    def end_all(self) -> None:
        self._new.clear()
        self.end(list(self._open))

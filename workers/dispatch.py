"""Tells a broker of tasks that are due, so that workers need not ask. What it loses is only a hint."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, TypeVar

import structlog

from brain.adapters.postgres.dispatching import TaskRef, mark_enqueued
from brain.adapters.postgres.queue import Queue
from brain.domain.circuit import Circuit
from brain.domain.errors import Unavailable
from workers.lanes import LANES, Lane
from workers.relay import awoken

T = TypeVar("T")

# A broker that takes longer for one step is away. Nobody waits for it: workers look for late tasks alone.
_PATIENCE_S = 5.0
_SWEEP_S = 5.0
_LOOK_S = 1.0
_BATCH = 100
# More hints than this help nobody: a worker that has taken one looks for the next task by itself.
_ENOUGH = 1_000
# Told of again, where nobody has begun with it until then.
_AGAIN_S = 10.0

_BY_LANE: Mapping[Lane, Sequence[str]] = {
    lane: [handler for handler, its in LANES.items() if its is lane] for lane in set(LANES.values())
}

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class BrokerAway(Unavailable):
    """The broker does not answer; nothing is lost by it."""


class Broker(Protocol):
    """Every call blocks, and raises `BrokerAway`."""

    def waiting(self) -> Mapping[Lane, int]:
        """How many hints nobody has taken yet."""
        ...

    def send(self, lane: Lane, refs: Sequence[TaskRef]) -> None:
        """One hint each."""
        ...


@dataclass(slots=True)
class Line:
    """Calls a broker from a thread of its own, and waits so long for it at most."""

    patience_s: float = _PATIENCE_S
    _thread: ThreadPoolExecutor = field(
        init=False, default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="broker")
    )

    async def call(self, step: Callable[[], T]) -> T:
        try:
            async with asyncio.timeout(self.patience_s):
                return await asyncio.get_running_loop().run_in_executor(self._thread, step)
        except TimeoutError:
            raise BrokerAway("The broker does not answer in time.", self.patience_s) from None

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)


@dataclass(slots=True)
class Dispatch:
    """`circuit` says whether the broker is left alone just now; `away` whether it answered when it was last
    asked. `sent` counts hints, `failed` those that it did not take: they are sent again."""

    queue: Queue
    broker: Broker
    circuit: Circuit
    again_s: float = _AGAIN_S
    clock: Callable[[], float] = time.monotonic
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    sent: int = 0
    failed: int = 0
    away: bool = True
    _line: Line = field(init=False, default_factory=Line)
    _sweep_at: float = field(init=False, default=0.0)

    async def run(self) -> None:
        """Until cancelled: at every wake, and every second for what falls due."""
        try:
            while True:
                self.wake.clear()
                if not await self._told_some():
                    await awoken(self.wake, within_s=_LOOK_S)
        finally:
            self._line.close()

    async def _told_some(self) -> bool:
        """Whether there may be more to tell of."""
        try:
            await self._sweep()
            with self.circuit.attempt() as attempt:
                try:
                    more = await self._tell()
                except BrokerAway as error:
                    self.away = True
                    attempt.failed(str(error), opens=True)
                    raise
                self.away = False
                attempt.succeeded()
        except Unavailable as error:
            log.warning("dispatch.unavailable", reason=str(error))
            await asyncio.sleep(max(_LOOK_S, min(_SWEEP_S, self.circuit.wait_s)))
            return False
        return more

    async def _tell(self) -> bool:
        waiting, more = await self._line.call(self.broker.waiting), False
        for lane, handlers in _BY_LANE.items():
            limit = min(_BATCH, _ENOUGH - waiting.get(lane, 0))
            if limit <= 0:
                continue
            refs = await mark_enqueued(self.queue.engine, handlers, limit=limit, again_s=self.again_s)
            if refs:
                await self._send(lane, refs)
            more = more or len(refs) == _BATCH
        return more

    async def _send(self, lane: Lane, refs: Sequence[TaskRef]) -> None:
        try:
            await self._line.call(partial(self.broker.send, lane, refs))
        except BrokerAway:
            self.failed += len(refs)
            raise
        self.sent += len(refs)

    async def _sweep(self) -> None:
        """Here too: every worker may be gone."""
        if self.clock() >= self._sweep_at:
            await self.queue.lapse()
            self._sweep_at = self.clock() + _SWEEP_S


@dataclass(slots=True)
class Pulse:
    """Whether the broker is there, for who would otherwise wait for its hints. Away until it has answered."""

    broker: Broker
    every_s: float = 1.0
    away: bool = True

    async def run(self, on_change: Callable[[], None]) -> None:
        line = Line(patience_s=2.0)
        try:
            while True:
                before = self.away
                try:
                    await line.call(self.broker.waiting)
                    self.away = False
                except BrokerAway:
                    self.away = True
                if self.away is not before:
                    log.warning("broker.away") if self.away else log.info("broker.back")
                    on_change()
                await asyncio.sleep(self.every_s)
        finally:
            line.close()

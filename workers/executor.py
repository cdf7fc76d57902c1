"""Runs tasks in this process: leases them, keeps the lease, and records how each attempt ended."""

import asyncio
import random
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import structlog

from brain.adapters.postgres.dispatching import TaskRef
from brain.adapters.postgres.queue import ClaimedTask, Queue, decode
from brain.domain.crash_points import reached
from brain.domain.errors import Denied, NotYet, Rejected, Unavailable
from brain.domain.events import Event
from brain.domain.identity import TenantId
from brain.domain.records import TaskId, TaskState
from workers.completing import Completing, completing
from workers.lanes import LANES, Lane, open_to, places
from workers.offers import Offers
from workers.relay import RELAY_LEFT_S, RELAY_SWEEP_S, awoken, run_relay
from workers.tracing import attempted
from workers.watch import Unwatched, Watch

Handler = Callable[[TenantId, Event], Awaitable[None]]
# Writes how an attempt ended; None where the lease was lost meanwhile.
Outcome = Callable[[], Coroutine[Any, Any, TaskState | None]]
T = TypeVar("T")

# A task that took its worker down, or met a bug, this many times is not tried again by itself.
STRIKES = 3
_SWEEP_S = 5.0
_LONGEST_BACKOFF_S = 60.0
# Who was told when it is their turn comes little later: nothing is the worse for their coming.
_TURN_S = 0.5
# With a broker, what has been due for longer than this was not told of, or not heard.
LATE_S = 5.0

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(slots=True)
class Executor:
    """Each of its lanes has its places, the one in which people wait `concurrency`; a task that runs longer
    than `limit_s` counts as a bug.

    Logs carry ids and places in the code, never texts: not even messages, which may quote some.
    """

    queue: Queue
    handlers: Mapping[str, Handler]
    concurrency: int
    rng: random.Random
    last_resorts: Mapping[str, Handler] = field(default_factory=dict)
    clock: Callable[[], float] = time.monotonic
    lease_s: float = 20.0
    limit_s: float = 300.0
    lanes: Collection[Lane] = tuple(Lane)
    watch: Watch = field(default_factory=Unwatched)
    # Whether nobody tells of what is due, as long as it is looked for as soon as it is.
    untold: Callable[[], bool] = lambda: True
    late_s: float = LATE_S
    # By attempt: a task that lapsed here can be claimed here again before its former attempt has ended.
    _held: dict[tuple[TaskId, int], ClaimedTask] = field(init=False, default_factory=dict)
    _sweep_at: float = field(init=False, default=0.0)
    _running: bool = field(init=False, default=False)
    # When each lane is looked at next, whichever others are looked at before.
    _look_at: dict[Lane, float] = field(init=False)
    # Lanes in which a place has become free: the next task is looked for, told of or not.
    _freed: set[Lane] = field(init=False, default_factory=set)
    _offers: Offers = field(init=False, default_factory=Offers)
    _wake: asyncio.Event = field(init=False, default_factory=asyncio.Event)
    _complete: Completing = field(init=False)

    def __post_init__(self) -> None:
        self._look_at = dict.fromkeys(self.lanes, 0.0)
        self._complete = completing(self.queue)

    async def run(self) -> None:
        """Until cancelled; then work is stopped where it is, and its leases go back at no cost."""
        try:
            async with asyncio.TaskGroup() as group:
                self._running = True
                while True:
                    self._wake.clear()
                    await awoken(self._wake, within_s=await self._start_due(group))
        finally:
            self._running = False
            self._offers.end_all()
            await _whole(self._release())

    async def offer(self, lane: Lane, ref: TaskRef) -> None:
        """A task that a broker told of, until it has been worked on here; or, where somebody else has it or
        there is no place for it, nothing: whoever has a free place finds it."""
        if self._running and self._free(lane) > self._offers.count(lane):
            ended = self._offers.make(lane, ref)
            self.look(lane)
            await ended

    def look(self, *lanes: Lane) -> None:
        """Something may be due in these lanes, or in any."""
        self._look_within(0, *(lanes or self.lanes))
        self._wake.set()

    def _look_within(self, within_s: float, *lanes: Lane) -> None:
        for lane in set(lanes) & self._look_at.keys():
            self._look_at[lane] = min(self._look_at[lane], self.clock() + within_s)

    async def _start_due(self, group: asyncio.TaskGroup) -> float:
        """Fill the free places; returns how long it takes until something can be due again."""
        try:
            await self._sweep()
            rest_s = _SWEEP_S if self.untold() else min(_SWEEP_S, self.late_s) / 4
            for lane in [lane for lane, at in self._look_at.items() if at <= self.clock()]:
                # First: who calls meanwhile knows of something newer.
                self._look_at[lane] = self.clock() + rest_s
                for claim in (self._claim_told, self._claim_due):
                    for task in await _whole(claim(lane)):
                        group.create_task(self._work(task)).add_done_callback(partial(self._ended, task))
            await self._look_ahead()
        except Unavailable as error:
            log.warning("executor.unavailable", reason=str(error))
            pause_s = self.rng.uniform(0.5, 1.5)
            self._look_within(pause_s, *self.lanes)
            return pause_s
        return min(self._look_at.values()) - self.clock()

    async def _look_ahead(self) -> None:
        """Nobody is told of what is postponed or given back: its lane is looked at when its time has come."""
        free = [handler for lane in self.lanes for handler in self._open(lane)[0]]
        if free and self.untold():
            for handler, due_in_s in (await self.queue.next_due_in_s(free)).items():
                # Never a tight loop: what is due and was not leased is in somebody else's hands just now.
                self._look_within(max(0.05, due_in_s), LANES[handler])

    def _ended(self, task: ClaimedTask, _work: asyncio.Task[None]) -> None:
        lane = LANES[task.handler]
        self._offers.end([_ref(task)])
        self._freed.add(lane)
        self.look(lane)

    def _handlers(self, lane: Lane) -> list[str]:
        return [handler for handler in self.handlers if LANES[handler] is lane]

    def _free(self, lane: Lane) -> int:
        taken = sum(LANES[task.handler] is lane for task in self._held.values())
        return places(self.lanes, interactive=self.concurrency).get(lane, 0) - taken

    def _open(self, lane: Lane) -> tuple[list[str], int]:
        """Which of its handlers have places left, and how many."""
        held = (task.handler for task in self._held.values() if LANES[task.handler] is lane)
        of = places(self.lanes, interactive=self.concurrency).get(lane, 0)
        return open_to(self._handlers(lane), held=held, of=of)

    async def _claim_told(self, lane: Lane) -> list[ClaimedTask]:
        """What a broker told of, where nobody else has it yet and there is a place; the rest of it is not our
        affair."""
        told, claimed = self._offers.take(lane), list[ClaimedTask]()
        try:
            while left := [ref for ref in told if ref not in {_ref(task) for task in claimed}]:
                handlers, free = self._open(lane)
                if not handlers:
                    break
                try:
                    some = await self.queue.claim_these(handlers, left, limit=free, lease_s=self.lease_s)
                except Unavailable:
                    if not claimed:
                        raise
                    break  # what was claimed before is on lease here, and nobody else may work on it
                self._held.update({(task.id, task.attempts): task for task in some})
                claimed += some
                if len(some) < free:
                    break
        finally:
            ours = {_ref(task) for task in claimed}
            self._offers.end(ref for ref in told if ref not in ours)
        return claimed

    async def _claim_due(self, lane: Lane) -> list[ClaimedTask]:
        handlers, free = self._open(lane)
        late_s = 0.0 if self.untold() or lane in self._freed else self.late_s
        self._freed.discard(lane)
        if not handlers:
            return []
        claimed = await self.queue.claim(handlers, limit=free, lease_s=self.lease_s, late_s=late_s)
        self._held.update({(task.id, task.attempts): task for task in claimed})
        if len(claimed) == free and self._free(lane) > 0:  # kept from what takes long
            if not late_s:
                self._freed.add(lane)
            self.look(lane)
        return claimed

    async def _sweep(self) -> None:
        if self.clock() < self._sweep_at:
            return
        for lapsed in await self.queue.lapse():
            self._look_within(0, *self.lanes)
            known = log.bind(tenant=str(lapsed.tenant), task=str(lapsed.id), handler=lapsed.handler)
            known.warning("task.lapsed")
            self.watch.struck(lapsed.handler)
        self._sweep_at = self.clock() + min(_SWEEP_S, self.lease_s / 4)

    async def _work(self, task: ClaimedTask) -> None:
        known = log.bind(
            tenant=str(task.tenant), task=str(task.id), handler=task.handler, attempt=task.attempts
        ).bind(**task.payload)
        self.watch.began(task)
        began = self.clock()
        reached("task claimed")
        outcome = await self._outcome(task, known)  # cancelled in here it stays held, to be released
        seconds = self.clock() - began
        del self._held[task.id, task.attempts]
        reached("task ended")
        state = await _whole(self._record(outcome, known)) if outcome else None
        reached("task recorded")
        self.watch.ended(task, state, seconds=seconds)
        if not outcome:
            known.warning("task.lease_lost")

    async def _outcome(self, task: ClaimedTask, known: structlog.stdlib.BoundLogger) -> Outcome | None:
        """Try, and say what is to be written about it. None where the lease was lost."""
        if task.crashes >= STRIKES:
            return await self._given_up(task, known, error=task.error)
        try:
            return partial(self._complete, task) if await self._attempt(task) else None
        except NotYet as turn:
            return self._again(task, known, after_s=turn.retry_after_s, error=str(turn), spread_s=_TURN_S)
        except Unavailable as error:
            # Added, not the larger of the two: all who were told the same time would come back at once.
            return self._again(task, known, after_s=error.retry_after_s, error=str(error))
        except (Denied, Rejected) as error:
            known.error("task.refused", error=type(error).__name__)
            return await self._given_up(task, known, error=str(error))
        except Exception as error:  # noqa: BLE001  # a bug in one handler must not stop everybody's tasks
            known.error("task.failed", error=type(error).__name__, places=_places(error))
            reason = f"{type(error).__name__} at {_places(error)[-1]}"
            return self._again(task, known, after_s=0, error=reason, strike=True)

    async def _given_up(
        self, task: ClaimedTask, known: structlog.stdlib.BoundLogger, *, error: str
    ) -> Outcome | None:
        """Dead, once the handler's last resort has been taken: whoever waits for the task must hear of it."""
        last_resort = self.last_resorts.get(task.handler)
        if last_resort is not None and task.crashes < 2 * STRIKES:
            try:
                async with asyncio.timeout(self.lease_s):
                    await last_resort(task.tenant, decode(task.event_name, task.payload))
            except (Denied, Rejected):
                known.error("task.last_resort_refused")
            except (Unavailable, TimeoutError) as trouble:
                return self._again(task, known, after_s=1, error=str(trouble) or error)
            except Exception as bug:  # noqa: BLE001  # as in `_outcome`
                known.error("task.failed", error=type(bug).__name__, places=_places(bug))
                return self._again(task, known, after_s=0, error=error, strike=True)
        return partial(self.queue.bury, task, error=error)

    def _again(
        self,
        task: ClaimedTask,
        known: structlog.stdlib.BoundLogger,
        *,
        after_s: float,
        error: str,
        strike: bool = False,
        spread_s: float = _LONGEST_BACKOFF_S,
    ) -> Outcome:
        after_s += self.rng.uniform(0, min(spread_s, 2.0 ** min(task.attempts, 10)))
        known.info("task.postponed", after_s=round(after_s, 1))
        if strike:
            self.watch.struck(task.handler)
        return partial(self.queue.retry, task, after_s=after_s, error=error, strike=strike)

    async def _attempt(self, task: ClaimedTask) -> bool:
        """Run the handler to its end, keeping the lease. False where it was lost, and the work stopped."""
        work = asyncio.ensure_future(self._handle(task))
        lease_over = self.clock() + self.lease_s
        try:
            while not (await asyncio.wait({work}, timeout=self.lease_s / 4))[0]:
                try:
                    if not await self.queue.heartbeat(task, lease_s=self.lease_s):
                        return False
                    lease_over = self.clock() + self.lease_s
                except Unavailable:
                    if self.clock() >= lease_over:
                        return False
            if work.cancelled():
                raise RuntimeError("The handler cancelled itself.")
            work.result()
            return True
        finally:
            work.cancel()
            await asyncio.wait({work})

    async def _handle(self, task: ClaimedTask) -> None:
        with attempted(task):
            async with asyncio.timeout(self.limit_s):
                await self.handlers[task.handler](task.tenant, decode(task.event_name, task.payload))

    async def _record(self, outcome: Outcome, known: structlog.stdlib.BoundLogger) -> TaskState | None:
        """The database may be away just now: insist for as long as the lease can be ours."""
        lease_over = self.clock() + self.lease_s
        while True:
            try:
                state = await outcome()
                break
            except Unavailable:
                if self.clock() >= lease_over:
                    state = None
                    break
                await asyncio.sleep(self.rng.uniform(0.1, 1.0))
        if state is None:
            known.warning("task.unrecorded")
        elif state is TaskState.DEAD:
            known.error("task.dead")
        else:
            known.info("task.recorded", state=state.value)
        return state

    async def _release(self) -> None:
        if not self._held:
            return
        try:
            await self.queue.release(list(self._held.values()))
        except Unavailable:
            # The leases run out by themselves, at the cost of a strike.
            log.warning("executor.unreleased", tasks=[str(id_) for id_, _ in self._held])
        self._held.clear()


@asynccontextmanager
async def working(executor: Executor, *, relays_at_once: bool = True) -> AsyncIterator[None]:
    """Listener, relay and executor, for as long as the block lasts; a bug in one of them ends it.

    A process beside one that relays at once only relays what that one leaves lying.
    """
    facts, sweep_s = asyncio.Event(), RELAY_SWEEP_S if relays_at_once else RELAY_LEFT_S

    def on_facts() -> None:
        if relays_at_once:
            facts.set()

    def on_tasks(handlers: Collection[str]) -> None:
        if executor.untold():
            executor.look(*{LANES[handler] for handler in handlers if handler in LANES})

    relay = run_relay(executor.queue, wake=facts, sweep_s=sweep_s)
    async with running(executor.queue.listen(on_facts, on_tasks), executor.run(), relay):
        yield


@asynccontextmanager
async def running(*loops: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """All of them, until the block ends; a bug in one of them ends it. An error that is alone, the block's
    own for one, comes out as it is: whoever can do something about it knows it by its name."""
    try:
        async with asyncio.TaskGroup() as group:
            started = [group.create_task(loop) for loop in loops]
            try:
                yield
            finally:
                for task in started:
                    task.cancel()
    except BaseExceptionGroup as errors:
        if len(errors.exceptions) > 1:
            raise
        [alone] = errors.exceptions
    else:
        return
    raise alone


async def _whole(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end even when cancelled meanwhile: a lease half taken or half recorded costs a strike."""
    inner = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(inner)
    except asyncio.CancelledError:
        await asyncio.wait({inner})
        raise


def _ref(task: ClaimedTask) -> TaskRef:
    return TaskRef(task.tenant, task.id)


def _places(error: Exception) -> list[str]:
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{Path(frame.filename).name}:{frame.lineno} in {frame.name}" for frame in frames]

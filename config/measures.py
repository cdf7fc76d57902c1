"""What one process counts beside its HTTP requests: tasks, acknowledgements, and what it reads when asked."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from time import perf_counter, time

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from brain.adapters.postgres.gauges import QueueGauges, ScheduleGauges
from brain.adapters.postgres.queue import ClaimedTask
from brain.api.metrics import Reading, Samples
from brain.domain.records import TaskState
from workers.lanes import LANES, Lane
from workers.schedules import EVERY_S

_TASK_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
_ACKNOWLEDGED_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0)
_ANSWER_BUCKETS = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
_ENDED = {TaskState.DONE: "done", TaskState.READY: "again", TaskState.DEAD: "dead"}
# What ends the waiting of whoever asked.
_ANSWERS = {
    ("answer", "QuestionAsked"): "answered",
    ("deliver", "AnswerPublished"): "delivered",
    ("deliver", "AskedBack"): "delivered",
    ("deliver", "ReviewRequested"): "delivered",
    ("deliver", "ReviewJoined"): "delivered",
}


class Kept(StrEnum):
    """Where a delivery was when its platform was told that we have it."""

    DATABASE = "database"
    JOURNAL = "journal"
    NOWHERE = "nowhere"


class Role(StrEnum):
    """What a process is there for."""

    UP = "up"
    WORKER = "worker"


class Hint(StrEnum):
    """What became of telling a broker of a task."""

    SENT = "sent"
    FAILED = "failed"
    HEARD = "heard"


class Measures:
    """One registry for each process. No tenant, no name and no text is ever a label."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        # None: the database did not answer when it was last asked.
        self.queue: QueueGauges | None = None
        self.role: Role | None = None
        self._broker_up: Callable[[], bool] | None = None
        self._hints: dict[Hint, Callable[[], int]] = {}
        self._began_at = time()
        ProcessCollector(registry=self.registry)
        self._tasks()
        self._replies()
        self._queue()
        self._schedules()
        self._broker()
        self.reads(
            "expert_process",
            "1, by what the process is there for: up serves people, worker works on tasks.",
            ("role",),
            lambda: [((self.role.value,), 1.0)] if self.role else [],
        )
        self._connected: dict[str, Callable[[], bool]] = {}
        self.reads(
            "expert_platform_connected",
            "1 where the connection to a platform stands that delivers over one of ours.",
            ("platform",),
            lambda: [((name,), float(stands())) for name, stands in self._connected.items()],
        )

    def _tasks(self) -> None:
        self._attempts = self._counter("expert_task_attempts", "Attempts at tasks that began.", "handler")
        self._retries = self._counter(
            "expert_task_retries", "Attempts after which the task is to be tried again.", "handler"
        )
        self._strikes = self._counter(
            "expert_task_strikes",
            "Attempts that met a bug, or whose worker stopped without a word.",
            "handler",
        )
        self._dead = self._counter("expert_tasks_dead", "Tasks given up.", "handler")
        for handler in LANES:  # from the start: what goes from nothing to one has not increased
            self._strikes.labels(handler)
            self._dead.labels(handler)
        self._lasted = Histogram(
            "expert_task_duration_seconds",
            "Seconds that an attempt took, by how it ended: done, again, dead, or lost to another worker.",
            ["handler", "outcome"],
            buckets=_TASK_BUCKETS,
            registry=self.registry,
        )

    def _replies(self) -> None:
        self._acknowledged = Histogram(
            "expert_acknowledgement_seconds",
            "Seconds until what a platform delivered was kept (database, journal) or refused (nowhere).",
            ["platform", "kept"],
            buckets=_ACKNOWLEDGED_BUCKETS,
            registry=self.registry,
        )
        self._acknowledged.labels("slack", Kept.NOWHERE.value)
        self._answered = Histogram(
            "expert_answer_seconds",
            "Seconds from accepting what somebody asked on a platform until it was answered, and until they"
            " were told (an answer, a question back, or that a person was asked).",
            ["until"],
            buckets=_ANSWER_BUCKETS,
            registry=self.registry,
        )

    def _queue(self) -> None:
        """Of the whole installation: every process that tells them tells the same."""
        self.reads("expert_lane_tasks", "Tasks in each lane, by state.", ("lane", "state"), self._by_lane)
        self.reads("expert_lane_due_tasks", "Tasks that could be worked on now.", ("lane",), self._due)
        self.reads(
            "expert_lane_oldest_age_seconds",
            "How long the oldest due task of a lane has been waiting past its time.",
            ("lane",),
            self._oldest,
        )
        self.reads(
            "expert_outbox_unrelayed",
            "Facts that are no tasks yet.",
            (),
            lambda: self._of(lambda q: q.unrelayed),
        )
        self.reads(
            "expert_relay_lag_seconds",
            "How long the oldest fact has been waiting to become tasks.",
            (),
            lambda: self._of(lambda queue: queue.oldest_unrelayed_s),
        )
        self.reads(
            "expert_table_rows",
            "Rows of a table, as the database estimates.",
            ("table",),
            lambda: [((name,), rows) for name, rows in (self.queue.rows if self.queue else {}).items()],
        )
        self.reads(
            "expert_table_bytes",
            "Bytes that a table takes on disk, with its indexes.",
            ("table",),
            lambda: [((name,), size) for name, size in (self.queue.bytes if self.queue else {}).items()],
        )

    def _schedules(self) -> None:
        """As `_queue`. One that nobody has ever begun is overdue since this process looks."""

        def read(number: Callable[[ScheduleGauges], float | None]) -> Samples:
            if self.queue is None:
                return
            never = {name: ScheduleGauges(name, None, False, time() - self._began_at) for name in EVERY_S}
            known = never | {one.name: one for one in self.queue.schedules}
            for name in EVERY_S:
                if (value := number(known[name])) is not None:
                    yield (name,), value

        self.reads(
            "expert_schedule_ended_timestamp_seconds",
            "When what is done from time to time last ended; nothing while it is being done.",
            ("schedule",),
            lambda: read(lambda one: one.ended_at),
        )
        self.reads(
            "expert_schedule_failed",
            "1 where it could not be done the last time.",
            ("schedule",),
            lambda: read(lambda one: float(one.failed)),
        )
        self.reads(
            "expert_schedule_overdue_seconds",
            "For how long it should have been done, and nobody has begun.",
            ("schedule",),
            lambda: read(lambda one: one.overdue_s),
        )

    def _broker(self) -> None:
        self.reads(
            "expert_broker_up",
            "1 where the broker answers, 0 where it does not; nothing without one.",
            (),
            lambda: [((), float(self._broker_up()))] if self._broker_up else [],
        )
        self.reads(
            "expert_broker_hints",
            "Tasks that the broker was told of: sent, failed to be sent, or heard by a worker.",
            ("outcome",),
            lambda: [((outcome.value,), count()) for outcome, count in self._hints.items()],
            counts=True,
        )

    def broker(self, up: Callable[[], bool], hints: Mapping[Hint, Callable[[], int]]) -> None:
        """Of a process that has to do with one."""
        self._broker_up = up
        self._hints.update(hints)

    def connection(self, platform: str, stands: Callable[[], bool]) -> None:
        self._connected[platform] = stands

    def pools(self, engines: Mapping[str, AsyncEngine]) -> None:
        """By role: how many of its connections are busy, and how many there may be."""

        def read(number: Callable[[AsyncAdaptedQueuePool], int]) -> Samples:
            return [
                ((role,), number(engine.pool))
                for role, engine in engines.items()
                if isinstance(engine.pool, AsyncAdaptedQueuePool)
            ]

        self.reads(
            "expert_pool_used_connections",
            "Database connections of a role that are in use.",
            ("role",),
            lambda: read(lambda pool: pool.checkedout()),
        )
        self.reads(
            "expert_pool_size",
            "Connections that a role may have.",
            ("role",),
            lambda: read(lambda pool: pool.size()),
        )

    def reads(
        self,
        name: str,
        says: str,
        labels: Sequence[str],
        read: Callable[[], Samples],
        *,
        counts: bool = False,
    ) -> None:
        self.registry.register(Reading(name, says, labels, read, counts))

    # What the executor tells.

    def began(self, task: ClaimedTask) -> None:
        self._attempts.labels(task.handler).inc()

    def ended(self, task: ClaimedTask, state: TaskState | None, *, seconds: float) -> None:
        outcome = _ENDED.get(state, "lost") if state else "lost"
        self._lasted.labels(task.handler, outcome).observe(seconds)
        until = _ANSWERS.get((task.handler, task.event_name))
        if state is TaskState.DONE and until is not None and task.age_s is not None:
            self._answered.labels(until).observe(task.age_s + seconds)
        if state is TaskState.READY:
            self._retries.labels(task.handler).inc()
        elif state is TaskState.DEAD:
            self._dead.labels(task.handler).inc()

    def struck(self, handler: str) -> None:
        self._strikes.labels(handler).inc()

    # What platforms are told.

    @contextmanager
    def acknowledging(self, platform: str) -> Iterator["Acknowledging"]:
        """Around keeping a delivery; an error means that it was not kept."""
        keeping, began = Acknowledging(), perf_counter()
        try:
            yield keeping
        except BaseException:
            keeping.kept = Kept.NOWHERE
            raise
        finally:
            self._acknowledged.labels(platform, keeping.kept.value).observe(perf_counter() - began)

    def _counter(self, name: str, says: str, *labels: str) -> Counter:
        return Counter(name, says, labels, registry=self.registry)

    def _of(self, read: Callable[[QueueGauges], float]) -> Samples:
        return [] if self.queue is None else [((), read(self.queue))]

    def _by_lane(self) -> Samples:
        if self.queue is None:
            return
        for lane in Lane:
            for state in (one for one in TaskState if one is not TaskState.DONE):
                of_it = [
                    one for one in self.queue.handlers if one.state is state and _lane(one.handler) is lane
                ]
                yield (lane.value, state.value), sum(one.tasks for one in of_it)

    def _due(self) -> Samples:
        if self.queue is None:
            return
        ready = [one for one in self.queue.handlers if one.state is TaskState.READY]
        for lane in Lane:
            yield (lane.value,), sum(one.due for one in ready if _lane(one.handler) is lane)

    def _oldest(self) -> Samples:
        if self.queue is None:
            return
        for lane in Lane:
            of_it = [one.oldest_s for one in self.queue.handlers if _lane(one.handler) is lane]
            yield (lane.value,), max(of_it, default=0.0)


@dataclass(slots=True)
class Acknowledging:
    kept: Kept = Kept.DATABASE


def _lane(handler: str) -> Lane:
    """A task that another version left belongs where somebody notices it."""
    return LANES.get(handler, Lane.INTERACTIVE)

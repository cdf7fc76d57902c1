"""The only file that knows Celery: carries the ids of due tasks to workers, and rings for schedules.

What it carries are hints. The task is a row in PostgreSQL, and so is whether it was done.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from celery import Celery
from celery.beat import Scheduler, Service
from celery.worker import WorkController, state
from kombu.entity import Exchange, Queue
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from brain.adapters.postgres.dispatching import TaskRef
from brain.domain.identity import TenantId
from brain.domain.records import TaskId
from workers.dispatch import BrokerAway
from workers.lanes import Lane

# Longer than any task may run: what is taken is not handed out a second time meanwhile.
_VISIBILITY_S = 3600
_RING = "expert.ring"
# A ring that nobody heard is of no use when the next one comes.
RING_EVERY_S = 60.0

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

# The default exchange: a queue is found by its name, so that a flushed Redis forgets no binding.
_DIRECT = Exchange("", type="direct")  # type: ignore[no-untyped-call]  # kombu types some of itself


def build(url: str) -> Celery:
    """Connects to nothing yet. https://docs.celeryq.dev/en/stable/userguide/configuration.html"""
    app = Celery("expert", broker=url, set_as_current=False)
    app.conf.update(
        accept_content=["json"],
        task_serializer="json",
        task_ignore_result=True,
        task_acks_late=True,
        # A task that kills its worker is counted in its row, and not handed out by Celery again and again.
        task_reject_on_worker_lost=False,
        task_queues=[_queue(lane) for lane in Lane],
        task_default_queue=_name(Lane.REVIEW),
        task_publish_retry=False,
        worker_prefetch_multiplier=1,
        worker_soft_shutdown_timeout=5.0,
        worker_enable_remote_control=False,
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_connection_timeout=2,
        broker_transport_options={
            "visibility_timeout": _VISIBILITY_S,
            "socket_timeout": 5,
            "socket_connect_timeout": 2,
            "health_check_interval": 5,
            "socket_keepalive": True,
        },
    )
    return app


def _queue(lane: Lane) -> Queue:
    return Queue(_name(lane), exchange=_DIRECT, routing_key=_name(lane))  # type: ignore[no-untyped-call]  # as above


def _name(lane: Lane) -> str:
    return f"expert.{lane.value}"


@dataclass(slots=True)
class CeleryBroker:
    """`workers.dispatch.Broker`, with connections of its own: call it from one thread at a time."""

    app: Celery

    def waiting(self) -> Mapping[Lane, int]:
        with _mapped(), self.app.connection_for_write() as connection:
            client = connection.default_channel.client
            return {lane: int(client.llen(_name(lane))) for lane in Lane}

    def send(self, lane: Lane, refs: Sequence[TaskRef]) -> None:
        with (
            _mapped(),
            self.app.connection_for_write() as connection,
            self.app.amqp.Producer(connection) as to,
        ):
            for ref in refs:
                ids = (str(ref.tenant), str(ref.id))
                self.app.send_task(
                    _name(lane), ids, queue=_name(lane), producer=to, argsrepr=" ".join(ids), kwargsrepr=""
                )


@contextmanager
def _mapped() -> Iterator[None]:
    try:
        yield
    except (KombuError, RedisError, OSError) as error:
        raise BrokerAway(f"Redis is away: {type(error).__name__}.", 1.0) from error


@dataclass(slots=True)
class Consumer:
    """Hears hints and rings in threads of its own, and hands them on; comes back when Redis does."""

    app: Celery
    lanes: Sequence[Lane]
    places: int
    on_hint: Callable[[Lane, TaskRef], None]
    on_ring: Callable[[str], None]
    _thread: threading.Thread | None = None

    def start(self) -> None:
        for lane in Lane:
            self._hears(lane)
        self.app.task(self.on_ring, name=_RING, typing=False)
        # One thread more than there are places: a hint that finds none is put aside at once.
        worker = WorkController(
            app=self.app,
            pool="threads",
            concurrency=self.places + 1,
            queues=[_name(lane) for lane in self.lanes],
            loglevel="WARNING",
            without_mingle=True,
            without_gossip=True,
            without_heartbeat=True,
        )
        state.should_stop = None
        self._thread = threading.Thread(target=worker.start, name="celery", daemon=True)
        self._thread.start()

    def _hears(self, lane: Lane) -> None:
        def hint(tenant: str, task: str) -> None:
            self.on_hint(lane, TaskRef(TenantId(UUID(tenant)), TaskId(UUID(task))))

        self.app.task(hint, name=_name(lane))

    def ask_to_stop(self) -> None:
        """Nothing more is heard; what is under way ends when its offer does."""
        state.should_stop = 0

    def wait(self) -> None:
        if self._thread is not None:
            self._thread.join(10.0)


def ring_always(app: Celery, names: Sequence[str], *, every_s: float = RING_EVERY_S) -> None:
    """Celery beat, until the process is told to stop: a ring for each name, again and again."""
    every: dict[str, Any] = {
        name: {
            "task": _RING,
            "schedule": every_s,
            "args": (name,),
            "options": {"queue": _name(Lane.REVIEW), "expires": every_s, "retry": False},
        }
        for name in names
    }
    app.conf.beat_schedule = every
    Service(app, scheduler_cls=Scheduler).start()

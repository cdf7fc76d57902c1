"""Who does the work behind the scenes: this process, or workers that a broker tells of it."""

import asyncio
import importlib.util
import os
import random
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import structlog
import uvicorn

from brain.adapters.postgres.queue import Queue
from brain.adapters.postgres.schedules import Turns
from brain.api.probes import Shown, probes
from brain.domain.circuit import Circuit
from brain.domain.errors import Rejected
from brain.domain.question import QuestionId
from brain.usecases.ask import Progress, silent
from config.backup import expert_version
from config.database import database
from config.http_server import Server, free_port
from config.logs import configure_logs
from config.measures import Hint, Role
from config.process import run, settle
from config.settings import DatabaseUrls, Settings
from config.starting import until_there
from config.surface import worker_seen
from config.wiring import Wiring, assembled, executor
from workers.dispatch import Dispatch
from workers.executor import running, working
from workers.lanes import Lane
from workers.relay import run_relay
from workers.schedules import EVERY_S, Schedules, works

if TYPE_CHECKING:
    from workers.celery_app import CeleryBroker

# More than these ask nothing that a supervisor or Prometheus would.
_PROBES = 32

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


def broker(settings: Settings) -> "CeleryBroker | None":
    """Connects to nothing yet. Raises `Rejected` where a broker is wanted and Celery is not installed."""
    if settings.broker_url is None:
        return None
    if any(importlib.util.find_spec(name) is None for name in ("celery", "redis")):
        raise Rejected("EXPERT_BROKER_URL is set, and Celery is not installed: make setup-celery")
    from workers.celery_app import CeleryBroker, build

    return CeleryBroker(build(settings.broker_url.get_secret_value()))


@asynccontextmanager
async def background(
    settings: Settings, wiring: Wiring, *, report: Callable[[QuestionId], Progress]
) -> AsyncIterator[None]:
    """For as long as the block lasts: all the work here, or what tells workers of it."""
    known, told = schedules(settings, wiring.queue), broker(settings)
    if told is None:
        async with working(executor(settings, wiring, report=report)), running(known.run()):
            yield
        return
    facts, queue, rng = asyncio.Event(), wiring.queue, random.Random()  # noqa: S311  # spreads probes
    dispatch = Dispatch(queue, told, Circuit("Redis", clock=time.monotonic, jitter=rng.random))
    hints = {Hint.SENT: lambda: dispatch.sent, Hint.FAILED: lambda: dispatch.failed}
    wiring.measures.broker(lambda: not dispatch.away, hints)

    def on_tasks(_handlers: Collection[str]) -> None:
        dispatch.wake.set()

    listening = queue.listen(facts.set, on_tasks)
    async with running(listening, run_relay(queue, wake=facts), dispatch.run(), known.run()):
        yield


def schedules(settings: Settings, queue: Queue) -> Schedules:
    what = works(queue, retention_days=settings.retention_days)
    return Schedules(Turns(queue.engine), what, by=f"{socket.gethostname()} {os.getpid()}")


def work(settings: Settings, *, lanes: Sequence[Lane], concurrency: int | None, port: int | None) -> None:
    """`expert worker`: work until stopped by Ctrl-C or SIGTERM."""
    given = {"workers": concurrency, "worker_port": port}
    chosen = settings.model_copy(update={name: value for name, value in given.items() if value is not None})
    configure_logs(settings.home, settings.log_level)
    broker(settings)
    if chosen.worker_port is not None:
        free_port(chosen.host, chosen.worker_port, setting="EXPERT_WORKER_PORT")
    with database(settings) as urls:
        run(_work(chosen, urls, lanes))


async def _work(settings: Settings, urls: DatabaseUrls, lanes: Sequence[Lane]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    shown = Shown()
    async with _served(settings, shown):
        await until_there(partial(_work_until, stop, settings, urls, lanes, shown), stop=stop)
    log.info("worker.down")


async def _work_until(
    stop: asyncio.Event, settings: Settings, urls: DatabaseUrls, lanes: Sequence[Lane], shown: Shown
) -> None:
    async with assembled(settings, urls) as wiring:
        wiring.measures.role = Role.WORKER
        shown.show(worker_seen(wiring))
        whole = executor(settings, wiring, report=lambda _: silent)
        one = replace(whole, lanes=lanes)
        told = broker(settings)
        settle()
        log.info("worker.up", lanes=[lane.value for lane in lanes], broker=told is not None)
        if told is None:
            async with working(one, relays_at_once=False):
                await stop.wait()
        else:
            from workers.told import Ear, work_as_told

            ear = Ear.of(told)
            wiring.measures.broker(lambda: not ear.pulse.away, {Hint.HEARD: lambda: ear.heard})
            await work_as_told(one, ear, schedules(settings, wiring.queue), stop)


@asynccontextmanager
async def _served(settings: Settings, shown: Shown) -> AsyncIterator[None]:
    """`/health` and `/metrics` of a worker, while the block lasts, where there is a port for them."""
    if settings.worker_port is None:
        yield
        return
    server = Server(
        uvicorn.Config(
            probes(shown, version=expert_version()),
            host=settings.host,
            port=settings.worker_port,
            log_config=None,
            lifespan="off",
            server_header=False,
            limit_concurrency=_PROBES,
            timeout_graceful_shutdown=2,
        )
    )
    serving = asyncio.create_task(server.serve())
    try:
        yield
    finally:
        server.should_exit = True
        await serving


def beat(settings: Settings, *, every_s: float) -> None:
    """`expert beat`: rings for every schedule, until stopped."""
    told = broker(settings)
    if told is None:
        raise Rejected("EXPERT_BROKER_URL is not set: `expert up` looks after schedules by itself.")
    from workers.celery_app import ring_always

    configure_logs(settings.home, settings.log_level)
    ring_always(told.app, tuple(EVERY_S), every_s=every_s)

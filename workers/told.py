"""A worker that a broker tells of what is due, and that looks for itself at what it was not told of."""

import asyncio
from dataclasses import dataclass

from brain.adapters.postgres.dispatching import TaskRef
from workers.celery_app import CeleryBroker, Consumer
from workers.dispatch import Pulse
from workers.executor import Executor, running, working
from workers.lanes import Lane, places
from workers.schedules import Schedules


@dataclass(slots=True)
class Ear:
    """`pulse` says whether the broker is there; `heard` counts its hints."""

    told: CeleryBroker
    pulse: Pulse
    heard: int = 0

    @staticmethod
    def of(told: CeleryBroker) -> "Ear":
        return Ear(told, Pulse(told))


async def work_as_told(one: Executor, ear: Ear, schedules: Schedules, stop: asyncio.Event) -> None:
    one.untold = lambda: ear.pulse.away
    consumer = _consumer(one, ear, schedules)
    try:
        async with working(one, relays_at_once=False), running(ear.pulse.run(one.look)):
            consumer.start()
            await stop.wait()
            consumer.ask_to_stop()
    finally:
        await asyncio.to_thread(consumer.wait)


def _consumer(one: Executor, ear: Ear, schedules: Schedules) -> Consumer:
    loop = asyncio.get_running_loop()

    def on_hint(lane: Lane, ref: TaskRef) -> None:
        ear.heard += 1
        asyncio.run_coroutine_threadsafe(one.offer(lane, ref), loop).result()

    def on_ring(name: str) -> None:
        # Not waited for: who takes the turn, and whether it ended, is a row.
        asyncio.run_coroutine_threadsafe(schedules.ring(name), loop)

    total = sum(places(one.lanes, interactive=one.concurrency).values())
    return Consumer(ear.told.app, tuple(one.lanes), total, on_hint, on_ring)

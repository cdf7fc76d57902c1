"""A worker that a broker tells of what is due, and that looks for itself at what it was not told of."""

import asyncio

from brain.adapters.postgres.dispatching import TaskRef
from workers.celery_app import CeleryBroker, Consumer
from workers.dispatch import Pulse
from workers.executor import Executor, running, working
from workers.lanes import Lane, places
from workers.schedules import Schedules


async def work_as_told(one: Executor, told: CeleryBroker, schedules: Schedules, stop: asyncio.Event) -> None:
    pulse = Pulse(told)
    one.untold = lambda: pulse.away
    consumer = _consumer(one, told, schedules)
    try:
        async with working(one, relays=False), running(pulse.run(one.look)):
            consumer.start()
            await stop.wait()
            consumer.ask_to_stop()
    finally:
        await asyncio.to_thread(consumer.wait)


def _consumer(one: Executor, told: CeleryBroker, schedules: Schedules) -> Consumer:
    loop = asyncio.get_running_loop()

    def on_hint(lane: Lane, ref: TaskRef) -> None:
        asyncio.run_coroutine_threadsafe(one.offer(lane, ref), loop).result()

    def on_ring(name: str) -> None:
        # Not waited for: who takes the turn, and whether it ended, is a row.
        asyncio.run_coroutine_threadsafe(schedules.ring(name), loop)

    total = sum(places(one.lanes, interactive=one.concurrency).values())
    return Consumer(told.app, tuple(one.lanes), total, on_hint, on_ring)

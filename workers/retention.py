"""Forgets finished work, and what platforms told us, after a while, so that nothing grows for ever."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from brain.adapters.postgres.queue import Queue
from brain.domain.errors import Unavailable

_EVERY_S = 3600.0
_BATCH = 1_000

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@asynccontextmanager
async def forgetting(queue: Queue, *, days: int) -> AsyncIterator[None]:
    """At the start, and every hour for as long as the block lasts."""
    forgetter = asyncio.create_task(_always(queue, days))
    try:
        yield
    finally:
        forgetter.cancel()
        await asyncio.wait({forgetter})


async def _always(queue: Queue, days: int) -> None:
    while True:
        try:
            await forget_done(queue, days=days)
        except Unavailable as error:
            log.warning("retention.unavailable", reason=str(error))
        await asyncio.sleep(_EVERY_S)


async def forget_done(queue: Queue, *, days: int) -> int:
    """In batches, so that nobody waits for it; how many rows went."""
    total = 0
    while gone := await queue.forget_done(days=days, limit=_BATCH):
        total += gone
    if total:
        log.info("retention.forgotten", rows=total)
    return total

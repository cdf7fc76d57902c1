"""Forgets finished work, and what platforms told us, after a while, so that nothing grows for ever."""

import structlog

from brain.adapters.postgres.queue import Queue

_BATCH = 1_000

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


async def forget_done(queue: Queue, *, days: int) -> int:
    """In batches, so that nobody waits for it; how many rows went."""
    total = 0
    while gone := await queue.forget_done(days=days, limit=_BATCH):
        total += gone
    if total:
        log.info("retention.forgotten", rows=total)
    return total

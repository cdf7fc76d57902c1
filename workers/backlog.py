"""Keeps looking how long people's questions have been waiting."""

import asyncio
from contextlib import suppress
from typing import NoReturn

from sqlalchemy.ext.asyncio import AsyncEngine

from brain.adapters.postgres.ages import ages_s
from brain.domain.errors import Unavailable
from brain.domain.overload import QUEUED_S, Backlog
from workers.lanes import LANES, Lane

_EVERY_S = 1.0
_WAITED_FOR = tuple(handler for handler, lane in LANES.items() if lane is Lane.INTERACTIVE)


async def follow_backlog(system: AsyncEngine, backlog: Backlog) -> NoReturn:
    """Until cancelled. While the database is away, what was seen last holds."""
    while True:
        with suppress(Unavailable):  # the executor says so
            backlog.ages_s = await ages_s(system, _WAITED_FOR, late_s=QUEUED_S)
        await asyncio.sleep(_EVERY_S)

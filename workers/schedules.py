"""What is done from time to time, by whoever takes its turn: a timer in process, Celery beat, or both."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import structlog

from brain.adapters.postgres.queue import Queue
from brain.adapters.postgres.schedules import Turns
from brain.domain.errors import Unavailable
from workers.retention import forget_done

# How often each is due. Whoever adds one says here how often, and in `schedules` what.
EVERY_S: Mapping[str, float] = {"retention": 3600.0}
_LOOK_S = 30.0
# A turn that takes longer is cut off, and is another's.
_WITHIN_S = 600.0
# After one that failed.
_AGAIN_S = 60.0

Work = Callable[[], Awaitable[object]]

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Schedules:
    """`by` names this process, for whoever wants to know who did what."""

    turns: Turns
    works: Mapping[str, Work]
    by: str
    look_s: float = _LOOK_S

    async def run(self) -> None:
        """Until cancelled: whatever is due, whoever else looks for it."""
        while True:
            for name in self.works:
                await self.ring(name)
            await asyncio.sleep(self.look_s)

    async def ring(self, name: str) -> bool:
        """Do it, if it is due and nobody else has taken the turn; whether it was done here."""
        if name not in self.works:
            log.error("schedule.unknown", name=name)
            return False
        try:
            turn = await self.turns.take(name, by=self.by, within_s=_WITHIN_S)
            if turn is None:
                return False
            outcome, again_s = "done", EVERY_S[name]
            try:
                async with asyncio.timeout(_WITHIN_S):
                    await self.works[name]()
            except (Unavailable, TimeoutError) as error:
                outcome, again_s = str(error) or "It took too long.", _AGAIN_S
            await self.turns.end(name, turn, outcome=outcome, again_s=again_s)
        except Unavailable as error:
            # Due again by itself, when the turn should long have ended.
            log.warning("schedule.unavailable", name=name, reason=str(error))
            return False
        log.info("schedule.ended", name=name, outcome=outcome)
        return True


def works(queue: Queue, *, retention_days: int) -> Mapping[str, Work]:
    async def retention() -> None:
        await forget_done(queue, days=retention_days)

    return {"retention": retention}

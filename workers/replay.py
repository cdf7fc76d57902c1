"""Brings what the journal has kept into the database, as soon as that is back."""

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import structlog

from brain.adapters.journal import Entry, Journal
from brain.domain.circuit import Circuit
from brain.domain.conversation import Delivery, DeliveryId
from brain.domain.errors import ExpertError, Rejected, Unavailable
from brain.domain.events import DeliveryAccepted
from brain.domain.identity import TenantId
from brain.ports.talk import TalkStore
from brain.usecases.take_in import in_time

_EVERY_S = 1.0
_BATCH = 100
_BATCH_S = 10.0
# Something is wrong that a second will not mend.
_AFTER_BUG_S = 30.0

# Of each delivery; asks the database itself, and raises `Unavailable` where that is away.
Owners = Callable[[Sequence[Delivery]], Coroutine[Any, Any, Sequence[TenantId | None]]]

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(slots=True)
class Replay:
    """`over` is called when everything is replayed, and what arrives goes into the database again. `owners`
    tell, by the source, whose a delivery is by now; None where nobody has it any more."""

    journal: Journal
    store: TalkStore
    circuit: Circuit
    over: list[Callable[[], None]] = field(default_factory=list)
    owners: Mapping[str, Owners] = field(default_factory=dict)
    every_s: float = _EVERY_S
    batch: int = _BATCH
    _waits: str = field(init=False, default="")

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            wait_s = await self._round()
            await asyncio.sleep(wait_s)

    async def once(self) -> int:
        """How many were replayed. Raises `Unavailable` where the database is (still) away."""
        replayed = await self.journal.replay(self._accept, batch=self.batch)
        if replayed:
            log.info("journal.replayed", deliveries=replayed)
            for tell in self.over:
                tell()
        return replayed

    async def _round(self) -> float:
        """How long to wait for the next one."""
        try:
            await self.once()
            self._waits = ""
        except Unavailable as error:
            if str(error) != self._waits:  # once, and not each second of an outage
                log.info("journal.waits", deliveries=self.journal.held, reason=str(error))
            self._waits = str(error)
        except Exception as error:  # noqa: BLE001  # whatever it is, it must not keep us from starting again
            reason = str(error) if isinstance(error, ExpertError) else ""
            log.error("journal.stuck", error=type(error).__name__, reason=reason)  # noqa: TRY400  # no words
            return _AFTER_BUG_S
        return self.every_s

    async def _accept(self, entries: Sequence[Entry]) -> None:
        by_tenant: dict[TenantId, list[Entry]] = {}
        for entry, owner in zip(entries, await self._owned_now(entries), strict=True):
            if owner not in (None, entry.tenant):
                await self.journal.put_aside(entry, reason="It is of a place that another tenant has now.")
            else:
                by_tenant.setdefault(entry.tenant, []).append(entry)
        for tenant, theirs in by_tenant.items():
            await self._of_tenant(tenant, theirs)

    async def _owned_now(self, entries: Sequence[Entry]) -> list[TenantId | None]:
        """Whose each was when it came was known without the database, maybe from long ago."""
        now: dict[DeliveryId, TenantId | None] = {}
        for source, owners in self.owners.items():
            theirs = [entry.delivery for entry in entries if entry.delivery.source == source]
            # Not through the circuit: that waits for us to say that the database is back.
            found = await in_time(functools.partial(owners, theirs), within_s=_BATCH_S)
            now |= {delivery.id: tenant for delivery, tenant in zip(theirs, found, strict=True)}
        return [now.get(entry.delivery.id) for entry in entries]

    async def _of_tenant(self, tenant: TenantId, entries: Sequence[Entry]) -> None:
        try:
            await self._receive(tenant, entries)
        except Rejected as error:
            if len(entries) == 1:
                await self.journal.put_aside(entries[0], reason=str(error))
                return
            for entry in entries:
                await self._of_tenant(tenant, [entry])

    async def _receive(self, tenant: TenantId, entries: Sequence[Entry]) -> None:
        """The database is there again: whoever asks the circuit need not find out by themselves."""
        accepted = [(one.delivery, DeliveryAccepted(one.delivery.id), one.traceparent) for one in entries]
        work = functools.partial(self.store.receive_all, tenant, accepted)
        await in_time(work, within_s=_BATCH_S)
        self.circuit.found_back()


@asynccontextmanager
async def replaying(replay: Replay) -> AsyncIterator[None]:
    """For as long as the block lasts."""
    running = asyncio.create_task(replay.run())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.wait({running})

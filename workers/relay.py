"""Moves facts from the outbox to the tasks of those who subscribed to them."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress

import structlog

from brain.adapters.postgres.queue import Queue
from brain.domain.errors import Unavailable
from brain.domain.events import (
    AnswerAmended,
    AnswerApproved,
    AnswerPublished,
    AnswerRejected,
    AnswerRetracted,
    AnswerSuspended,
    ArticleFellDue,
    AskedBack,
    DeliveryAccepted,
    DocumentChanged,
    DocumentForgotten,
    Event,
    PassagesChanged,
    QuestionAsked,
    QuestionQueued,
    ReviewChanged,
    ReviewClockRang,
    ReviewExpired,
    ReviewHandedOn,
    ReviewJoined,
    ReviewReminded,
    ReviewRequested,
)

# Who acts on what. Every event has its line: one without would wait in the outbox for a relay that knows it.
SUBSCRIPTIONS: Mapping[type[Event], tuple[str, ...]] = {
    DeliveryAccepted: ("hear",),
    QuestionAsked: ("answer", "deliver"),
    QuestionQueued: ("deliver",),
    AnswerPublished: ("deliver",),
    AskedBack: ("deliver",),
    ReviewRequested: ("deliver", "show_review"),
    ReviewJoined: ("deliver", "show_review"),
    ReviewClockRang: ("keep_time",),
    ReviewReminded: ("tell_reviewer",),
    ReviewHandedOn: ("deliver", "show_review", "tell_reviewer"),
    ReviewChanged: ("show_review",),
    ReviewExpired: ("deliver", "show_review"),
    AnswerApproved: ("deliver", "show_review"),
    AnswerAmended: ("deliver", "show_review"),
    AnswerRejected: ("deliver", "show_review"),
    AnswerSuspended: ("deliver",),
    AnswerRetracted: ("deliver",),
    ArticleFellDue: ("renew",),
    DocumentChanged: ("read_parted", "show_review"),
    DocumentForgotten: ("read_parted", "show_review"),
    PassagesChanged: ("replicate",),
}

_BATCH = 100
# What no notification told of.
RELAY_SWEEP_S = 5.0
# What whoever hears of it at once has left lying: it may be away.
RELAY_LEFT_S = 1.0

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


async def run_relay(queue: Queue, *, wake: asyncio.Event, sweep_s: float = RELAY_SWEEP_S) -> None:
    """Until cancelled: at every wake, and every few seconds anyway. Any number may run: each takes facts that
    no other has in hand."""
    handlers = {event.__name__: wanted for event, wanted in SUBSCRIPTIONS.items()}
    while True:
        wake.clear()
        try:
            while await queue.relay(handlers, limit=_BATCH) == _BATCH:
                pass
        except Unavailable as error:
            log.warning("relay.unavailable", reason=str(error))
        await awoken(wake, within_s=sweep_s)


async def awoken(wake: asyncio.Event, *, within_s: float) -> bool:
    """Return at the wake, or when the time is over; which of the two it was."""
    with suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            await wake.wait()
    return wake.is_set()

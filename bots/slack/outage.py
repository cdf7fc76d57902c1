"""Tells people on Slack, once each, that what they said is kept while the database is away, without which
nothing can be answered."""

import asyncio
from dataclasses import dataclass, field

import structlog

from bots.chat_platform import Heard, Inbound, Pressed, Said
from bots.slack.calls import Calls
from bots.slack.people import SlackPeople
from bots.texts import texts_for
from brain.domain.errors import ExpertError

# Nobody is told who cannot be told soon: a storm must not become one of ours.
_MOST_AT_A_TIME = 50
_IN_TIME_S = 20.0
# Who is answered within a few seconds after all has no use for the notice.
GRACE_S = 3.0

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(slots=True)
class Outage:
    """`over` is for when the database is back; from then on, people would be told anew."""

    calls: Calls
    people: SlackPeople
    grace_s: float = GRACE_S
    _told: set[tuple[str, str]] = field(default_factory=set)
    _telling: set[asyncio.Task[None]] = field(default_factory=set)

    def kept(self, inbound: Inbound) -> None:
        """In the journal. Commands and forms are answered at once; whom nobody addressed, needs no answer."""
        who = inbound.conversation.workspace, inbound.author
        if not _waits(inbound) or who in self._told or len(self._telling) >= _MOST_AT_A_TIME:
            return
        self._told.add(who)
        telling = asyncio.create_task(self._tell(inbound))
        self._telling.add(telling)
        telling.add_done_callback(self._telling.discard)

    def over(self) -> None:
        self._told.clear()

    async def close(self) -> None:
        for telling in self._telling:
            telling.cancel()
        if self._telling:
            await asyncio.wait(self._telling)

    async def _tell(self, inbound: Inbound) -> None:
        place = inbound.conversation
        await asyncio.sleep(self.grace_s)
        if (place.workspace, inbound.author) not in self._told:  # it is over
            return
        try:
            async with asyncio.timeout(_IN_TIME_S):
                person = await self.people.person(place.workspace, inbound.author)
                await self.calls.call(
                    place.workspace,
                    "chat.postEphemeral",
                    channel=place.channel,
                    user=inbound.author,
                    text=texts_for(person.locale)("kept_for_later"),
                    **_thread(inbound),
                )
        except (ExpertError, TimeoutError) as error:
            reason = str(error) if isinstance(error, ExpertError) else ""
            log.warning("slack.untold_of_outage", error=type(error).__name__, reason=reason)


def _waits(inbound: Inbound) -> bool:
    match inbound.what:
        case Said(heard=Heard.MENTION | Heard.DIRECT | Heard.SHORTCUT) | Pressed():
            return bool(inbound.conversation.channel and inbound.author and not inbound.bot)
        case _:
            return False


def _thread(inbound: Inbound) -> dict[str, str]:
    """Slack shows it in a thread only where there is one already, which what was just said does not make.

    https://docs.slack.dev/reference/methods/chat.postEphemeral
    """
    thread = inbound.conversation.thread
    begins = isinstance(inbound.what, Said) and thread == inbound.what.message
    return {"thread_ts": thread} if thread and not begins else {}

"""Where talk happens, who people are there, and what was delivered to us and posted by us."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType
from uuid import UUID

from brain.domain.clock import WorkingHours
from brain.domain.identity import DepartmentId, MemberId
from brain.domain.question import QuestionId

DeliveryId = NewType("DeliveryId", UUID)
# Platforms take private replies for half an hour at most.
REPLY_FOR = timedelta(minutes=29)
# Who would have to wait longer to post comes back later, so that nothing else waits behind them.
LONGEST_WAIT_S = 3.0


@dataclass(frozen=True, slots=True)
class Conversation:
    """A place on a platform. `thread` is empty outside threads; with `reader`, an external id, only that
    person sees what is said there."""

    platform: str
    workspace: str
    channel: str
    thread: str = ""
    reader: str = ""

    @property
    def channel_id(self) -> tuple[str, str, str]:
        return self.platform, self.workspace, self.channel


@dataclass(frozen=True, slots=True)
class Identity:
    """A person as a platform knows them.

    `email` only where the platform has verified it. `guest`: the workspace let them in, but they do not
    belong to its organisation. `locale` is a language tag such as "de-DE", or empty.
    """

    platform: str
    workspace: str
    external_id: str
    name: str = ""
    email: str | None = None
    guest: bool = False
    bot: bool = False
    locale: str = ""

    @property
    def handle(self) -> str:
        """Of somebody who is known, but no member: by it the two are told apart."""
        return f"{self.platform}-{self.workspace}-{self.external_id}".lower()


@dataclass(frozen=True, slots=True)
class Reader:
    """What counts of somebody for what may be shown to them; who is no member has no departments."""

    guest: bool
    disabled: bool
    departments: frozenset[DepartmentId]


@dataclass(frozen=True, slots=True)
class MessageRef:
    """A message that was posted: in which channel, and its id there. `private` ones cannot be changed."""

    workspace: str
    channel: str
    id: str
    private: bool = False


@dataclass(frozen=True, slots=True)
class Delivery:
    """Something that a platform told us, before anything is done about it.

    `external_id` is the same in each repetition. `twin`, where it is not empty, is the same in everything
    that the platform tells because of the same message. `payload` is what the bots make of it.
    """

    id: DeliveryId
    source: str
    external_id: str
    twin: str
    payload: str


class Kept(StrEnum):
    """Where a delivery is that we have told a platform we have."""

    DATABASE = "database"
    JOURNAL = "journal"


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to post, or to change, one message of ours, for a while.

    `refs` is what was posted, `digest` what it says. `unsure`: an earlier attempt never told how it ended.
    `reply_to` is where a private reply may be sent, until `reply_until` and `replies_left` times. In `wait_s`
    it is its turn in the channel.
    """

    key: str
    fence: int
    refs: tuple[MessageRef, ...] = ()
    digest: str = ""
    unsure: bool = False
    reply_to: str = ""
    reply_until: datetime | None = None
    replies_left: int = 0
    wait_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Wait:
    """Others are first: come back in so many seconds."""

    seconds: float


class Answering(StrEnum):
    """What the bot answers in a channel."""

    MENTIONS = "mentions"
    QUESTIONS = "questions"


class MayAsk(StrEnum):
    MEMBERS = "members"
    EVERYONE = "everyone"


@dataclass(frozen=True, slots=True)
class ChannelRules:
    """How the bot behaves in a channel, as an admin of the department has set it up.

    `least_confidence` is what an answer needs that nobody asked the bot for. `alerts`: what other bots post
    is answered, too. `talks_in`: outside these hours only those who address the bot hear from it.
    `reviews`: the department's reviews are shown here.
    """

    department: DepartmentId
    answers: Answering = Answering.MENTIONS
    may_ask: MayAsk = MayAsk.MEMBERS
    least_confidence: float = 0.85
    alerts: bool = False
    talks_in: WorkingHours | None = None
    reviews: bool = False


@dataclass(frozen=True, slots=True)
class Thread:
    """What the bot has to do with a thread: whom it answers there, whether it asked back what was meant,
    whether a person has taken over, and which question was the last there, if only overheard."""

    askers: frozenset[MemberId] = frozenset()
    asked_back: bool = False
    stepped_back: bool = False
    question: QuestionId | None = None

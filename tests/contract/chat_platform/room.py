"""A chat platform with people in it: what the suite needs to know of whichever platform it is run against."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from bots.chat_platform import ChatPlatform, File, Inbound, Trigger
from brain.domain.conversation import Conversation


class Trouble(Enum):
    """What happens to the next message that is posted."""

    AWAY = auto()
    REFUSED = auto()
    CUT_BEFORE = auto()
    CUT_AFTER = auto()


@dataclass(frozen=True, slots=True)
class Seen:
    """A message, a form or the Home as somebody sees it. `mentions` and `links` are the live ones, those that
    the platform makes out of bare words included."""

    text: str
    buttons: Sequence[str] = ()
    mentions: Sequence[str] = ()
    links: Sequence[str] = ()


@dataclass
class Room(ABC):
    """`amira` and `omar` are external ids of people who read `place`, a thread where there are such things;
    so does a bot of somebody else's. `gina` is a guest, and reads it too. `amira` has a verified address.
    """

    platform: ChatPlatform
    place: Conversation
    amira: str
    omar: str
    gina: str
    email: str

    @abstractmethod
    async def sees(self, who: str, where: Conversation) -> Sequence[Seen]:
        """What the bot has said there, in order."""

    @abstractmethod
    async def says(self, who: str, text: str, *, file: tuple[str, bytes, str] | None = None) -> Inbound:
        """In `place`, to the bot; as our receiver hands it on. `file` is name, content and media type."""

    @abstractmethod
    async def commands(self, who: str, text: str) -> Inbound:
        """Where nobody else sees it, in `place`."""

    @abstractmethod
    async def presses(self, who: str, label: str) -> Inbound:
        """A button of the latest message in `place`."""

    @abstractmethod
    async def form(self, who: str) -> Seen | None:
        """The one that is open."""

    @abstractmethod
    async def submits(self, who: str, values: Mapping[str, str]) -> Inbound:
        """What is entered into the open form, by the labels of its entries."""

    @abstractmethod
    async def home(self, who: str) -> Seen | None:
        """What they find there."""

    @abstractmethod
    async def trigger(self, who: str, *, late: bool = False) -> Trigger:
        """As it comes with a press; one that has been over for long, where it is late."""

    @abstractmethod
    async def takes_away(self, who: str, where: Conversation) -> None:
        """The latest message of the bot's, as a person with the right to it does."""

    @abstractmethod
    async def lose(self, file: File) -> None:
        """It is deleted on the platform."""

    @abstractmethod
    def trouble(self, what: Trouble) -> None:
        """It is what happens next."""

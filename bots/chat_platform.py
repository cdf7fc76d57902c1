"""What a chat platform is to us: the whole contract, and the words in which platforms and the bot talk.

Nothing of a vendor comes past this: what arrives is an `Inbound`, what goes out is a `Message`, a `Form` or a
`Home`, and how well a platform can show them is its own matter.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import Flag, StrEnum, auto
from typing import Any, Protocol, get_args

from brain.domain.conversation import Conversation, Identity, MessageRef
from brain.domain.errors import Rejected


class Capability(Flag):
    """What a person sees the difference of."""

    THREADS = auto()
    BUTTONS = auto()
    FORMS = auto()
    EDIT = auto()
    EPHEMERAL = auto()
    STREAM = auto()
    FILES = auto()
    HOME = auto()


class Heard(StrEnum):
    """How something that was said came to the bot."""

    COMMAND = "command"
    MENTION = "mention"
    DIRECT = "direct"
    SHORTCUT = "shortcut"
    OVERHEARD = "overheard"


@dataclass(frozen=True, slots=True)
class File:
    """`size` in bytes; `id` is what the platform fetches it by."""

    id: str
    name: str
    media_type: str
    size: int


@dataclass(frozen=True, slots=True)
class Said:
    """Somebody wrote `text`, freed of the mention of the bot and of the platform's markup.

    `message` is the platform's id of it, empty for a command. `reply_to` is where a private reply may be sent
    for a while, for platforms that have such a thing. `mentions` are the external ids of people addressed.
    """

    text: str
    heard: Heard
    message: str = ""
    files: tuple[File, ...] = ()
    mentions: tuple[str, ...] = ()
    reply_to: str = ""
    trigger: str = ""


@dataclass(frozen=True, slots=True)
class Pressed:
    """A button of a message of ours. `trigger` opens a form, for a few seconds."""

    action: str
    value: str
    message: str = ""
    trigger: str = ""
    reply_to: str = ""


@dataclass(frozen=True, slots=True)
class Submitted:
    """A form of ours, with the `value` that it was opened with."""

    form: str
    value: str
    fields: Mapping[str, str] = field(default_factory=dict)


class Place(StrEnum):
    HOME = "home"
    ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True)
class Opened:
    """Somebody came to a place where the bot greets them."""

    place: Place


@dataclass(frozen=True, slots=True)
class Removed:
    """The workspace does not want the bot any more, since `at`, in whole seconds since 1970; 0 is unknown."""

    at: int = 0


What = Said | Pressed | Submitted | Opened | Removed


@dataclass(frozen=True, slots=True)
class Inbound:
    """Something that happened on a platform.

    `delivery` is the same whenever the platform delivers it again; `twin` is the same in everything that the
    platform sends because of the same message, and empty where there is no message. `author` is the external
    id of who did it, empty where nobody did; `author_workspace` where they are at home, if not here.
    `direct`: nobody but them and the bot is there.
    """

    delivery: str
    conversation: Conversation
    author: str
    what: What
    twin: str = ""
    author_workspace: str = ""
    bot: bool = False
    direct: bool = False

    def to_json(self) -> str:
        return json.dumps(_fields(self) | {"kind": type(self.what).__name__}, default=_fields)

    @staticmethod
    def from_json(line: str) -> "Inbound":
        known = json.loads(line)
        name = known.pop("kind")
        kind = next(one for one in get_args(What) if one.__name__ == name)
        known["what"] = _what(kind, known["what"])
        known["conversation"] = Conversation(**known["conversation"])
        return Inbound(**known)


def _fields(one: Any) -> dict[str, Any]:
    """Without the copies that `asdict` makes."""
    return {field.name: getattr(one, field.name) for field in fields(one)}


def _what(kind: Any, known: dict[str, Any]) -> What:
    for name, one in (("heard", Heard), ("place", Place)):
        if name in known:
            known[name] = one(known[name])
    if "files" in known:
        known["files"] = tuple(File(**file) for file in known["files"])
    if "mentions" in known:
        known["mentions"] = tuple(known["mentions"])
    what: What = kind(**{one.name: known[one.name] for one in fields(kind) if one.name in known})
    return what


class Style(StrEnum):
    PLAIN = "plain"
    PRIMARY = "primary"
    DANGER = "danger"


@dataclass(frozen=True, slots=True)
class Action:
    """A button. `name` and `value` come back in `Pressed`; `confirm` is asked before."""

    name: str
    label: str
    value: str
    style: Style = Style.PLAIN
    confirm: str = ""


@dataclass(frozen=True, slots=True)
class Field:
    """A short fact with its name."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Reference:
    """Number `[n]` of an answer. `link` is empty where the source has no address; it is the only kind of link
    that a message may hold."""

    number: int
    label: str
    quote: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """What the bot says. `text` is in our one Markdown dialect: paragraphs, headings, lists, tables, code,
    bold and italics.

    From top to bottom: `mentions`, the only people that it addresses; `heading`; `asked`, the words of a
    person, shown as a quotation; `text`; `references`; `fields`; `links` of our own, each a label and an
    address; `note`, in small print; `actions`. Nothing in any of these texts is a platform's markup, a
    mention or a link.
    """

    text: str
    heading: str = ""
    asked: str = ""
    references: tuple[Reference, ...] = ()
    fields: tuple[Field, ...] = ()
    note: str = ""
    actions: tuple[Action, ...] = ()
    mentions: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()

    @property
    def digest(self) -> str:
        """The same for messages that look the same."""
        return hashlib.sha256(repr(self).encode()).hexdigest()


class Input(StrEnum):
    LINE = "line"
    TEXT = "text"
    CHOICE = "choice"
    SWITCH = "switch"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that a form asks for. `choices` are values with their labels; `value` is what it starts with.

    A switch is "yes" or "".
    """

    name: str
    label: str
    input: Input = Input.LINE
    value: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    optional: bool = False
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """`name` and `value` come back in `Submitted`, with what was entered under the entries' names."""

    name: str
    title: str
    submit: str
    cancel: str
    entries: tuple[Entry, ...]
    value: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Home:
    """What one person finds at the bot's own place, section after section."""

    sections: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Prompts:
    """Questions that somebody who does not know where to begin may ask with a click: label and text."""

    title: str
    prompts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Status:
    """What the bot is doing, in a conversation that can show it; an empty one takes it away."""

    text: str


@dataclass(frozen=True, slots=True)
class Trigger:
    """Where a form is to be opened: for whom has just pressed or typed something."""

    workspace: str
    token: str


class Unknown(Exception):
    """It may have been posted: look before you post again, and not before that time has passed."""

    def __init__(self, message: str = "", retry_after_s: float = 0.5) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class TooLate(Rejected):
    """The form could not be opened any more; press the button again."""


class Directory(Protocol):
    """The people of a platform, and where they talk."""

    async def person(self, workspace: str, external_id: str) -> Identity: ...

    async def by_email(self, workspace: str, email: str) -> Identity | None: ...

    async def readers(self, conversation: Conversation) -> Sequence[Identity]:
        """Everyone who can read what is posted there, other bots left out."""

    async def direct(self, workspace: str, external_id: str) -> Conversation:
        """Where the bot talks to that person alone."""

    async def address(self, conversation: Conversation) -> str:
        """A link to its thread, where everybody in the workspace may read it; empty everywhere else."""


class ChatPlatform(Protocol):
    """All of them raise `Unavailable` for what passes and `Rejected` for what does not."""

    name: str
    can: Capability

    @property
    def people(self) -> Directory: ...

    async def post(
        self, to: Conversation, message: Message, *, key: str, reply_to: str = ""
    ) -> Sequence[MessageRef]:
        """In order, its parts where it is too long for one. `key` goes with it, so that `find` finds it.

        Raises `Unknown` where it may have been posted or not.
        """

    async def find(self, to: Conversation, *, key: str) -> Sequence[MessageRef]:
        """What was posted there with this key; empty where nothing was."""

    async def edit(
        self, refs: Sequence[MessageRef], to: Conversation, message: Message, *, key: str
    ) -> Sequence[MessageRef]:
        """Have them say this instead; doing it again changes nothing."""

    async def show(self, to: Conversation | Trigger, what: Form | Home | Prompts | Status) -> None:
        """A form to a trigger, anything else to a conversation. Raises `TooLate` where a trigger is over."""

    async def fetch_file(self, workspace: str, file: File) -> bytes:
        """Raises `Rejected` where it is gone, too big, or not ours to read."""

"""Where talk happens, and who people are there."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Conversation:
    """A place on a platform. `thread` is empty outside threads; with `reader`, an external id, only that
    person sees what is said there."""

    platform: str
    workspace: str
    channel: str
    thread: str = ""
    reader: str = ""


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

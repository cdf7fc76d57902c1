"""How far the product stands below its best, and why: one level, from what is known of its parts.

Each level still gives a useful reply, which says on what level it was made. Everything returns by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from brain.domain.circuit import Circuit, State


class Level(IntEnum):
    FULL = 0
    STAND_IN = 1  # a model is away, and another one, or a rule, does its work
    NO_MODEL = 2  # passages are quoted
    NO_SEARCH = 3  # what was approved to the very same words, else a person
    NO_DATABASE = 4  # a journal takes what comes, and a fixed notice is all that is said
    OVERLOADED = 5  # refused before any work


# What whoever reads such a reply is told. Platforms say it in their language: `level_1` to `level_3`.
TOLD = {
    Level.STAND_IN: "The usual language model could not be used; a stand-in did its work.",
    Level.NO_MODEL: "The language model could not be used; without it I can only quote the sources.",
    Level.NO_SEARCH: (
        "The search in the documents is away just now; without it I can only give what a person approved to"
        " the very same words."
    ),
}


@dataclass(frozen=True, slots=True)
class Rung:
    """Where the product stands; `reason` is for those who run it."""

    level: Level
    reason: str = ""


@dataclass(slots=True)
class Seen:
    """How it went with something that has no circuit, the last time it was needed."""

    reason: str = ""

    @property
    def failing(self) -> bool:
        return bool(self.reason)

    def succeeded(self) -> None:
        self.reason = ""

    def failed(self, reason: str) -> None:
        self.reason = reason or "it did not answer"


@dataclass(frozen=True, slots=True)
class Part:
    """Something that can be away; `away` says why, and is empty while it is there."""

    name: str
    away: str = ""

    @classmethod
    def behind(cls, circuit: Circuit) -> "Part":
        """As the last call left it: what failed is away until a call succeeds."""
        away = circuit.failing or circuit.state is not State.CLOSED
        return cls(circuit.name, (circuit.reason or "it is left alone") if away else "")


@dataclass(frozen=True, slots=True)
class Known:
    """`writers` are asked in turn; `others` do what a rule, or nobody, does without them. The rest says why
    something is away, or is empty."""

    writers: Sequence[Part] = ()
    others: Sequence[Part] = ()
    search: str = ""
    database: str = ""
    overload: str = ""
    backlog: str = ""


def rung(known: Known) -> Rung:
    """The lowest that anything known puts the product on."""
    if known.overload:
        return Rung(Level.OVERLOADED, known.overload)
    if known.database:
        return Rung(Level.NO_DATABASE, known.database)
    if known.search:
        return Rung(Level.NO_SEARCH, known.search)
    if known.backlog:
        return Rung(Level.NO_MODEL, known.backlog)
    if known.writers and known.writers[0].away:
        alone = all(one.away for one in known.writers)
        return Rung(Level.NO_MODEL if alone else Level.STAND_IN, _why(known.writers[0]))
    # Of stand-ins nothing is heard, nor needed, while the first is there.
    away = next((one for one in known.others if one.away), None)
    return Rung(Level.STAND_IN, _why(away)) if away else Rung(Level.FULL)


def _why(part: Part) -> str:
    return f"{part.name}: {part.away}"

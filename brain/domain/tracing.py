"""Where a piece of work comes from, and the spans it is seen as: none, unless a process has a tracer.

A trace goes with the facts: who writes one writes the trace down with it, and who acts on it goes on there.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

# Ids, names of our own and numbers; never what somebody wrote, who they are, or a token.
Facts = Mapping[str, str | int | float | bool | tuple[str, ...]]


class Kind(StrEnum):
    INTERNAL = "internal"
    SERVER = "server"
    CLIENT = "client"
    CONSUMER = "consumer"


@dataclass(frozen=True, slots=True)
class Origin:
    """Of a fact. `traceparent` is as W3C writes it, empty without a trace; `began_at` is when the first fact
    was accepted that this one follows from, None where nobody waits for what comes of it."""

    traceparent: str = ""
    began_at: datetime | None = None


UNKNOWN = Origin()


class Tracer(Protocol):
    """`parent` is a traceparent; empty: the span that is open here, if any."""

    def span(self, name: str, *, kind: Kind, facts: Facts, parent: str) -> AbstractContextManager[None]: ...

    def past(self, name: str, *, seconds: float, facts: Facts, parent: str) -> None:
        """A span that ends now."""

    def note(self, facts: Facts) -> None:
        """Of the span that is open here, what was not known when it began."""

    def traceparent(self) -> str:
        """Of the span that is open here; empty where none is."""


_tracer: Tracer | None = None
_began_at: ContextVar[datetime | None] = ContextVar("began_at", default=None)


@contextmanager
def installed(tracer: Tracer) -> Iterator[None]:
    """For the whole process, as long as the block lasts."""
    global _tracer  # noqa: PLW0603  # one a process, as its log is
    before, _tracer = _tracer, tracer
    try:
        yield
    finally:
        _tracer = before


def span(
    name: str, *, kind: Kind = Kind.INTERNAL, facts: Facts | None = None, parent: str = ""
) -> AbstractContextManager[None]:
    """Around a piece of work; one that raises shows what kind of error it was, and no words of it."""
    if _tracer is None:
        return nullcontext()
    return _tracer.span(name, kind=kind, facts=facts or {}, parent=parent)


def past(name: str, *, seconds: float, facts: Facts | None = None, parent: str = "") -> None:
    if _tracer is not None:
        _tracer.past(name, seconds=seconds, facts=facts or {}, parent=parent)


def note(facts: Facts) -> None:
    """More of the span that is open here."""
    if _tracer is not None:
        _tracer.note(facts)


def origin() -> Origin:
    """What a fact that is written here carries with it."""
    return Origin(_tracer.traceparent() if _tracer else "", _began_at.get())


@contextmanager
def following(known: Origin) -> Iterator[None]:
    """What is written inside follows from a fact with this origin."""
    token = _began_at.set(known.began_at)
    try:
        yield
    finally:
        _began_at.reset(token)

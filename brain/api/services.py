"""What the HTTP API is given to work with. `config` builds it; nothing here knows how."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from brain.api.limits import Limits
from brain.api.metrics import Metrics
from brain.api.progress import ProgressBoard
from brain.domain.circuit import Circuit
from brain.domain.ladder import Level, Rung
from brain.ports.talk import TalkStore
from brain.usecases.accept import Accept
from brain.usecases.ask import Ask
from brain.usecases.calibrate import Calibrate
from brain.usecases.decide import Decide
from brain.usecases.erase import Erase
from brain.usecases.export import Export
from brain.usecases.ingest import Ingest
from brain.usecases.roll_back import RollBack


class Check(NamedTuple):
    """One dependency: `detail` says what a person should know, above all where it is not ok."""

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Readiness:
    ok: bool
    checks: tuple[Check, ...]
    rung: Rung


def _full(_database: str) -> Rung:
    return Rung(Level.FULL)


@dataclass(frozen=True, slots=True)
class Services:
    """`queue_counts` gives how many tasks are in each state but done, by the state's name, and
    `oldest_due_s`: how long the oldest due one has been waiting. `metrics` are those of this process,
    where it has some already. `board` is where the workers of this process report too; `circuits` are the
    backends that this process asks over the network. `rung` says how far below its best it stands, given why
    the database is away, or nothing where it answers.
    """

    store: TalkStore
    accept: Accept
    ask: Ask
    decide: Decide
    ingest: Ingest
    roll_back: RollBack
    erase: Erase
    export: Export
    calibrate: Calibrate
    ready: Callable[[], Awaitable[Readiness]]
    queue_counts: Callable[[], Awaitable[Mapping[str, float]]]
    version: str
    metrics: Metrics | None = None
    board: ProgressBoard = field(default_factory=ProgressBoard)
    circuits: Sequence[Circuit] = ()
    rung: Callable[[str], Rung] = _full
    limits: Limits = field(default_factory=Limits)

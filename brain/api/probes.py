"""What any process shows of itself, whether it serves people or only works: that it lives, what it counts."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from brain.api.metrics import Metrics
from brain.domain.circuit import Circuit
from brain.domain.errors import Unavailable
from brain.domain.ladder import Rung


class Seen(Protocol):
    """How a process stands; `rung` is told why the database is away, or nothing."""

    @property
    def queue_counts(self) -> Callable[[], Awaitable[Mapping[str, float]]]: ...

    @property
    def circuits(self) -> Sequence[Circuit]: ...

    @property
    def rung(self) -> Callable[[str], Rung]: ...


@dataclass(frozen=True, slots=True)
class Worker:
    """`Seen`, of a process that serves nobody."""

    registry: CollectorRegistry
    queue_counts: Callable[[], Awaitable[Mapping[str, float]]]
    circuits: Sequence[Circuit]
    rung: Callable[[str], Rung]


async def measured(metrics: Metrics, seen: Seen) -> Response:
    try:
        counts, away = await seen.queue_counts(), ""
    except Unavailable as error:
        # Reported as expert_store_up 0: when the database is away, metrics matter most.
        counts, away = None, str(error)
    rendered = metrics.render(counts, seen.circuits, seen.rung(away).level)
    return Response(rendered, headers={"Content-Type": CONTENT_TYPE_LATEST})


class Shown:
    """What is seen of a worker: nothing, until it has what it works with."""

    def __init__(self) -> None:
        self._seen: tuple[Metrics, Worker] | None = None

    def show(self, worker: Worker) -> None:
        self._seen = Metrics(worker.registry), worker

    async def measured(self) -> Response:
        if self._seen is None:
            return Response("It is starting, and may be waiting for the database.", 503)
        return await measured(*self._seen)


def probes(shown: Shown, *, version: str) -> Starlette:
    """`/health` and `/metrics`, and nothing else."""

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "alive", "version": version})

    async def measure(_: Request) -> Response:
        return await shown.measured()

    return Starlette(routes=[Route("/health", health), Route("/metrics", measure)])

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


def probes(seen: Seen, *, registry: CollectorRegistry, version: str) -> Starlette:
    """`/health` and `/metrics`, and nothing else."""
    metrics = Metrics(registry)

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "alive", "version": version})

    async def measure(_: Request) -> Response:
        return await measured(metrics, seen)

    return Starlette(routes=[Route("/health", health), Route("/metrics", measure)])

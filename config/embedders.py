"""Which embedder serves: the one in force in the database, loaded by its name and followed as it changes."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from brain.adapters.addresses import AllowedHosts
from brain.adapters.fastembed_embedder import PACKAGED, FastembedEmbedder
from brain.adapters.litellm_embedder import PREFIX, LiteLLMEmbedder
from brain.adapters.litellm_library import guarded_litellm
from brain.adapters.outbound import Gate
from brain.adapters.postgres.tenants import embedders_in_force
from brain.adapters.remembering_embedder import RememberingEmbedder
from brain.domain.circuit import Circuit
from brain.domain.errors import ExpertError, Rejected, Unavailable
from brain.domain.knowledge import Vector
from brain.ports import Embedder, TextKind
from config.settings import Settings

# How often a process looks whether another embedder has taken over: for that long its writes are put off.
_LOOK_EVERY_S = 1.0

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


async def embedder_in_force(system: AsyncEngine, *, wanted: str | None) -> str:
    """`wanted`, or the packaged one, where nothing is known yet. Raises `Rejected` where tenants differ."""
    in_force = await embedders_in_force(system)
    if len(in_force) > 1:
        each = "; ".join(f"{name}: {', '.join(slugs)}" for name, slugs in in_force.items())
        raise Rejected(
            f"The tenants' knowledge is in the terms of different embedding models ({each})."
            " Bring it to one: expert reindex --embedder NAME."
        )
    return next(iter(in_force), wanted or PACKAGED)


def advice(settings: Settings, in_force: str) -> str:
    """What to do where the one in force is not the one that the setting names; empty where it is."""
    if settings.embedder in (None, in_force):
        return ""
    return (
        f"EXPERT_EMBEDDER is {settings.embedder}, but what is known was embedded with {in_force}, which goes"
        f" on serving. To change over: expert reindex --embedder {settings.embedder}. To stay: set"
        f" EXPERT_EMBEDDER={in_force}, or unset it."
    )


@asynccontextmanager
async def loaded(settings: Settings, name: str, *, circuit: Circuit | None = None) -> AsyncIterator[Embedder]:
    """In a thread: reading a model, or importing LiteLLM, takes seconds. Raises as the adapters do."""
    async with AsyncExitStack() as stack:
        if name.startswith(PREFIX):
            await _guard(settings, stack)
        embedder = await asyncio.to_thread(_load, settings, name, circuit or embedder_circuit())
        if isinstance(embedder, LiteLLMEmbedder):
            stack.push_async_callback(embedder.close)
        else:
            stack.callback(embedder.close)
        yield embedder


async def _guard(settings: Settings, stack: AsyncExitStack) -> None:
    gate = Gate(AllowedHosts.parse(settings.allow_hosts))
    if settings.embedder_api_base is not None:
        with suppress(Unavailable):  # a name without an address now may have one when somebody asks
            await gate.check(settings.embedder_api_base, setting="EXPERT_EMBEDDER_API_BASE")
    stack.enter_context(guarded_litellm(gate))


def embedder_circuit() -> Circuit:
    rng = random.Random()  # noqa: S311  # spreads probes
    return Circuit("embedder", clock=time.monotonic, jitter=rng.random)


def _load(settings: Settings, name: str, circuit: Circuit) -> FastembedEmbedder | LiteLLMEmbedder:
    if not name.startswith(PREFIX):
        return FastembedEmbedder(name, home=settings.home)
    key = settings.embedder_api_key.get_secret_value() if settings.embedder_api_key else None
    return LiteLLMEmbedder(name, circuit=circuit, api_base=settings.embedder_api_base, api_key=key)


class ServingEmbedder:
    """An embedder that becomes another one when that is in force; each vector says whose it is.

    All of them have one circuit, which the present one, where it is asked over the network, opens and closes.
    """

    def __init__(self, embedder: Embedder, circuit: Circuit) -> None:
        self._embedder = RememberingEmbedder(embedder)
        self.name = embedder.name
        self.circuit = circuit

    async def embed(self, texts: Sequence[str], *, kind: TextKind) -> list[Vector]:
        return await self._embedder.embed(texts, kind=kind)

    def count_tokens(self, text: str) -> int:
        return self._embedder.count_tokens(text)

    async def follow(self, settings: Settings, in_force: Callable[[], Awaitable[str]]) -> None:
        """Until cancelled. The former one serves whoever is using it to the end."""
        async with AsyncExitStack() as stack:
            while True:
                await asyncio.sleep(_LOOK_EVERY_S)
                try:
                    name = await in_force()
                    if name == self.name:
                        continue
                    self._embedder = RememberingEmbedder(
                        await stack.enter_async_context(loaded(settings, name, circuit=self.circuit))
                    )
                except ExpertError as error:
                    # Whoever asks or writes meanwhile is told to come back; this is for whoever can mend it.
                    log.warning("embedder.not_followed", reason=str(error))
                    continue
                log.info("embedder.took_over", former=self.name, embedder=name)
                self.name = name

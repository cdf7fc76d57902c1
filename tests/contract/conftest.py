"""The HTTP API as its callers reach it: a real database behind it, and no socket in between."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import uuid4

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from brain.adapters.postgres.queue import Queue
from brain.api.app import create_app
from brain.api.services import Check, Readiness, Services
from brain.domain.identity import MemberId
from brain.domain.ladder import Level, Rung
from brain.domain.records import Key, KeyId
from brain.usecases.authenticate import digest, new_key
from brain.usecases.calibrate import Calibrate
from brain.usecases.erase import Erase
from brain.usecases.export import Export
from brain.usecases.roll_back import RollBack
from tests.conftest import World

Headers = Mapping[str, str]


@dataclass(slots=True)
class Api:
    world: World
    http: httpx.AsyncClient
    keys: dict[str, str] = field(default_factory=dict)

    async def by(self, handle: str) -> Headers:
        """The header that speaks for this member."""
        if handle not in self.keys:
            self.keys[handle] = await mint(self.world, self.world.people[handle].member.id)
        return {"Authorization": f"Bearer {self.keys[handle]}"}

    async def get(self, path: str, *, by: str = "amira") -> httpx.Response:
        return await self.http.get(path, headers=await self.by(by))

    async def post(
        self, path: str, body: object = None, *, by: str = "amira", headers: Headers | None = None
    ) -> httpx.Response:
        return await self.http.post(path, json=body, headers={**await self.by(by), **(headers or {})})

    async def upload(
        self, name: str, content: bytes, *, department: str = "it-ops", by: str = "ravi"
    ) -> httpx.Response:
        return await self.http.post(
            "/v1/documents",
            files={"file": (name, content)},
            data={"department": department},
            headers=await self.by(by),
        )


async def mint(world: World, member: MemberId, *, revoked: bool = False) -> str:
    secret = new_key(world.tenant)
    async with world.store.transaction(world.tenant) as tx:
        key = Key(KeyId(uuid4()), member, "test", digest(secret), tx.now, tx.now if revoked else None)
        await tx.people.save_key(key)
    return secret


@asynccontextmanager
async def served(world: World, services: Services) -> AsyncIterator[Api]:
    app = create_app(services)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://expert.test") as http,
    ):
        yield Api(world, http)


@pytest.fixture
def services(world: World, system_engine: AsyncEngine) -> Services:
    async def ready() -> Readiness:
        return Readiness(True, (Check("database", True, "answers"),), Rung(Level.FULL))

    async def queue_counts() -> Mapping[str, float]:
        counts = await Queue(system_engine).counts()
        return {"oldest_due_s": counts.oldest_due_s} | {state.value: n for state, n in counts.tasks.items()}

    return Services(
        store=world.store,
        accept=world.accept,
        ask=world.ask,
        decide=world.decide,
        ingest=world.ingest,
        roll_back=RollBack(world.store, world.decide.embedder),
        erase=Erase(world.store, world.ask.embedder),
        export=Export(world.store),
        calibrate=Calibrate(world.store, world.ask.calibration),
        ready=ready,
        queue_counts=queue_counts,
        version="1.2.3",
    )


@pytest.fixture
async def api(world: World, services: Services) -> AsyncIterator[Api]:
    async with served(world, services) as running:
        yield running

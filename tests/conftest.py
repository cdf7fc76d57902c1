"""What tests share: one real PostgreSQL for the session, and a fresh tenant for each test."""

import asyncio
import atexit
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from brain.adapters.documents import Documents
from brain.adapters.extractive_generator import ExtractiveGenerator
from brain.adapters.fastembed_embedder import PACKAGED, FastembedEmbedder
from brain.adapters.postgres.index import PostgresIndex
from brain.adapters.postgres.migrate import migrate
from brain.adapters.postgres.store import SqlStore, SqlTransaction, connect
from brain.adapters.postgres.tenants import create_tenant
from brain.domain.confidence import Calibration
from brain.domain.identity import (
    Department,
    DepartmentId,
    Member,
    MemberId,
    Principal,
    Role,
    TenantId,
    Thresholds,
    Visibility,
)
from brain.domain.knowledge import Vector
from brain.domain.reply import Reply
from brain.ports import Embedder, TextKind
from brain.usecases.accept import Accept, Asking
from brain.usecases.ask import Ask
from brain.usecases.decide import Decide
from brain.usecases.ingest import Ingest, Ingested, Upload
from brain.usecases.read import reply
from config.embedded_postgres import EmbeddedPostgres
from config.settings import DatabaseUrls

# Its processes start with the first file, and serve every test.
PARSER = Documents()
atexit.register(PARSER.close)
RUNBOOKS = Path(__file__).parents[1] / "demo" / "runbooks"


@contextmanager
def own_postgres() -> Iterator[EmbeddedPostgres]:
    """For what is about all the tenants of a database."""
    # Not pytest's tmp_path: a socket's path must be short.
    home = Path(tempfile.mkdtemp(prefix="expert-"))
    try:
        with EmbeddedPostgres(home) as running:
            urls = running.urls
            asyncio.run(migrate(urls.owner, app_role="expert_app", system_role="expert_system"))
            yield running
    finally:
        shutil.rmtree(home)


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    with own_postgres() as running:
        # No test takes the machine's power away, and a disk is waited for at each of many commits.
        running.execute("ALTER SYSTEM SET synchronous_commit = off;\nSELECT pg_reload_conf();")
        yield running


@pytest.fixture(scope="session")
def urls(postgres: EmbeddedPostgres) -> DatabaseUrls:
    return postgres.urls


async def emptied(urls: DatabaseUrls) -> None:
    """Nothing of other tests is left to be done: the queue crosses tenants."""
    owner = connect(urls.owner, pool_size=1)
    async with owner.begin() as connection:
        await connection.execute(text("TRUNCATE outbox, task"))
    await owner.dispose()


class RememberingEmbedder(FastembedEmbedder):
    """The real model; the samples, which many tests ingest, are embedded once."""

    def __init__(self, name: str, *, home: Path) -> None:
        super().__init__(name, home=home)
        self._known: dict[tuple[str, TextKind], Vector] = {}

    async def embed(self, texts: Sequence[str], *, kind: TextKind) -> list[Vector]:
        new = [text for text in dict.fromkeys(texts) if (text, kind) not in self._known]
        vectors = await super().embed(new, kind=kind)
        self._known |= {(text, kind): vector for text, vector in zip(new, vectors, strict=True)}
        return [self._known[text, kind] for text in texts]


@pytest.fixture(scope="session")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastembedEmbedder]:
    model = RememberingEmbedder(PACKAGED, home=tmp_path_factory.mktemp("models"))
    yield model
    model.close()


@pytest.fixture
async def app_engine(urls: DatabaseUrls) -> AsyncIterator[AsyncEngine]:
    engine = connect(urls.app, pool_size=10)
    yield engine
    await engine.dispose()


@pytest.fixture
async def system_engine(urls: DatabaseUrls) -> AsyncIterator[AsyncEngine]:
    engine = connect(urls.system, pool_size=3)
    yield engine
    await engine.dispose()


@pytest.fixture
def store(app_engine: AsyncEngine, embedder: FastembedEmbedder) -> SqlStore:
    return SqlStore(app_engine)


@dataclass(frozen=True)
class Travelling(SqlStore):
    """The real store, in which it is whatever time a test says."""

    moments: list[datetime] = field(default_factory=list)

    @asynccontextmanager
    async def transaction(self, tenant: TenantId) -> AsyncIterator[SqlTransaction]:
        async with SqlStore.transaction(self, tenant) as tx:
            yield replace(tx, now=self.moments[-1])


@dataclass(frozen=True, slots=True)
class World:
    """A tenant, its departments and people, and what they can do.

    Everyone may read it-ops, hr and procurement, and procurement publishes nothing unseen; payroll is closed.
    `amira` and `omar` ask; `ravi` reviews in all the open ones, `rosa` in it-ops and hr, `petra` in payroll.
    """

    tenant: TenantId
    store: SqlStore
    departments: dict[str, Department]
    people: dict[str, Principal]
    accept: Accept
    ask: Ask
    decide: Decide
    ingest: Ingest

    async def asks(
        self, text: str, *, by: str = "amira", department: str | None = None, after: Reply | None = None
    ) -> Reply:
        """As the API does it: accept, answer, read."""
        asking = Asking(
            text, department=department, conversation=after.question.conversation if after else None
        )
        question = await self.accept(self.people[by], asking)
        await self.ask(self.tenant, question)
        return await reply(self.store, self.people[by], question)

    async def reads(
        self, source: str, text: str, *, department: str = "it-ops", by: str = "ravi"
    ) -> Ingested:
        return await self.ingest(self.people[by], Upload(department, source, text.encode()))


async def everywhere(world: World, handle: str) -> None:
    """Makes somebody admin of every department."""
    async with world.store.transaction(world.tenant) as tx:
        member = await tx.people.member(handle)
        assert member is not None
        roles = {
            one.id: member.roles.get(one.id, frozenset()) | {Role.ADMIN} for one in world.departments.values()
        }
        await tx.people.save_member(replace(member, roles=roles))
        world.people[handle] = Principal(world.tenant, replace(member, roles=roles))


async def new_world(store: SqlStore, system: AsyncEngine, embedder: Embedder) -> World:
    tenant = await create_tenant(system, slug=f"t-{uuid4().hex[:12]}", name="Northlight Freight")
    departments = {
        slug: Department(
            DepartmentId(uuid4()), slug, slug.upper(), visibility=visibility, thresholds=thresholds
        )
        for slug, visibility, thresholds in (
            ("it-ops", Visibility.TENANT, Thresholds()),
            ("hr", Visibility.TENANT, Thresholds()),
            ("procurement", Visibility.TENANT, Thresholds(publish=1.0, abstain=0.0)),
            ("payroll", Visibility.DEPARTMENT, Thresholds()),
        )
    }
    roles = {
        "amira": {"it-ops": {Role.ASKER}},
        "omar": {"hr": {Role.ASKER}},
        "ravi": {
            "it-ops": {Role.REVIEWER, Role.ADMIN},
            "hr": {Role.REVIEWER},
            "procurement": {Role.REVIEWER},
        },
        "rosa": {"it-ops": {Role.REVIEWER}, "hr": {Role.REVIEWER}},
        "petra": {"payroll": {Role.REVIEWER, Role.ADMIN}},
    }
    people = {}
    async with store.transaction(tenant) as tx:
        for department in departments.values():
            await tx.people.save_department(department)
        for handle, held in roles.items():
            member = Member(
                MemberId(uuid4()),
                handle,
                handle.title(),
                roles={departments[slug].id: frozenset(some) for slug, some in held.items()},
            )
            await tx.people.save_member(member)
            people[handle] = Principal(tenant, member)
    return World(
        tenant=tenant,
        store=store,
        departments=departments,
        people=people,
        accept=Accept(store),
        ask=Ask(
            store,
            PostgresIndex(store.engine),
            embedder,
            ExtractiveGenerator(),
            Calibration.load(),
        ),
        decide=Decide(store, embedder),
        ingest=Ingest(store, embedder, PARSER),
    )


@pytest.fixture
async def world(store: SqlStore, system_engine: AsyncEngine, embedder: FastembedEmbedder) -> World:
    return await new_world(store, system_engine, embedder)


@pytest.fixture
async def other_world(store: SqlStore, system_engine: AsyncEngine, embedder: FastembedEmbedder) -> World:
    """Another tenant in the same database."""
    return await new_world(store, system_engine, embedder)

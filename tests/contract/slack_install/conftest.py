"""An installation as its admin has it: settings in the environment, a fake Slack, and the product running."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

pytest.importorskip("slack_bolt", reason="the extra `slack` is not installed")

from bots.slack.scopes import needed
from brain.adapters.journal import Journal
from brain.adapters.postgres.store import connect
from brain.usecases.take_in import TakeIn
from config import slack as slack_config
from config.last_known import database_circuit
from config.measures import Measures
from config.settings import DatabaseUrls, Settings, load_settings
from demo.fake_slack import FakeSlack, Person
from tests.conftest import World

SPECS = Path(__file__).parents[4] / "shared" / "specs" / "slack"
# Tokens and secrets that are worth nothing are part of what is tried.
_TRIED = ("invalid_auth", "bad_client_secret")
METHODS = SPECS / "web_api_methods_2026-05.json"


@dataclass
class Desk:
    """Where `set` writes a setting, and `running` starts what they make."""

    slack: FakeSlack
    world: World
    slug: str
    system: AsyncEngine
    environment: pytest.MonkeyPatch
    people: dict[str, Person] = field(default_factory=dict)
    app: FastAPI = field(default_factory=FastAPI)

    def set(self, **settings: str) -> None:
        for name, value in settings.items():
            self.environment.setenv(f"EXPERT_{name.upper()}", value)

    @property
    def settings(self) -> Settings:
        return load_settings()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["slack_config.Slack"]:
        """The part of it that Slack sees, on a port of its own."""
        world, settings = self.world, self.settings
        async with AsyncExitStack() as stack:
            journal = Journal(settings.home / "journal")
            stack.push_async_callback(journal.close)
            take_in = TakeIn(world.store, journal, database_circuit())
            known = slack_config.slack(settings, take_in, self.system, stack, measures=Measures())
            assert known is not None
            app = self.app = FastAPI()
            known.receive_at(app)
            server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off"))
            serving = asyncio.create_task(server.serve())
            while not server.started:  # noqa: ASYNC110  # uvicorn tells by a flag alone
                await asyncio.sleep(0.01)
            port = server.servers[0].sockets[0].getsockname()[1]
            self.set(port=str(port))
            await stack.enter_async_context(slack_config.listening(settings, known, Measures()))
            if settings.slack_app_token is not None:
                await self.slack.until(lambda: self.slack.sockets.connections, 10)
            try:
                yield known
            finally:
                server.should_exit = True
                await serving


@pytest.fixture
async def desk(
    world: World,
    system_engine: AsyncEngine,
    urls: DatabaseUrls,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Desk]:
    """With everything as it should be, in Socket Mode; nothing runs yet, and nobody has installed the app."""
    owner = connect(urls.owner, pool_size=1)
    async with owner.begin() as connection:
        await connection.execute(text("TRUNCATE installation"))
    await owner.dispose()
    async with system_engine.connect() as connection:
        slug = await connection.scalar(text("SELECT slug FROM tenant WHERE id = :id"), {"id": world.tenant})
    async with FakeSlack(methods=METHODS if METHODS.exists() else None) as slack:
        slack.workspace.scopes[:] = needed()
        desk = Desk(slack, world, slug, system_engine, monkeypatch)
        desk.set(
            home=str(tmp_path),
            database_url=urls.owner,
            database_url_app=urls.app,
            database_url_system=urls.system,
            slack_bot_token=slack.bot_token,
            slack_app_token=slack.app_token,
            slack_api_url=slack.api_url,
            slack_tenant=slug,
            port="1",
        )
        await _hire(desk)
        yield desk
        assert [one for one in slack.violations if one.problem not in _TRIED] == []


async def _hire(desk: Desk) -> None:
    world = desk.world
    async with world.store.transaction(world.tenant) as tx:
        for member in await tx.people.members():
            email = f"{member.handle}@northlight.example"
            await tx.people.save_member(replace(member, email=email))
            desk.people[member.handle] = desk.slack.add_person(member.name, email=email)

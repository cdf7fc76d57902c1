"""A delivery that is lost, refused or early is answered all the same, and once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI
from sqlalchemy import text

from brain.adapters.postgres.store import connect
from brain.domain.errors import Unavailable
from config.known_workspaces import KnownWorkspaces
from config.settings import DatabaseUrls
from config.slack import Slack
from config.slack_workspaces import OneWorkspace
from tests.flow.slack.conftest import Office

ROTATE = "How do I rotate the Redis password?"
FOUND = "rotate the redis password"


@asynccontextmanager
async def over_http(office: Office) -> AsyncIterator[None]:
    """Slack sends to our own address, instead of through a socket."""
    app = FastAPI()
    nowhere = KnownWorkspaces(Path("/nowhere"), OneWorkspace.__new__(OneWorkspace))
    Slack(office.platform, office.receiver, nowhere, office.outage).receive_at(app)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off"))
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  # uvicorn tells by a flag alone
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    office.slack.deliveries.urls[:] = [f"http://127.0.0.1:{port}/slack/events"]
    yield
    office.slack.deliveries.urls.clear()
    await office.slack.deliveries.idle()
    server.should_exit = True
    await serving


def refuse(office: Office, times: int) -> list[Exception]:
    """The next deliveries cannot be kept."""
    left: list[Exception] = [Unavailable() for _ in range(times)]
    keep = office.receiver.handle

    async def unkept(inbound: object) -> None:
        if left:
            raise left.pop()
        await keep(inbound)  # type: ignore[arg-type]  # passed on as it came

    object.__setattr__(office.receiver, "handle", unkept)
    return left


async def _answered_once(office: Office, asked: object) -> None:
    await office.sees("omar", office.help, FOUND, thread=asked, times=2)
    await office.quiet()
    seen = office.people["omar"].sees(office.help, thread=asked)  # type: ignore[arg-type]  # a message, as the fake takes it
    assert len(seen) == 2


@pytest.mark.parametrize("way", ["http", "sockets"])
async def test_a_first_delivery_that_was_lost_is_answered_by_its_retry(office: Office, way: str) -> None:
    async with _way(office, way):
        office.slack.deliveries.mischief.lost = 2  # of the message, and of the mention in it
        asked = office.people["amira"].says(office.help, f"@expert {ROTATE}")
        await _answered_once(office, asked)

    numbers = {attempt.number for one in office.slack.deliveries.all for attempt in one.attempts}
    assert 1 in numbers


@pytest.mark.parametrize("way", ["http", "sockets"])
async def test_what_was_not_kept_is_not_acknowledged_and_comes_again(office: Office, way: str) -> None:
    office.slack.deliveries.within_s = 0.3
    left = refuse(office, 3)
    async with _way(office, way):
        asked = office.people["amira"].says(office.help, f"@expert {ROTATE}")
        await _answered_once(office, asked)

    assert not left
    failures = [attempt.failure for one in office.slack.deliveries.all for attempt in one.attempts]
    assert failures.count("http_error" if way == "http" else "timeout") == 3


@pytest.mark.parametrize("way", ["http", "sockets"])
async def test_whoever_typed_a_command_is_told_that_it_cannot_be_kept(office: Office, way: str) -> None:
    left = refuse(office, 1)
    async with _way(office, way):
        await office.people["amira"].commands("/expert", f"ask {ROTATE}", office.help)
        told = await office.sees("amira", office.help, "try again")

    assert not left
    assert told.ephemeral


async def test_what_came_while_nobody_worked_is_answered_later(office: Office, urls: DatabaseUrls) -> None:
    owner = connect(urls.owner, pool_size=1)
    async with owner.begin() as connection:
        # Nothing is relayed, so nothing is worked on: the relay waits for this table.
        await connection.execute(text("LOCK TABLE task IN ACCESS EXCLUSIVE MODE"))
        asked = office.people["amira"].says(office.help, f"@expert {ROTATE}")
        attempts = [await one for one in office.slack.deliveries.all]
        assert attempts
        assert not any(one.failure for one in attempts)
        assert not office.people["amira"].sees(office.help, thread=asked)[1:]
    await owner.dispose()
    await _answered_once(office, asked)


def _way(office: Office, way: str) -> AbstractAsyncContextManager[None]:
    return over_http(office) if way == "http" else nullcontext()

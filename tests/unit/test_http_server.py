"""What is done beside a server: one ends the other, and says how."""

import asyncio

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from brain.domain.errors import Unavailable
from config.http_server import Server, serve_beside


async def _no_app(_scope: Scope, _receive: Receive, _send: Send) -> None:
    """Nobody asks."""


def _server() -> Server:
    return Server(uvicorn.Config(_no_app, host="127.0.0.1", port=0, log_config=None, lifespan="off"))


async def test_a_bug_in_stopping_is_not_passed_over() -> None:
    server = _server()

    async def work(_stop: asyncio.Event) -> None:
        server.should_exit = True
        try:
            await asyncio.Event().wait()
        finally:
            raise LookupError("a bug in stopping")

    with pytest.raises(LookupError, match="a bug in stopping"):
        await serve_beside(server, work)


async def test_who_stops_in_peace_is_told_so_first() -> None:
    server, told = _server(), list[bool]()

    async def work(stop: asyncio.Event) -> None:
        server.should_exit = True
        try:
            await asyncio.Event().wait()
        finally:
            told.append(stop.is_set())

    await serve_beside(server, work)
    assert told == [True]


async def test_a_start_that_fails_ends_the_server() -> None:
    async def work(_stop: asyncio.Event) -> None:
        raise Unavailable("no such model")

    with pytest.raises(Unavailable, match="no such model"):
        await serve_beside(_server(), work)

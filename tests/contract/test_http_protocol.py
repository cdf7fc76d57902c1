"""Clients that trickle or flood the head of a request, on real sockets."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from config.http_protocol import PatientProtocol


class Hasty(PatientProtocol):
    head_s = 0.3


class Narrow(PatientProtocol):
    head_s = 60.0
    head_bytes = 4_096


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await asyncio.sleep(0.5)  # longer than a head may take
    await send({"type": "http.response.body", "body": b"hello"})


@asynccontextmanager
async def connected(
    protocol: type[PatientProtocol] = Hasty,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    config = uvicorn.Config(hello, port=0, http=protocol, lifespan="off", log_config=None, loop="asyncio")
    config.load()
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(
        lambda: protocol(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
        try:
            yield reader, writer
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):  # the server was first
                await writer.wait_closed()
            await asyncio.gather(*state.tasks)


GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def test_requests_one_after_the_other_are_answered_however_long_they_take() -> None:
    async with connected() as (reader, writer):
        for _ in range(2):
            writer.write(GET)
            assert b"200 OK" in await asyncio.wait_for(reader.readuntil(b"hello"), 10)


@pytest.mark.parametrize("start", [b"", b"GET / HTTP/1.1\r\nHost: x\r\nX-A: b\r\n"])
async def test_a_head_that_does_not_come_is_not_waited_for(start: bytes) -> None:
    async with connected() as (reader, writer):
        writer.write(start)
        assert await asyncio.wait_for(reader.read(), 10) == b""


async def test_a_trickling_second_request_is_not_waited_for_either() -> None:
    async with connected() as (reader, writer):
        writer.write(GET)
        await asyncio.wait_for(reader.readuntil(b"hello"), 10)
        writer.write(GET[:10])
        assert await asyncio.wait_for(reader.read(), 10) == b""


async def test_an_endless_head_is_cut_off() -> None:
    async with connected(Narrow) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\n" + b"X-A: bbbbbbbb\r\n" * 10_000)
        with contextlib.suppress(ConnectionError):  # cut off before all of it was read
            assert await asyncio.wait_for(reader.read(), 30) == b""

"""A model server that speaks OpenAI's chat completions over HTTP, streaming and not, and fails or lies in the
way a test asks for."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypedDict


class SentMessage(TypedDict):
    role: str
    content: str


class Body(TypedDict, total=False):
    model: str
    messages: list[SentMessage]
    stream: bool
    stream_options: dict[str, bool]
    temperature: float
    max_tokens: int
    max_completion_tokens: int


@dataclass(frozen=True, slots=True)
class Request:
    path: str
    headers: dict[str, str]
    body: Body
    at_s: float


@dataclass(frozen=True, slots=True)
class Failure:
    """A reply that is no stream: an error, or a page of HTML."""

    status: int
    message: str = "the server's own words"
    headers: tuple[str, ...] = ()
    html: bool = False


@dataclass(frozen=True, slots=True)
class Stream:
    """`ending`: whole, cut (the connection breaks), quiet (in order, but early), hang, error, empty."""

    pieces: Sequence[str]
    finish_reason: str = "stop"
    ending: str = "whole"
    usage: bool = True
    thoughts: Sequence[str] = ()


Reply = Failure | Stream
Character = Callable[[Body], Reply]


@dataclass(slots=True)
class FakeOpenAI:
    """Gives `replies` in order, the last one again and again, or what its `character` makes of a request;
    `gone`: a client left before the end. Each waits for `delay_s`; `keep` is whether requests are."""

    replies: list[Reply] = field(default_factory=list)
    character: Character | None = None
    requests: list[Request] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    base: str = ""
    connections: dict[asyncio.StreamWriter, asyncio.Task[None]] = field(default_factory=dict)
    delay_s: float = 0.0
    keep: bool = True

    def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections[writer] = asyncio.create_task(self._serve(reader, writer))

    async def hang_up(self) -> None:
        for writer in self.connections:
            writer.close()
        await asyncio.gather(*self.connections.values())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._exchange(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            self.gone.set()
        finally:
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head[1:] if line)
        }
        body = json.loads(await reader.readexactly(int(headers.get("content-length", "0"))))
        if self.keep:
            self.requests.append(Request(head[0].split(" ")[1], headers, body, time.monotonic()))
        self.arrived.set()
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        reply = self._reply(body)
        if isinstance(reply, Failure):
            writer.write(_failure(reply))
            await writer.drain()
            return True
        if not body.get("stream"):
            writer.write(_response(200, "application/json", json.dumps(_completion(reply)).encode()))
            await writer.drain()
            return True
        return await self._stream(reply, reader, writer)

    def _reply(self, body: Body) -> Reply:
        if self.character is not None:
            return self.character(body)
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]

    async def _stream(
        self, reply: Stream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        for event in _events(reply):
            writer.write(_chunk(f"data: {event}\n\n"))
            await writer.drain()
        if reply.ending == "hang":
            await reader.read()
            self.gone.set()
            return False
        if reply.ending == "cut":
            return False
        if reply.ending == "whole":
            writer.write(_chunk("data: [DONE]\n\n"))
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True


@asynccontextmanager
async def fake_openai() -> AsyncIterator[FakeOpenAI]:
    fake = FakeOpenAI()
    server = await asyncio.start_server(fake.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    fake.base = f"http://127.0.0.1:{port}/v1"
    try:
        yield fake
    finally:
        server.close()
        await fake.hang_up()
        await server.wait_closed()


def _events(reply: Stream) -> list[str]:
    if reply.ending == "empty":
        return [json.dumps(_event(choices=[])) for _ in range(2)]
    deltas = [{"role": "assistant", "content": ""}]
    deltas += [{"reasoning_content": thought} for thought in reply.thoughts]
    deltas += [{"content": piece} for piece in reply.pieces]
    events = [_event(choices=[{"index": 0, "delta": delta, "finish_reason": None}]) for delta in deltas]
    if reply.ending == "error":
        return [*map(json.dumps, events), json.dumps({"error": {"message": "out of memory", "code": 500}})]
    if reply.ending == "whole":
        events.append(_event(choices=[{"index": 0, "delta": {}, "finish_reason": reply.finish_reason}]))
        if reply.usage:
            events.append(
                _event(choices=[], usage={"prompt_tokens": 321, "completion_tokens": 45, "total_tokens": 366})
            )
    return [json.dumps(event) for event in events]


def _event(**more: object) -> dict[str, object]:
    return {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "served-name"} | more


def _chunk(text: str) -> bytes:
    data = text.encode()
    return b"%x\r\n%s\r\n" % (len(data), data)


def _completion(reply: Stream) -> dict[str, object]:
    """https://platform.openai.com/docs/api-reference/chat/object"""
    message = {"role": "assistant", "content": "".join(reply.pieces)}
    choice = {"index": 0, "message": message, "finish_reason": reply.finish_reason}
    usage = {"prompt_tokens": 321, "completion_tokens": 45, "total_tokens": 366}
    return _event(object="chat.completion", choices=[choice], usage=usage)


def _failure(reply: Failure) -> bytes:
    if reply.html:
        page = f"<html><body>{reply.message}</body></html>".encode()
        return _response(reply.status, "text/html", page, reply.headers)
    body = json.dumps({"error": {"message": reply.message}}).encode()
    return _response(reply.status, "application/json", body, reply.headers)


def _response(status: int, kind: str, body: bytes, headers: Sequence[str] = ()) -> bytes:
    lines = [
        f"HTTP/1.1 {status} Said",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body

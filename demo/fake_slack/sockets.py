"""Socket Mode: connections of the app, envelopes to them, and their acknowledgements.

https://docs.slack.dev/apis/events-api/using-socket-mode
"""

import asyncio
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

from demo.fake_slack.records import App, Json

CONNECTIONS = 10


@dataclass(eq=False)
class Connection:
    socket: web.WebSocketResponse
    number: int
    closing: bool = False
    waiting: dict[str, asyncio.Future[Json | None]] = field(default_factory=dict)

    def lose(self) -> None:
        """Nothing more will be acknowledged here."""
        self.closing = True
        for answer in self.waiting.values():
            if not answer.done():
                answer.set_exception(ConnectionResetError("the socket was closed"))


class Sockets:
    """`unknown` are acknowledgements of envelopes that nobody sent."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._tickets: set[str] = set()
        self._turn = 0
        self._opened = asyncio.Event()
        self.base = ""
        self.opened = 0
        self.connections: list[Connection] = []
        self.unknown: list[str] = []

    def new_url(self) -> str:
        ticket = secrets.token_urlsafe(12)
        self._tickets.add(ticket)
        return f"{self.base.replace('http', 'ws', 1)}/link/?ticket={ticket}&app_id={self._app.id}"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            return web.Response(status=408)
        self._tickets.discard(ticket)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.opened += 1
        connection = Connection(socket, self.opened)
        await socket.send_json(self._hello())
        self.connections.append(connection)
        self._opened.set()
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    self._acknowledged(connection, message.data)
        finally:
            connection.lose()
            self.connections.remove(connection)
            if not self._ready():
                self._opened.clear()
        return socket

    def _hello(self) -> Json:
        return {
            "type": "hello",
            "num_connections": len(self.connections) + 1,
            "debug_info": {"host": "fake", "build_number": 1, "approximate_connection_time": 18060},
            "connection_info": {"app_id": self._app.id},
        }

    def _acknowledged(self, connection: Connection, data: str) -> None:
        try:
            said: Any = json.loads(data)
            envelope_id = said["envelope_id"]
        except (ValueError, TypeError, KeyError):
            self.unknown.append(data)
            return
        answer = connection.waiting.get(envelope_id)
        if answer is None:
            self.unknown.append(data)
        elif not answer.done():
            answer.set_result(said.get("payload") or None)

    def _ready(self) -> list[Connection]:
        return [one for one in self.connections if not one.closing and not one.socket.closed]

    async def send(
        self, kind: str, payload: Json, *, retry: tuple[int, str] | None, within_s: float
    ) -> Json | None:
        """What came with the acknowledgement. Raises TimeoutError or ConnectionError where there was none."""
        async with asyncio.timeout(within_s):
            while not (ready := self._ready()):
                self._opened.clear()
                await self._opened.wait()
            connection = ready[self._turn % len(ready)]
            self._turn += 1
            envelope: Json = {"envelope_id": secrets.token_hex(16), "type": kind, "payload": payload}
            envelope["accepts_response_payload"] = kind != "events_api"
            if kind == "events_api":
                number, reason = retry or (0, "")
                envelope |= {"retry_attempt": number, "retry_reason": reason}
            answer: asyncio.Future[Json | None] = asyncio.get_running_loop().create_future()
            connection.waiting[envelope["envelope_id"]] = answer
            await connection.socket.send_json(envelope)
            return await answer

    async def disconnect(self, reason: str = "refresh_requested", *, which: int | None = None) -> None:
        """As Slack does every few hours: says so, and closes."""
        for connection in self._chosen(which):
            connection.closing = True
            await connection.socket.send_json(
                {"type": "disconnect", "reason": reason, "debug_info": {"host": "fake"}}
            )
            await connection.socket.close()

    def drop(self, which: int | None = None) -> None:
        """Breaks connections without a word."""
        for connection in self._chosen(which):
            connection.lose()
            # What the library calls the transport of a socket has no public name.
            request = connection.socket._req
            if request is not None and request.transport is not None:
                request.transport.abort()

    def _chosen(self, which: int | None) -> list[Connection]:
        return [one for one in self._ready() if which is None or one.number == which]

    async def close(self) -> None:
        for connection in list(self.connections):
            connection.lose()
            await connection.socket.close()

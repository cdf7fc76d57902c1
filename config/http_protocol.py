"""uvicorn's HTTP protocol with an end to patience: a request's head must be short and come soon."""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class PatientProtocol(HttpToolsProtocol):
    """uvicorn alone waits for the rest of a head for ever, and keeps as much of it as comes."""

    head_s = 10.0
    head_bytes = 64 * 1024
    _deadline: asyncio.TimerHandle | None = None
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_arrived()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        reading_head = self._deadline is not None
        super().data_received(data)
        if reading_head and self._deadline is not None:
            self._head_bytes += len(data)
            if self._head_bytes > self.head_bytes:
                self._give_up()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._expect_head()

    def on_headers_complete(self) -> None:
        self._head_arrived()
        super().on_headers_complete()

    def _expect_head(self) -> None:
        """Between two requests, uvicorn's own limit for idle connections counts."""
        self._head_arrived()
        self._deadline = self.loop.call_later(self.head_s, self._give_up)

    def _head_arrived(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline, self._head_bytes = None, 0

    def _give_up(self) -> None:
        self._head_arrived()
        self.transport.close()

"""An HTTP server inside a process that is stopped by others than it, and the port that it needs."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import uvicorn

from brain.domain.errors import Conflict, Rejected


class Server(uvicorn.Server):
    """Signals are its process's affair, which ends it by `should_exit`."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve_beside(
    server: uvicorn.Server, work: Callable[[asyncio.Event], Coroutine[Any, Any, None]]
) -> None:
    """Until the server is stopped, or `work` ends; one ends the other. `work` is told that it is to stop, and
    is cancelled then. Raises what went wrong in either, stopping included."""
    stop = asyncio.Event()
    serving, working = asyncio.create_task(server.serve()), asyncio.create_task(work(stop))
    try:
        await asyncio.wait({serving, working}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        server.should_exit = True
        await asyncio.wait({serving})
        stop.set()
        working.cancel()
        await asyncio.wait({working})
    if not working.cancelled():
        working.result()
    serving.result()


def free_port(host: str, port: int, *, setting: str) -> None:
    """Before anything is started: a port that is taken is the commonest trouble. Raises what it is."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError as error:
            raise Rejected(f"{setting}={port}: this port needs more rights than yours.") from error
        except OSError as error:
            raise Conflict(
                f"Port {port} on {host} is taken ({error.strerror}); set {setting} to another."
            ) from error

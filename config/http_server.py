"""An HTTP server inside a process that is stopped by others than it, and the port that it needs."""

import contextlib
import socket
from collections.abc import Iterator

import uvicorn

from brain.domain.errors import Conflict, Rejected


class Server(uvicorn.Server):
    """Signals are its process's affair, which ends it by `should_exit`."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


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

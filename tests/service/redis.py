"""A Redis of a test's own, on a free port: to be flushed, killed and started again."""

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

needs_redis = pytest.mark.skipif(
    shutil.which("redis-server") is None, reason="redis-server is not installed (Debian: redis-server)"
)


@dataclass
class Redis:
    """Keeps nothing on disk: what it held is gone when it is killed."""

    directory: Path
    port: int = 0
    _process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)

    def __post_init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        words = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir"]
        self._process = subprocess.Popen([*words, str(self.directory)], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while self._says("PING") != b"+PONG":
            assert time.monotonic() < deadline, "redis-server did not start"
            time.sleep(0.02)

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def flush(self) -> None:
        assert self._says("FLUSHALL") == b"+OK"

    def kill(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _says(self, command: str) -> bytes:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                connection.sendall(f"{command}\r\n".encode())
                return connection.recv(100).strip()
        except OSError:
            return b""


@contextmanager
def own_redis(directory: Path) -> Iterator[Redis]:
    """Not started yet."""
    redis = Redis(directory)
    try:
        yield redis
    finally:
        redis.kill()

"""The product as people run it, `expert up` in a process of its own, on an embedded PostgreSQL beside it.
Each can be killed and started again, and is asked what it has used."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from config.embedded_postgres import EmbeddedPostgres
from config.postgres_leftovers import postmaster_pid
from config.settings import DatabaseUrls

EXPERT = (sys.executable, "-c", "from config.cli import main; main()")
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 2**20


@dataclass(frozen=True, slots=True)
class Used:
    """Of one process and those under it; memory and descriptors are its own."""

    cpu_s: float = 0.0
    memory_mb: float = 0.0
    descriptors: int = 0


def used(pid: int) -> Used:
    """Nothing of one that is gone."""
    try:
        memory = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_MB
        descriptors = sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
        return Used(_cpu_s(pid), memory, descriptors)
    except (FileNotFoundError, ProcessLookupError):
        return Used()


def _cpu_s(pid: int) -> float:
    """With the children that have ended, and those that live."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(map(int, fields[11:15])) / _TICKS + sum(_cpu_s(int(child)) for child in children)


@dataclass
class Postgres:
    """An embedded one, without the installation that it usually belongs to."""

    embedded: EmbeddedPostgres
    data: Path
    gone_cpu_s: float = 0.0

    @staticmethod
    def at(home: Path) -> "Postgres":
        return Postgres(EmbeddedPostgres(home), home / "postgres" / "data")

    @property
    def urls(self) -> DatabaseUrls:
        return self.embedded.urls

    @property
    def pid(self) -> int:
        return int(postmaster_pid(self.data, ready=False) or 0)

    async def start(self) -> None:
        await asyncio.to_thread(self.embedded.start)

    async def stop(self) -> None:
        await asyncio.to_thread(self.embedded.stop)

    async def kill(self) -> None:
        """The server alone: its children see that it is gone."""
        self.gone_cpu_s += used(self.pid).cpu_s
        os.kill(self.pid, signal.SIGKILL)
        await self.stop()

    def used(self) -> Used:
        now = used(self.pid)
        return Used(now.cpu_s + self.gone_cpu_s, now.memory_mb, now.descriptors)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Product:
    """`words` are what is typed after `expert`."""

    home: Path
    environment: Mapping[str, str]
    words: Sequence[str] = ("up", "--no-demo")
    command: Sequence[str] = EXPERT
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None
    gone_cpu_s: float = 0.0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        own = {"EXPERT_HOME": str(self.home), "EXPERT_PORT": str(self.port)}
        with (self.home / f"{self.words[0]}.out").open("ab") as out:
            self.process = subprocess.Popen(  # noqa: S603  # our own command
                [*self.command, *self.words],
                env={**os.environ, **self.environment, **own},
                stdout=out,
                stderr=out,
            )

    async def ready(self, *, within_s: float = 120.0) -> None:
        """Raises `TimeoutError` where it does not get there, with the end of what it said."""
        until = time.monotonic() + within_s
        async with httpx.AsyncClient(timeout=5) as client:
            while time.monotonic() < until and self.alive:
                try:
                    if (await client.get(f"{self.url}/ready")).status_code == httpx.codes.OK:
                        return
                except httpx.TransportError:
                    pass
                await asyncio.sleep(0.1)
        said = (self.home / f"{self.words[0]}.out").read_text(errors="replace")
        raise TimeoutError(f"expert {' '.join(self.words)} did not become ready:\n{said[-3000:]}")

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    async def kill(self) -> None:
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        await self._end(signal.SIGINT)

    async def _end(self, how: signal.Signals) -> None:
        process, self.process = self.process, None
        if process is None:
            return
        self.gone_cpu_s += used(process.pid).cpu_s
        process.send_signal(how)
        try:
            await asyncio.to_thread(process.wait, 60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def used(self) -> Used:
        now = used(self.process.pid) if self.process else Used()
        return Used(now.cpu_s + self.gone_cpu_s, now.memory_mb, now.descriptors)

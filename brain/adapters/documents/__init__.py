"""Reads documents of many formats in processes of their own, which a file may bring down."""

import asyncio
import contextlib
import io
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, cast

from brain.adapters.documents.confinement import Limits
from brain.adapters.documents.wire import READY, BrokenOff, Reply, Request, receive_reply, send_request
from brain.domain.errors import Rejected, Unavailable
from brain.domain.knowledge import ParsedDocument

# Files read at a time. Each has a process that waits for the next one, so that a small file costs no start.
_AT_ONCE = 2
_LAST_WORDS_S = 1.0
_ROOT = Path(__file__).parents[3]


class Documents:
    """Parser of every format we read, or of `pictures` alone. `close` ends its processes."""

    def __init__(self, limits: Limits = Limits(), *, pictures: bool = False) -> None:  # noqa: B008  # frozen
        self._limits = limits
        self._pictures = pictures
        # As many threads as processes: whoever has a thread has a process.
        self._threads = ThreadPoolExecutor(1 if pictures else _AT_ONCE, thread_name_prefix="reading")
        self._idle: list[_Child] = []

    async def parse(self, content: bytes, *, name: str, media_type: str | None) -> ParsedDocument:
        if not content.strip():
            raise Rejected(f"{name} is empty.")
        if len(content) > self._limits.in_bytes:
            most = self._limits.in_bytes // 1024**2
            raise Rejected(f"{name} is larger than {most} MB: split it, or leave its pictures out.")
        request = Request(name, media_type, content)
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._read, request)

    def close(self) -> None:
        self._threads.shutdown(cancel_futures=True)
        while self._idle:
            self._idle.pop().end()

    def _read(self, request: Request) -> ParsedDocument:
        child = self._idle.pop() if self._idle else _Child(self._limits, pictures=self._pictures)
        try:
            reply = child.read(request)
        except BaseException:
            child.end()
            raise
        if reply.last:
            child.end()
        else:
            self._idle.append(child)
        if reply.document is None:
            raise Rejected(reply.refused)
        return reply.document


class _Child:
    """One confined process, killed with everything it started."""

    def __init__(self, limits: Limits, *, pictures: bool) -> None:
        self._limits = limits
        also = ["pictures"] if pictures else []
        try:
            self._process = subprocess.Popen(  # noqa: S603  # our own module and numbers
                [sys.executable, "-P", "-m", "brain.adapters.documents.child", limits.as_json(), *also],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd="/",
                # No key, no address, no home: nothing of ours is there to be found.
                env={
                    "PYTHONPATH": str(_ROOT),
                    "PYTHONDONTWRITEBYTECODE": "1",
                    "LC_ALL": "C.UTF-8",
                    # Threads that nobody needs would take a part of the memory each.
                    "OPENBLAS_NUM_THREADS": "1",
                    "OMP_NUM_THREADS": "1",
                },
                bufsize=0,
                process_group=0,
            )
        except OSError as error:
            raise Unavailable(f"No process can be started to read documents ({error.strerror}).") from error
        self._requests = cast("BinaryIO", self._process.stdin)
        self._replies = io.BufferedReader(cast("io.RawIOBase", self._process.stdout))
        if self._replies.readline() != READY:
            raise Unavailable(f"The process that reads documents ends at once (status {self.end()}).")

    def read(self, request: Request) -> Reply:
        """Raises `Rejected` where the file brings the process down, or takes too long."""
        overdue = threading.Event()
        timer = threading.Timer(self._limits.wall_s, self._give_up, [overdue])
        timer.start()
        try:
            send_request(self._requests, request)
            return receive_reply(self._replies, at_most=self._limits.text_bytes)
        except (BrokenOff, OSError) as error:
            reason = self._cause_of_death(self.end(), overdue=overdue.is_set())
            raise Rejected(f"{request.name} {reason}") from error
        finally:
            timer.cancel()

    def end(self) -> int:
        """Its exit status; negative for the signal that ended it."""
        self._requests.close()
        # One that ends by itself says why; it has a moment for it.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_LAST_WORDS_S)
        self._kill()
        self._replies.close()
        return self._process.wait()

    def _give_up(self, overdue: threading.Event) -> None:
        overdue.set()
        self._kill()

    def _kill(self) -> None:
        # Its whole group, also after its own end: the group lives as long as anybody whom it started.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _cause_of_death(self, status: int, *, overdue: bool) -> str:
        if overdue:
            return (
                f"was not read within {self._limits.wall_s:.0f} s on this busy machine: try again when less"
                " is going on."
            )
        if status == -signal.SIGXCPU:
            return f"takes more than {self._limits.cpu_s} s to be read: split it into smaller files."
        if status in (-signal.SIGKILL, -signal.SIGABRT):
            return "needs more memory than there is for one file: split it into smaller files."
        return "brings down what reads it, so it is damaged or made to do harm. Save it anew and try again."

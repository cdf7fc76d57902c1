"""Deliveries on disk, for while the database is away: written, synced, and read again to be replayed.

Segments are append-only files. Each is locked by the process that writes it, so that no other writes or
replays it; when a process is gone, so is the lock, and the next one replays what it left.
"""

import asyncio
import fcntl
import json
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import structlog

from brain.domain.conversation import Delivery, DeliveryId
from brain.domain.crash_points import reached
from brain.domain.errors import Unavailable
from brain.domain.framing import Damage, framed, records
from brain.domain.identity import TenantId
from brain.domain.tracing import origin

_SEGMENT = ".segment"
# What can be read and replayed in one go.
_SEGMENT_BYTES = 8 * 2**20
_FULL_S = 30.0
_WRITABLE = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC

T = TypeVar("T")
log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Entry:
    """A delivery, and the trace in which it came."""

    tenant: TenantId
    delivery: Delivery
    traceparent: str = ""

    def to_json(self) -> str:
        known: dict[str, object] = {"tenant": self.tenant, "delivery": asdict(self.delivery)}
        if self.traceparent:  # beside the delivery: a version that does not know it reads the rest
            known["traceparent"] = self.traceparent
        return json.dumps(known, default=str)

    @staticmethod
    def from_json(line: str) -> "Entry":
        known = json.loads(line)
        delivery = known["delivery"] | {"id": DeliveryId(UUID(known["delivery"]["id"]))}
        return Entry(TenantId(UUID(known["tenant"])), Delivery(**delivery), known.get("traceparent", ""))


@dataclass(slots=True)
class Segment:
    """An open, locked file. `size` is what of it is on disk, `held` how many of its entries are not replayed;
    which, is known once it was read."""

    path: Path
    descriptor: int
    size: int = 0
    held: int = 0
    entries: list[Entry] | None = None

    def close(self) -> None:
        os.close(self.descriptor)


@dataclass(slots=True)
class Journal:
    """Of one process. Everything that touches files happens in one thread of its own, one thing at a time.

    `damaged` counts what could not be read or replayed, `refused` what found no room. `problem` is why the
    last write failed.
    """

    directory: Path
    most_bytes: int = 2**30
    segment_bytes: int = _SEGMENT_BYTES
    damaged: int = 0
    refused: int = 0
    problem: str = ""
    _active: Segment | None = None
    _sealed: list[Segment] = field(default_factory=list)
    _waiting: list[tuple[bytes, asyncio.Future[None]]] = field(default_factory=list)
    _unwritten: int = 0
    _writing: asyncio.Task[None] | None = None
    _thread: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="journal")
    )

    @property
    def held(self) -> int:
        """How many deliveries wait here for the database."""
        return sum(segment.held for segment in self._open())

    @property
    def size(self) -> int:
        """How many bytes they take, with those that are being written."""
        return self._unwritten + sum(segment.size for segment in self._open())

    @property
    def writable(self) -> bool:
        """Whether the next delivery would probably find its place here."""
        above = next(one for one in (self.directory, *self.directory.parents) if one.exists())
        return not self.problem and self.size < self.most_bytes and os.access(above, os.W_OK)

    async def append(self, tenant: TenantId, delivery: Delivery) -> None:
        """On disk once this returns. Raises `Unavailable` where there is no room, or the disk fails."""
        record = framed(Entry(tenant, delivery, origin().traceparent or "").to_json())
        if self.size + len(record) > self.most_bytes:
            self.refused += 1
            raise Unavailable("The database is away, and the journal is full.", _FULL_S)
        self._unwritten += len(record)
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((record, written))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        await written

    async def replay(self, accept: Callable[[Sequence[Entry]], Awaitable[None]], *, batch: int) -> int:
        """Hand over everything that is held, oldest first; a segment goes once all of it was accepted.

        What `accept` raises ends it, and the next call goes on with the same batch. How many were accepted.
        """
        total = 0
        while await self._in_thread(self._seal):
            segment = self._sealed[0]
            if segment.entries is None:
                await self._in_thread(self._read, segment)
            while segment.entries:
                entries = segment.entries[:batch]
                await accept(entries)
                reached("record replayed")
                del segment.entries[: len(entries)]
                segment.held -= len(entries)
                total += len(entries)
            await self._in_thread(self._remove, segment)
            self._sealed.remove(segment)
        return total

    async def put_aside(self, entry: Entry, *, reason: str) -> None:
        """The database will never take it: kept for a person to look at."""
        name = f"{entry.delivery.id}.refused"
        await self._in_thread(self._keep_aside, name, entry.to_json().encode())
        log.error("journal.refused", delivery=str(entry.delivery.id), reason=reason)

    async def close(self) -> None:
        if self._writing is not None:
            await asyncio.wait({self._writing})
        self._thread.shutdown()
        for segment in self._open():
            segment.close()
        self._sealed, self._active = [], None

    def _open(self) -> list[Segment]:
        return [*self._sealed, self._active] if self._active else [*self._sealed]

    async def _in_thread(self, work: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    async def _write(self) -> None:
        """What comes while the disk syncs is written together, and waits for one sync."""
        while self._waiting:
            taken, self._waiting = self._waiting, []
            data, failed = b"".join(record for record, _ in taken), ""
            try:
                segment = await self._in_thread(self._append, data)
                segment.held += len(taken)
            except OSError as error:
                failed = error.strerror or type(error).__name__
                self.refused += len(taken)
                log.error("journal.not_written", reason=failed)  # noqa: TRY400  # where it happened is known
            self.problem = failed
            self._unwritten -= len(data)
            for _, written in taken:
                if written.cancelled():
                    continue
                if failed:
                    written.set_exception(Unavailable(f"The journal cannot be written: {failed}.", _FULL_S))
                else:
                    written.set_result(None)
        self._writing = None

    # From here on, in the thread.

    def _append(self, data: bytes) -> Segment:
        if self._active is not None and self._active.size >= self.segment_bytes:
            self._retire()
        if self._active is None:
            self._active = self._new()
        segment = self._active
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(segment.descriptor, rest) :]
            reached("record written")
            os.fsync(segment.descriptor)
            reached("record synced")
        except OSError:
            # After a failed sync nobody knows what is on disk: nothing more goes into this file.
            with suppress(OSError):
                os.ftruncate(segment.descriptor, segment.size)
            self._retire()
            raise
        segment.size += len(data)
        return segment

    def _retire(self) -> None:
        if self._active is not None:
            self._sealed.append(self._active)
            self._active = None

    def _new(self) -> Segment:
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        while True:
            path = self.directory / f"{time.time_ns():020d}-{os.getpid()}{_SEGMENT}"
            segment = Segment(path, os.open(path, _WRITABLE | os.O_CREAT | os.O_EXCL, 0o600))
            if _locked(segment):
                self._sync_directory()
                return segment
            segment.close()

    def _seal(self) -> bool:
        """Whether anything can be replayed: ours so far, or what processes that are gone have left. As long
        as something is there from before, ours goes on being written."""
        if self._sealed:
            return True
        self._retire()
        ours = {segment.path for segment in self._sealed}
        for path in sorted(self.directory.glob(f"*{_SEGMENT}")):
            if path in ours:
                continue
            try:
                segment = Segment(path, os.open(path, _WRITABLE))
            except FileNotFoundError:
                continue
            if _locked(segment):
                segment.size = os.fstat(segment.descriptor).st_size
                self._sealed.append(segment)
            else:
                segment.close()
        self._sealed.sort(key=lambda segment: segment.path.name)
        return bool(self._sealed)

    def _read(self, segment: Segment) -> None:
        content = segment.path.read_bytes()
        lines, damages = records(content)
        for damage in damages:
            self._report(segment, damage, content[damage.at : damage.at + damage.length])
        entries = []
        for number, line in enumerate(lines):
            try:
                entries.append(Entry.from_json(line))
            except (KeyError, TypeError, ValueError):  # of another version of us
                kept = self._keep_aside(f"{segment.path.stem}-{number}.unread", line.encode())
                # Without the trace: it would quote what was said.
                log.error("journal.unread", segment=segment.path.name, kept=str(kept))  # noqa: TRY400
        segment.entries, segment.held = entries, len(entries)

    def _report(self, segment: Segment, damage: Damage, bytes_: bytes) -> None:
        kept = self._keep_aside(f"{segment.path.stem}-{damage.at}.damaged", bytes_)
        if damage.torn:
            os.ftruncate(segment.descriptor, damage.at)
            os.fsync(segment.descriptor)
        what = "journal.torn" if damage.torn else "journal.corrupt"
        log.error(what, segment=segment.path.name, at=damage.at, bytes=damage.length, kept=str(kept))

    def _keep_aside(self, name: str, content: bytes) -> Path:
        self.damaged += 1
        aside = self.directory / "aside"
        aside.mkdir(mode=0o700, exist_ok=True)
        path = aside / name
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        return path

    def _remove(self, segment: Segment) -> None:
        """Unlocked last, so that nobody replays what is about to go."""
        segment.path.unlink(missing_ok=True)
        self._sync_directory()
        segment.close()

    def _sync_directory(self) -> None:
        descriptor = os.open(self.directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _locked(segment: Segment) -> bool:
    """False where another process has it, or had it until it was removed."""
    try:
        fcntl.flock(segment.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.fstat(segment.descriptor).st_ino == segment.path.stat().st_ino
    except (BlockingIOError, FileNotFoundError):
        return False

"""What a PostgreSQL that was not stopped in order leaves behind: live processes and a stale pid file."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from brain.domain.errors import Unavailable

_PATIENCE = ((signal.SIGINT, 15.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))


def postmaster_pid(data: Path, *, ready: bool) -> str | None:
    """From the pid file, if that process lives; with `ready`, only once it accepts connections."""
    try:
        lines = (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return None
    if not lines or not lines[0].isdigit() or not _alive(int(lines[0])):
        return None
    return lines[0] if not ready or (len(lines) > 7 and lines[7].strip() == "ready") else None


def stop_leftovers(data: Path) -> None:
    """To be called while nobody else may start PostgreSQL on this data."""
    if not (data / "postmaster.pid").exists():
        return
    find = _by_proc if Path("/proc/self/cmdline").exists() else _by_ps
    for number, seconds in _PATIENCE:
        processes = find(data)
        # An orderly stop is asked of the server alone: its children take that signal for orders of their own
        # (the checkpointer since PostgreSQL 18: to end the log), and leave with it, or when they see it dead.
        asked = postmaster_pid(data, ready=False) if number is signal.SIGINT else None
        for pid in processes:
            if number is not signal.SIGINT or str(pid) == asked:
                _signal(pid, number)
        if _gone(find, data, seconds):
            break
    else:
        raise Unavailable(
            f"An earlier PostgreSQL still runs on {data} and does not stop: processes {find(data)}."
        )
    # Its number may belong to any other process by now (in a container it often does), which PostgreSQL
    # would take for itself. No process works on this data any more, so the file means nothing.
    (data / "postmaster.pid").unlink(missing_ok=True)


def _gone(find: Callable[[Path], list[int]], data: Path, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while find(data):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _by_proc(data: Path) -> list[int]:
    """The server names its data in its command line; its children have it as their working directory."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            if b"postgres" not in words[0]:
                continue
            if os.fsencode(data) in words[1:] or (entry / "cwd").readlink() == data:
                found.append(int(entry.name))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue  # ended meanwhile, or somebody else's
    return found


def _by_ps(data: Path) -> list[int]:
    listing = subprocess.run(
        ["/bin/ps", "-axww", "-o", "pid=,command="], capture_output=True, text=True, check=True
    )
    lines = (line.strip().partition(" ") for line in listing.stdout.splitlines())
    return [int(pid) for pid, _, command in lines if "/postgres" in command and f"-D {data} " in command]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return

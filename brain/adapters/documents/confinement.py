"""What a reading process may use and do: set by itself, before it sees the first file."""

import ctypes
import json
import os
import resource
import sys
from dataclasses import asdict, dataclass
from typing import Self

_NEW_USER = 0x10000000
_NEW_NETWORK = 0x40000000
_OPEN_FOR_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Audit events of what no reader of a file has reason to do: https://docs.python.org/3/library/audit_events.html
_FORBIDDEN = (
    "ctypes.dlopen",
    "os.chmod",
    "os.exec",
    "os.fork",
    "os.kill",
    "os.link",
    "os.posix_spawn",
    "os.remove",
    "os.rename",
    "os.symlink",
    "os.system",
    "pty.spawn",
    "socket.",
    "subprocess.Popen",
)


@dataclass(frozen=True, slots=True)
class Limits:
    """For one file. The wall clock is for what waits without working, which the other limits do not see. It
    is long, as on a busy machine a process of low priority waits for its turn."""

    memory_bytes: int = 512 * 1024**2
    cpu_s: int = 20
    wall_s: float = 120.0
    in_bytes: int = 50 * 1024**2
    text_bytes: int = 10 * 1024**2

    def as_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        return cls(**json.loads(text))


def confine(limits: Limits) -> None:
    """For good: memory is bounded; no network, no new process, no file written; all others go first."""
    # A tenth of what an answer gets; at 19, a busy machine would not read a page in minutes.
    # Not in a session of its own: where the kernel groups by session, `nice` would count for nothing.
    os.nice(10)
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    _leave_the_network()
    sys.addaudithook(_refuse)


def allow_cpu(limits: Limits) -> None:
    """From now on, for the next file: the limit counts what the process has used since it began."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + limits.cpu_s, hard))


def _leave_the_network() -> None:
    """A network namespace without a device, where the kernel grants one (Linux; as root, or with user
    namespaces). Elsewhere what Python can reach is all that `_refuse` refuses."""
    if not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_NEW_NETWORK) != 0:
        libc.unshare(_NEW_USER | _NEW_NETWORK)


def _refuse(event: str, arguments: tuple[object, ...]) -> None:
    if event.startswith(_FORBIDDEN):
        raise PermissionError(f"no reader of documents may do this: {event}")
    if event == "open" and len(arguments) > 2:
        flags = arguments[2]
        if isinstance(flags, int) and flags & _OPEN_FOR_WRITING:
            raise PermissionError("no reader of documents may write a file")

"""Where the embedded PostgreSQL's socket is: a private directory with a path short enough for the kernel."""

import os
import stat
import tempfile
from pathlib import Path

from brain.domain.errors import Unavailable
from config.postgres_account import Account
from config.private_files import write_private

# macOS allows 103 bytes, of which "/.s.PGSQL.5432.lock" takes 19.
_LONGEST = 80


def socket_directory(base: Path, account: Account | None) -> Path:
    """Inside `base` where that is short enough, else a directory of its own that `base` remembers."""
    remembered = remembered_socket_directory(base)
    directory = remembered if _usable(remembered, account) else _make(base)
    if account is not None:
        account.own(directory)
    write_private(_memory(base), str(directory))
    return directory


def remembered_socket_directory(base: Path) -> Path:
    memory = _memory(base)
    return Path(memory.read_text(encoding="utf-8")) if memory.exists() else base / "socket"


def _memory(base: Path) -> Path:
    return base / "socket_directory"


def _usable(directory: Path, account: Account | None) -> bool:
    """A directory in a place where everyone writes may have been replaced by somebody else's."""
    try:
        found = directory.lstat()
    except FileNotFoundError:
        return False
    owners = {os.geteuid()} | ({account.uid} if account else set())
    private = stat.S_ISDIR(found.st_mode) and found.st_uid in owners and not found.st_mode & 0o077
    return private and _short(directory)


def _make(base: Path) -> Path:
    directory = base / "socket"
    if _short(directory):
        directory.mkdir(mode=0o700, exist_ok=True)
        return directory
    for parent in (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp"):  # noqa: S108  # mkdtemp is private
        if parent and os.access(parent, os.W_OK) and _short(Path(parent) / "expert-12345678"):
            return Path(tempfile.mkdtemp(prefix="expert-", dir=parent))
    raise Unavailable(
        f"No directory has a path short enough for PostgreSQL's socket ({_LONGEST} bytes): set EXPERT_HOME to"
        " a shorter path, or TMPDIR to a short directory that you may write to."
    )


def _short(directory: Path) -> bool:
    return len(os.fsencode(directory)) <= _LONGEST

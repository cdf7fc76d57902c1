"""Files and directories that only their owner may read, written whole or not at all."""

import os
import tempfile
from pathlib import Path


def make_private_directory(path: Path) -> bool:
    """True where it was missing and is ours now; an existing one keeps the mode its owner gave it."""
    if path.is_dir():
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir(mode=0o700, exist_ok=True)
    return True


def write_private(path: Path, text: str) -> None:
    """Replace the file in one step with mode 0600, on disk before this returns."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise

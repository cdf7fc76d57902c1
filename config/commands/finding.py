"""Finds the files that a person means, and says why some of them cannot be taken."""

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

LARGEST_BYTES = 50 * 1024**2


@dataclass(slots=True)
class Found:
    """`refused` are there, too, but cannot be sent; `closed` are folders that nobody could look into."""

    files: list[Path] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    closed: list[tuple[str, str]] = field(default_factory=list)


def find(paths: Iterable[Path]) -> Found:
    """Files, and those below folders, in order; hidden ones are left out unless they are named."""
    found = Found()
    for path in paths:
        if path.is_dir():
            _walk(path.absolute(), found)
        else:
            _take(path.absolute(), found)
    found.files = list(dict.fromkeys(found.files))
    return found


def _walk(root: Path, found: Found) -> None:
    def closed(error: OSError) -> None:
        found.closed.append((str(error.filename), error.strerror or str(error)))

    for folder, below, names in os.walk(root, onerror=closed):
        below[:] = sorted(name for name in below if not name.startswith("."))
        for path in _visible(folder, [*below, *names]):
            if path.is_symlink():
                _follow(path, root, found)
            elif path.name in names:
                _take(path, found)


def _visible(folder: str, names: Iterable[str]) -> Iterator[Path]:
    return (Path(folder, name) for name in sorted(names) if not name.startswith("."))


def _follow(link: Path, root: Path, found: Found) -> None:
    """Whoever may write into the folder must not choose what else of the disk is read."""
    target = link.resolve()
    if not target.is_relative_to(root.resolve()):
        found.refused.append((str(link), "is a link that leads out of the folder; name what it leads to"))
    elif target.is_dir():
        found.refused.append((str(link), "is a link to a folder that is read where it lies"))
    else:
        _take(link, found)


def _take(path: Path, found: Found) -> None:
    try:
        state = path.stat()
    except OSError as error:
        found.refused.append((str(path), error.strerror or str(error)))
        return
    if not stat.S_ISREG(state.st_mode):
        found.refused.append((str(path), "is no file but a pipe, a socket or a device"))
    elif state.st_size > LARGEST_BYTES:
        found.refused.append((str(path), f"is larger than {LARGEST_BYTES // 1024**2} MB: split it"))
    else:
        found.files.append(path)

"""Writes an export as it comes: JSON Lines by kind, documents as files, all of it or nothing."""

import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

from brain.domain.errors import Conflict, Rejected, Unavailable

Progress = Callable[[int], None]


def write_export(directory: Path, lines: Iterable[str], *, progress: Progress) -> Mapping[str, int]:
    """Rows by kind. The directory is new, appears whole, and only its owner may enter it."""
    directory = directory.absolute()
    if directory.exists():
        raise Conflict(f"{directory} exists; choose another name.")
    if not directory.parent.is_dir():
        raise Rejected(f"There is no directory {directory.parent}.")
    try:
        workspace = Path(tempfile.mkdtemp(prefix=f".{directory.name}-", dir=directory.parent))
    except OSError as error:
        raise Unavailable(f"{directory.parent} cannot be written: {error.strerror}.") from error
    try:
        counts = _write(workspace, lines, progress)
        workspace.rename(directory)
    except BaseException:
        shutil.rmtree(workspace)
        raise
    return counts


def _write(workspace: Path, lines: Iterable[str], progress: Progress) -> Mapping[str, int]:
    counts: Counter[str] = Counter()
    ended = None
    with ExitStack() as stack:
        files: dict[str, IO[str]] = {}
        for line in lines:
            one = json.loads(line)
            if "end" in one:
                ended = one["end"]
                continue
            kind, row = str(one["kind"]), one["row"]
            if not kind.isidentifier():
                raise Unavailable(f"The server sent a kind that cannot name a file: {kind[:40]!r}.")
            if kind not in files:
                files[kind] = stack.enter_context(_private(workspace / f"{kind}.jsonl"))
            if kind == "document":
                row = _apart(workspace, row)
            files[kind].write(json.dumps(row, ensure_ascii=False) + "\n")
            counts[kind] += 1
            progress(counts.total())
    if ended != counts.total():
        raise Unavailable("The export broke off before its end; nothing was kept. Try again.")
    return counts


def _apart(workspace: Path, row: dict[str, Any]) -> dict[str, Any]:
    """A document's text, and the bytes of one in quarantine, become files beside the row."""
    folder = workspace / "documents"
    folder.mkdir(mode=0o700, exist_ok=True)
    name, markdown, content = str(row["id"]), row.pop("markdown", ""), row.pop("content", None)
    if not name.replace("-", "").isalnum():
        raise Unavailable(f"The server sent an id that cannot name a file: {name[:40]!r}.")
    if markdown:
        with _private(folder / f"{name}.md") as file:
            file.write(markdown)
        row["text_file"] = f"documents/{name}.md"
    if content is not None:
        (folder / f"{name}.bin").touch(mode=0o600)
        (folder / f"{name}.bin").write_bytes(bytes.fromhex(content.removeprefix("\\x")))
        row["content_file"] = f"documents/{name}.bin"
    return row


def _private(path: Path) -> IO[str]:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8")

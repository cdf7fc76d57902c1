"""What has to be done so that a department knows a folder as it is now: no more, no less."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import typer

from brain.domain.errors import Rejected
from brain.domain.knowledge import readable_source
from config.commands.finding import Found
from config.commands.output import complain

# Nobody is asked about less: a few deleted files are everyday life.
_FEW = 3
_LARGE_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Plan:
    """`mirrored` documents of the folder are known; `same` files need not be sent."""

    send: list[Path]
    forget: list[Mapping[str, Any]] = field(default_factory=list)
    same: int = 0
    mirrored: int = 0


def plan(
    paths: Sequence[Path], found: Found, documents: Sequence[Mapping[str, Any]], department: str
) -> Plan:
    """By content, so that what an earlier run got done is not done again, however that run ended."""
    if len(paths) != 1 or not paths[0].is_dir():
        raise Rejected("--sync mirrors one folder: name that folder, and nothing else.")
    if found.closed:
        folder, reason = found.closed[0]
        raise Rejected(f"{folder} cannot be looked into ({reason}): what is in it would seem to be gone.")
    root = f"{paths[0].absolute()}/"
    known = [
        one
        for one in documents
        if one.get("department") == department and str(one.get("source")).startswith(root)
    ]
    # A version that cannot be read is the newest. It stays in quarantine until it changes, or is retried.
    newest = {
        readable_source(one["source"]): one.get("content_hash") for one in sorted(known, key=_is_refused)
    }
    send = [path for path in found.files if newest.get(str(path)) != _hash(path)]
    there = {*map(str, found.files), *(path for path, _ in found.refused)}
    gone = [one for one in known if readable_source(one["source"]) not in there]
    # The version that could not be read goes with its document.
    sources = {one["source"] for one in gone}
    forget = [one for one in gone if not _is_refused(one) or readable_source(one["source"]) not in sources]
    return Plan(send, forget, same=len(found.files) - len(send), mirrored=len(known) or 1)


def confirm(steps: Plan) -> None:
    """An unmounted disk and a mistyped path look like a folder from which much was deleted."""
    gone = len(steps.forget)
    if gone > _FEW and gone > _LARGE_SHARE * steps.mirrored:
        for one in steps.forget[:10]:
            complain(f"no longer there: {one['source']}")
        typer.confirm(
            f"Forget {gone} of {steps.mirrored} documents of this folder for good?", abort=True, err=True
        )


def _is_refused(document: Mapping[str, Any]) -> bool:
    return bool(document["source"] != readable_source(document["source"]))


def _hash(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""  # it is told when the file is to be sent

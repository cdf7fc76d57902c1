"""The API keys that the `expert` command speaks with: `$EXPERT_HOME/keys.toml`, for its owner's eyes only."""

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from brain.domain.errors import Missing, Rejected
from config.private_files import make_private_directory, write_private


@dataclass(frozen=True, slots=True)
class StoredKey:
    member: str
    key: str = field(repr=False)


def keys_file(home: Path) -> Path:
    return home / "keys.toml"


def read_keys(home: Path) -> dict[str, StoredKey]:
    """By name; empty where there is no file."""
    path = keys_file(home)
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except PermissionError as error:
        raise Rejected(f"{path} belongs to somebody else: run `expert` as its owner.") from error
    except ValueError as error:
        raise Rejected(f"{path} is not TOML: {error}.") from error
    keys = {}
    for name, table in tables.items():
        if not isinstance(table, dict) or not {"member", "key"} <= table.keys():
            raise Rejected(f"[{name}] in {path} needs a member and a key.")
        keys[name] = StoredKey(str(table["member"]), str(table["key"]))
    return keys


def save_key(home: Path, name: str, key: StoredKey) -> None:
    """Adds the key, or replaces the one of this name."""
    if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
        raise Rejected(f'"{name}" cannot name a key: use letters, digits, - and _.')
    make_private_directory(home)
    _write(home, read_keys(home) | {name: key})


def drop_keys(home: Path, member: str) -> list[str]:
    """Removes the keys of a member who is no more; their names."""
    keys = read_keys(home)
    dropped = [name for name, key in keys.items() if key.member == member]
    if dropped:
        _write(home, {name: key for name, key in keys.items() if name not in dropped})
    return dropped


def _write(home: Path, keys: Mapping[str, StoredKey]) -> None:
    tables = [
        f"[{one}]\nmember = {_quoted(it.member)}\nkey = {_quoted(it.key)}\n" for one, it in keys.items()
    ]
    write_private(keys_file(home), "\n".join(tables))


def choose_key(home: Path, *, wanted: str | None, usual: Sequence[str]) -> StoredKey:
    """The key asked for, else the first of the usual names that there is, else the only key."""
    keys = read_keys(home)
    if wanted is not None:
        if wanted not in keys:
            raise Missing(f"{keys_file(home)} has no key named {wanted}; it has {_listed(keys)}.")
        return keys[wanted]
    for name in usual:
        if name in keys:
            return keys[name]
    if len(keys) == 1:
        return next(iter(keys.values()))
    if not keys:
        raise Missing(
            f"There are no keys in {keys_file(home)}. `make up` makes the demo's, `expert init` an admin's;"
            " EXPERT_HOME names the installation."
        )
    raise Missing(f"{keys_file(home)} has no key named {usual[0]}; choose with --as: {_listed(keys)}.")


def _listed(keys: dict[str, StoredKey]) -> str:
    return ", ".join(keys) or "none"


def _quoted(text: str) -> str:
    # Every JSON string is a TOML string, but for DEL, which TOML wants escaped.
    return json.dumps(text).replace("\x7f", "\\u007f")

"""One file that holds an installation with its embedded PostgreSQL, and an installation from such a file."""

import hashlib
import io
import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from brain.domain.errors import Conflict, Rejected, Unavailable
from config.audit import heads_file
from config.audit_key import audit_key_file
from config.embedded_postgres import DATABASE, RESTORED, EmbeddedPostgres, attach_or_start
from config.keys import keys_file
from config.location import installation_file
from config.private_files import make_private_directory, write_private
from config.sealing import secrets_key_file

_MANIFEST, _DUMP = "manifest.json", "database.dump"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds; `dump_sha256` tells a damaged one."""

    made_at: str
    expert: str
    postgres: str
    tables: int
    dump_bytes: int
    dump_sha256: str


def expert_version() -> str:
    try:
        return version("the-expert")
    except PackageNotFoundError:
        return "not installed"


def back_up(home: Path, file: Path) -> Manifest:
    """Consistent while people ask and decide. The file appears whole, readable by its owner only."""
    if file.exists():
        raise Conflict(f"{file} exists; choose another name.")
    if not file.absolute().parent.is_dir():
        raise Rejected(f"There is no directory {file.absolute().parent}.")
    if not (home / "postgres" / "data" / "PG_VERSION").exists():
        raise Rejected(f"There is nothing to back up in {home}.")
    with _workspace(file.absolute().parent) as workspace, attach_or_start(home) as postgres:
        dump, heads = workspace / _DUMP, workspace / heads_file(home).name
        if heads_file(home).exists():
            shutil.copyfile(heads_file(home), heads)  # before the dump, which may be ahead of it
        postgres.tool("pg_dump", "--format=custom", f"--file={dump}", DATABASE)
        manifest = Manifest(
            made_at=datetime.now(UTC).isoformat(timespec="seconds"),
            expert=expert_version(),
            postgres=postgres.execute("SHOW server_version;").strip(),
            tables=_tables(postgres),
            dump_bytes=dump.stat().st_size,
            dump_sha256=_digest(dump),
        )
        archive = workspace / "archive"
        archive.touch(mode=0o600)
        with tarfile.open(archive, "w") as tar:
            content = json.dumps(asdict(manifest), indent=2).encode()
            described = tarfile.TarInfo(_MANIFEST)
            described.size, described.mode = len(content), 0o600
            tar.addfile(described, io.BytesIO(content))
            for path in (*_files(home), heads, dump):
                if path.exists():
                    tar.add(path, path.name, recursive=False)
        os.link(archive, file)  # unlike a rename, this replaces nothing
    return manifest


def read_manifest(file: Path) -> Manifest:
    try:
        with tarfile.open(file) as tar:
            return Manifest(**json.loads(_member(tar, _MANIFEST)))
    except (tarfile.TarError, KeyError, ValueError, TypeError) as error:
        raise Rejected(f"{file} is not a backup of The Expert: {error}.") from error
    except OSError as error:
        raise Rejected(f"{file} cannot be read: {error.strerror}.") from error


def restore(home: Path, file: Path, *, replace: bool) -> Manifest:
    """What is there is replaced in one step, only after the backup was loaded whole."""
    manifest = read_manifest(file)
    make_private_directory(home)
    with _workspace(home) as workspace:
        dump = _extract(file, manifest, workspace)
        with EmbeddedPostgres(home) as postgres:
            if not replace and _tables(postgres):
                raise Conflict(
                    f"{home} is in use already; --force replaces all that is in it with the backup."
                )
            postgres.execute(
                f"DROP DATABASE IF EXISTS {RESTORED};"
                f"CREATE DATABASE {RESTORED} OWNER expert_owner TEMPLATE template0;"
            )
            postgres.tool("pg_restore", "--exit-on-error", f"--dbname={RESTORED}", str(dump))
            # Before the swap: killed between them, it leaves keys that can be recovered, or restored again.
            _restore_files(home, file)
            postgres.put_restored_in_place()
    return manifest


def _restore_files(home: Path, file: Path) -> None:
    """The noted heads of what is replaced are no measure of what replaces it."""
    with tarfile.open(file) as tar:
        for path in (*_files(home), heads_file(home)):
            if path.name in tar.getnames():
                write_private(path, _member(tar, path.name).decode())
            elif path == heads_file(home):
                path.unlink(missing_ok=True)


def _files(home: Path) -> tuple[Path, ...]:
    return keys_file(home), installation_file(home), audit_key_file(home), secrets_key_file(home)


def check(home: Path, file: Path, *, replace: bool) -> Manifest:
    """As far as `restore` goes before it changes anything."""
    manifest = read_manifest(file)
    with _workspace(None) as workspace:
        _extract(file, manifest, workspace)
    if not replace and (home / "postgres" / "data" / "PG_VERSION").exists():
        with attach_or_start(home) as postgres:
            if _tables(postgres):
                raise Conflict(f"The backup is whole, but {home} is in use already: it would take --force.")
    return manifest


def _tables(postgres: EmbeddedPostgres) -> int:
    query = (
        "SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace;"
    )
    return int(postgres.execute(f"\\connect {DATABASE}\n{query}").strip())


def _extract(file: Path, manifest: Manifest, workspace: Path) -> Path:
    dump = workspace / _DUMP
    with tarfile.open(file) as tar:
        source = tar.extractfile(_DUMP) if _DUMP in tar.getnames() else None
        if source is None:
            raise Rejected(f"{file} is not a backup of The Expert: it has no {_DUMP}.")
        with source, dump.open("xb") as target:
            shutil.copyfileobj(source, target)
    if _digest(dump) != manifest.dump_sha256:
        raise Rejected(f"{file} is damaged: its {_DUMP} is not what was written.")
    return dump


def _member(tar: tarfile.TarFile, name: str) -> bytes:
    source = tar.extractfile(name)
    if source is None:
        raise KeyError(name)
    with source:
        return source.read()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _workspace(parent: Path | None) -> Iterator[Path]:
    """A directory only we can read, on the disk of the result where `parent` is given."""
    try:
        workspace = tempfile.TemporaryDirectory(prefix=".expert-", dir=parent)
    except OSError as error:
        raise Unavailable(f"{parent} cannot be written: {error.strerror}.") from error
    with workspace as directory:
        yield Path(directory)

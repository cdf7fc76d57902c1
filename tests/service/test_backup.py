"""Backup and restore with the real PostgreSQL and its tools."""

import asyncio
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from brain.domain.errors import Conflict, Rejected, Unavailable
from config.backup import back_up, check, read_manifest, restore
from config.embedded_postgres import EmbeddedPostgres, attach_or_start
from config.keys import StoredKey, read_keys, save_key

KEY = StoredKey("mia", "expk_1")
# What is easily lost: rows that only a role above row security sees, rights, and a vector.
TABLES = """
    CREATE TABLE notes (tenant_id text, body text, meaning vector(2));
    INSERT INTO notes VALUES ('acme', 'kept', '[1,2]'), ('other', 'kept too', '[3,4]');
    ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
    ALTER TABLE notes FORCE ROW LEVEL SECURITY;
    CREATE POLICY own ON notes USING (tenant_id = current_setting('expert.tenant_id', true));
    GRANT SELECT ON notes TO expert_app;
"""
ACME = "SET expert.tenant_id = 'acme'; "


@pytest.fixture
def place() -> Iterator[Path]:
    parent = Path(tempfile.mkdtemp(prefix="expert-test-"))
    parent.chmod(0o755)
    yield parent
    shutil.rmtree(parent)


@pytest.fixture
def home(place: Path) -> Path:
    with EmbeddedPostgres(place / "home") as postgres:
        _run(postgres.urls.owner, TABLES)
    save_key(place / "home", "admin", KEY)
    return place / "home"


def _run(url: str, *statements: str) -> list[asyncpg.Record]:
    async def run() -> list[asyncpg.Record]:
        connection = await asyncpg.connect(url.replace("+asyncpg", ""))
        try:
            for statement in statements[:-1]:
                await connection.execute(statement)
            if len(statements) == 1:
                await connection.execute(statements[0])
                return []
            rows: list[asyncpg.Record] = await connection.fetch(statements[-1])
            return rows
        finally:
            await connection.close()

    return asyncio.run(run())


def _notes(home: Path, tenant: str) -> list[tuple[str, str]]:
    with attach_or_start(home) as postgres:
        rows = _run(
            postgres.urls.app,
            f"SET expert.tenant_id = '{tenant}'",
            "SELECT body, meaning::text FROM notes ORDER BY 1",
        )
    return [tuple(row) for row in rows]


def test_a_restored_installation_is_the_one_backed_up(home: Path, place: Path) -> None:
    file = place / "backup.tar"
    manifest = back_up(home, file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in place.iterdir() if path.name.startswith(".")] == []
    other = place / "other"
    assert restore(other, file, replace=False) == manifest == read_manifest(file)
    assert manifest.tables == 1
    assert _notes(other, "acme") == [("kept", "[1,2]")]
    assert _notes(other, "other") == [("kept too", "[3,4]")]
    assert _notes(other, "nobody") == [], "row security is back, too"
    assert read_keys(other) == {"admin": KEY}
    assert (other / "keys.toml").stat().st_mode & 0o777 == 0o600


def test_a_backup_is_taken_while_people_work(home: Path, place: Path) -> None:
    with EmbeddedPostgres(home) as postgres:
        back_up(home, place / "backup.tar")
        assert postgres.running()
    assert check(place / "new", place / "backup.tar", replace=False).tables == 1
    assert not (place / "new").exists()


def test_what_is_there_is_replaced_only_when_told_so(home: Path, place: Path) -> None:
    file = place / "backup.tar"
    back_up(home, file)
    with EmbeddedPostgres(home) as postgres:
        _run(postgres.urls.owner, "DROP TABLE notes; CREATE TABLE later (id int)")
    with pytest.raises(Conflict, match="--force replaces"):
        restore(home, file, replace=False)
    with pytest.raises(Conflict, match="would take --force"):
        check(home, file, replace=False)
    assert check(home, file, replace=True).tables == 1
    restore(home, file, replace=True)
    assert _notes(home, "acme") == [("kept", "[1,2]")]
    with EmbeddedPostgres(home), pytest.raises(Conflict, match="Another expert is running"):
        restore(home, file, replace=True)


def test_a_damaged_backup_changes_nothing(home: Path, place: Path) -> None:
    file, damaged = place / "backup.tar", place / "damaged.tar"
    back_up(home, file)
    with tarfile.open(file) as source, tarfile.open(damaged, "w") as target:
        for member in source.getmembers():
            content = source.extractfile(member)
            if member.name == "database.dump":
                member.size -= 10
            target.addfile(member, content)
    with pytest.raises(Rejected, match="damaged"):
        restore(home, damaged, replace=True)
    assert _notes(home, "acme") == [("kept", "[1,2]")]
    (place / "text.tar").write_text("not a tar file")
    with pytest.raises(Rejected, match="is not a backup of The Expert"):
        restore(home, place / "text.tar", replace=True)
    with pytest.raises(Rejected, match="cannot be read"):
        restore(home, place / "none.tar", replace=True)


def test_a_backup_overwrites_nothing_and_is_of_something(home: Path, place: Path) -> None:
    (place / "precious.tar").write_text("keep me")
    with pytest.raises(Conflict, match="exists"):
        back_up(home, place / "precious.tar")
    assert (place / "precious.tar").read_text() == "keep me"
    with pytest.raises(Rejected, match="nothing to back up"):
        back_up(place / "empty", place / "backup.tar")
    with pytest.raises(Rejected, match="no directory"):
        back_up(home, place / "none" / "backup.tar")


def _databases(postgres: EmbeddedPostgres) -> list[str]:
    return postgres.execute(
        "SELECT datname FROM pg_database WHERE datname LIKE 'expert%' ORDER BY 1;"
    ).split()


@pytest.mark.parametrize(
    "interrupted",
    [
        # Killed while the backup was loaded, before the swap.
        "CREATE DATABASE expert_restored;",
        # Killed after the swap, before the former one was dropped.
        "CREATE DATABASE expert_former;",
        # Killed between the two steps of a former version.
        "ALTER DATABASE expert RENAME TO expert_restored;",
        "ALTER DATABASE expert RENAME TO expert_former;",
    ],
)
def test_an_interrupted_restore_is_finished_at_the_next_start(home: Path, interrupted: str) -> None:
    with EmbeddedPostgres(home) as postgres:
        postgres.execute(interrupted)
    with EmbeddedPostgres(home) as postgres:
        assert _databases(postgres) == ["expert"]
    assert _notes(home, "acme") == [("kept", "[1,2]")]


def test_the_swap_happens_whole_or_not_at_all(home: Path) -> None:
    with EmbeddedPostgres(home) as postgres:
        with pytest.raises(Unavailable, match="expert_restored"):
            postgres.put_restored_in_place()  # there is none
        assert _databases(postgres) == ["expert"]
    assert _notes(home, "acme") == [("kept", "[1,2]")]

"""The embedded PostgreSQL as a real process: what survives kills, and what nobody else may reach."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from brain.domain.errors import Conflict, Unavailable
from config.embedded_postgres import EmbeddedPostgres, attach_or_start, binary

_RUN = """
import sys, time
from pathlib import Path
from config.embedded_postgres import EmbeddedPostgres
postgres = EmbeddedPostgres(Path(sys.argv[1]), port=8123)
print("starting", flush=True)
postgres.start()
print("started", flush=True)
time.sleep(120)
"""


@pytest.fixture
def home() -> Iterator[Path]:
    """Where everybody may enter, unlike pytest's own directories."""
    parent = Path(tempfile.mkdtemp(prefix="expert-test-"))
    parent.chmod(0o755)
    yield parent / "home"
    shutil.rmtree(parent)


@pytest.fixture
def owner(home: Path) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Starts a process that runs the installation until it is killed."""
    started: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        process = subprocess.Popen([sys.executable, "-c", _RUN, str(home)], stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
    _eventually(lambda: not _servers(home))


def _fetch(url: str, query: str) -> list[asyncpg.Record]:
    async def run() -> list[asyncpg.Record]:
        connection = await asyncpg.connect(url.replace("+asyncpg", ""))
        try:
            rows: list[asyncpg.Record] = await connection.fetch(query)
            return rows
        finally:
            await connection.close()

    return asyncio.run(run())


def _servers(home: Path) -> list[int]:
    listing = subprocess.run(
        ["/bin/ps", "-axww", "-o", "pid=,command="], capture_output=True, text=True, check=True
    )
    mine = [line.split(maxsplit=1) for line in listing.stdout.splitlines() if str(home / "postgres") in line]
    return [int(pid) for pid, command in mine if command.split()[0].endswith("/postgres")]


def _guards(home: Path) -> list[int]:
    listing = subprocess.run(
        ["/bin/ps", "-axww", "-o", "pid=,command="], capture_output=True, text=True, check=True
    )
    return [
        int(line.split()[0])
        for line in listing.stdout.splitlines()
        if str(home / "postgres") in line and "postgres_guard" in line
    ]


def _eventually(happens: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not happens():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_makes_three_roles_of_which_none_is_above_row_security(home: Path) -> None:
    with EmbeddedPostgres(home) as postgres:
        for url, name in (
            (postgres.urls.owner, "owner"),
            (postgres.urls.app, "app"),
            (postgres.urls.system, "system"),
        ):
            (row,) = _fetch(url, "SELECT * FROM pg_roles WHERE rolname = current_user")
            assert row["rolname"] == f"expert_{name}"
            assert not any(
                row[right] for right in ("rolsuper", "rolbypassrls", "rolcreaterole", "rolcreatedb")
            )
        assert _fetch(postgres.urls.owner, "SELECT '[1,2]'::vector <-> '[1,2]'::vector AS d")[0]["d"] == 0
        _fetch(postgres.urls.owner, "CREATE TABLE kept (id int)")
        for url in (postgres.urls.app, postgres.urls.system):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                _fetch(url, "CREATE TABLE mine (id int)")
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                _fetch(url, "SELECT * FROM kept")


def test_can_be_reached_with_a_password_through_a_private_socket_only(home: Path) -> None:
    with EmbeddedPostgres(home) as postgres:
        assert _fetch(postgres.urls.app, "SHOW listen_addresses")[0]["listen_addresses"] == ""
        assert _fetch(postgres.urls.app, "SHOW fsync")[0]["fsync"] == "on"
        password = postgres.urls.app.split(":")[2].split("@")[0]
        with pytest.raises(asyncpg.InvalidPasswordError):
            _fetch(postgres.urls.app.replace(password, "guessed"), "SELECT 1")
        assert password not in repr(postgres.urls)
        modes = {path: path.stat().st_mode & 0o777 for path in (home / "postgres").iterdir()}
        assert modes[home / "postgres" / "data"] == 0o700
        assert modes[home / "postgres" / "socket"] == 0o700
        assert modes[home / "postgres" / "passwords.toml"] == 0o600
        assert password not in (home / "postgres" / "log" / "postgres.log").read_text()


def test_keeps_data_and_passwords_over_a_restart(home: Path) -> None:
    with EmbeddedPostgres(home) as postgres:
        urls = postgres.urls
        _fetch(urls.owner, "CREATE TABLE kept AS SELECT 7 AS id")
    assert not postgres.running()
    with EmbeddedPostgres(home) as postgres:
        assert postgres.urls == urls
        assert _fetch(urls.owner, "SELECT id FROM kept")[0]["id"] == 7


def test_an_installation_is_run_by_one_process(
    home: Path, owner: Callable[[], subprocess.Popen[str]]
) -> None:
    first = owner()
    assert [_line(first), _line(first)] == ["starting", "started"]
    with pytest.raises(Conflict, match=r"Another expert is running here \(process \d+, on port 8123\)"):
        EmbeddedPostgres(home).start()
    with attach_or_start(home) as postgres:
        assert _fetch(postgres.urls.app, "SELECT 1 AS one")[0]["one"] == 1
    assert postgres.running(), "attaching must not stop what somebody else runs"


def test_a_command_on_its_own_starts_and_stops_it(home: Path) -> None:
    with attach_or_start(home) as postgres:
        assert _fetch(postgres.urls.app, "SELECT 1 AS one")[0]["one"] == 1
    assert not postgres.running()


def test_stops_when_its_owner_is_killed(home: Path, owner: Callable[[], subprocess.Popen[str]]) -> None:
    process = owner()
    assert [_line(process), _line(process)] == ["starting", "started"]
    assert len(_servers(home)) == 1
    process.kill()
    _eventually(lambda: not _servers(home) and not _guards(home))
    with EmbeddedPostgres(home) as postgres:
        assert postgres.running()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent died")
def test_stops_when_its_guard_is_killed(home: Path) -> None:
    with EmbeddedPostgres(home) as postgres:
        (guard,) = _guards(home)
        os.kill(guard, signal.SIGKILL)
        _eventually(lambda: not _servers(home))
        assert not postgres.running()
    with EmbeddedPostgres(home) as postgres:
        assert postgres.running()


@pytest.mark.parametrize("sign", ["new-*", "new-*/global", "new-*/PG_VERSION", "data"])
def test_recovers_from_a_kill_in_the_middle_of_the_first_start(
    home: Path, owner: Callable[[], subprocess.Popen[str]], sign: str
) -> None:
    process = owner()
    assert _line(process) == "starting"
    while not list((home / "postgres").glob(sign)):
        assert process.poll() is None
    process.kill()
    process.wait()
    with EmbeddedPostgres(home) as postgres:
        assert _fetch(postgres.urls.owner, "SELECT 1 AS one")[0]["one"] == 1

    with EmbeddedPostgres(home):
        assert not list((home / "postgres").glob("new-*"))


def test_ignores_a_pid_file_whose_number_now_belongs_to_another_process(home: Path) -> None:
    with EmbeddedPostgres(home):
        stale = (home / "postgres" / "data" / "postmaster.pid").read_text().splitlines()
    unrelated = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    pid_file = home / "postgres" / "data" / "postmaster.pid"
    pid_file.write_text("\n".join([str(unrelated.pid), *stale[1:]]) + "\n")
    try:
        with EmbeddedPostgres(home) as postgres:
            assert postgres.running()
        assert unrelated.poll() is None, "a process that is not PostgreSQL is left alone"
    finally:
        unrelated.kill()
        unrelated.wait()


def test_stops_a_server_that_was_left_running_on_its_data(home: Path) -> None:
    with EmbeddedPostgres(home):
        pass
    data = home / "postgres" / "data"
    account = data.stat()
    left = subprocess.Popen(
        [binary("postgres"), "-D", data, "-c", "listen_addresses=", "-k", home / "postgres" / "socket"],
        user=account.st_uid if os.geteuid() == 0 else None,
        group=account.st_gid if os.geteuid() == 0 else None,
        cwd=data,
        stderr=subprocess.DEVNULL,
    )
    _eventually(
        lambda: (data / "postmaster.pid").exists() and "ready" in (data / "postmaster.pid").read_text()
    )
    with EmbeddedPostgres(home) as postgres:
        assert left.wait(10) == 0
        assert postgres.running()


def test_a_home_with_a_long_path_gets_its_socket_elsewhere(home: Path) -> None:
    long = home.parent / ("a-long-name-" * 8) / "home"
    long.parent.mkdir()
    with EmbeddedPostgres(long) as postgres:
        socket = Path((long / "postgres" / "socket_directory").read_text())
        assert long not in socket.parents
        assert socket.stat().st_mode & 0o777 == 0o700
        assert _fetch(postgres.urls.app, "SELECT 1 AS one")[0]["one"] == 1
    with EmbeddedPostgres(long):
        assert Path((long / "postgres" / "socket_directory").read_text()) == socket
    shutil.rmtree(socket)


def test_lost_passwords_are_named_before_anything_is_overwritten(home: Path) -> None:
    with EmbeddedPostgres(home):
        pass
    (home / "postgres" / "passwords.toml").unlink()
    with pytest.raises(Unavailable, match=r"passwords\.toml is missing"):
        EmbeddedPostgres(home).start()
    assert (home / "postgres" / "data" / "PG_VERSION").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user's PostgreSQL runs as that user")
def test_root_may_keep_everybody_out_of_the_directories_above(home: Path) -> None:
    home.parent.chmod(0o700)
    with EmbeddedPostgres(home) as postgres:
        assert _fetch(postgres.urls.app, "SELECT 1 AS one")[0]["one"] == 1
        assert (home / "postgres" / "data").stat().st_uid != 0
        (server,) = _servers(home)
        effective = next(
            line.split()[1]
            for line in Path(f"/proc/{server}/status").read_text().splitlines()
            if "CapEff" in line
        )
        assert int(effective, 16) in (1 << 1, 1 << 2), "one capability, to enter directories, and no other"
    assert home.parent.stat().st_mode & 0o777 == 0o700

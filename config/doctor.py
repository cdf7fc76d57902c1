"""Examines an installation from Python to dead tasks, and says of each finding what to do about it."""

import asyncio
import difflib
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import asynccontextmanager

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from brain.adapters.fastembed_embedder import PACKAGED
from brain.domain.errors import ExpertError, Rejected, Unavailable
from config.commands.api import ADMIN, Speaker, exchange
from config.database import existing
from config.database_checks import APP_SETTING, SYSTEM_SETTING, role_below_row_security
from config.departments import read_departments
from config.embedders import advice, embedder_in_force, loaded
from config.findings import Finding, attempt
from config.indexes import counted
from config.keys import keys_file, read_keys
from config.settings import DatabaseUrls, Index, Settings, load_settings

_LEAST_FREE_BYTES = 1_000_000_000
_PATIENCE_S = 5.0


def examine() -> Iterator[Finding]:
    """Findings in the order in which to mend them; nothing is changed."""
    yield _python()
    try:
        settings = load_settings()
    except Rejected as error:
        yield Finding(
            "settings", ok=False, detail=str(error), advice="Correct it; the rest was not examined."
        )
        return
    yield _variables()
    yield _home(settings)
    yield _keys(settings)
    yield _disk(settings)
    yield attempt(
        "departments", lambda: _departments(settings), "Correct the file; it is read at each start."
    )
    embedder = yield from _database(settings)
    yield attempt(
        "embedder",
        lambda: asyncio.run(_embedder(settings, embedder)),
        "Run `make setup` again, or correct EXPERT_EMBEDDER (and its _API_BASE and _API_KEY).",
    )
    yield from _service(settings)
    yield from _slack(settings)


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    ok = sys.version_info >= (3, 11)
    return Finding("python", ok=ok, detail=version, advice="" if ok else "Install Python 3.11 or newer.")


def _variables() -> Finding:
    """A misspelt variable changes nothing and says nothing: it has to be looked for."""
    known = {f"EXPERT_{name.upper()}" for name in Settings.model_fields}
    unknown = sorted(name for name in os.environ if name.startswith("EXPERT_") and name not in known)
    if not unknown:
        return Finding("settings", ok=True, detail="every EXPERT_ variable is known")
    near = difflib.get_close_matches(unknown[0], known, n=1)
    advice = f"Did you mean {near[0]}?" if near else f"Known are {', '.join(sorted(known))}."
    return Finding("settings", ok=False, detail=f"{', '.join(unknown)}: not a setting", advice=advice)


def _home(settings: Settings) -> Finding:
    home = settings.home
    if not home.is_dir():
        return Finding("home", ok=False, detail=f"{home} does not exist", advice="`make up` makes it.")
    if not os.access(home, os.R_OK | os.W_OK | os.X_OK):
        return Finding("home", ok=False, detail=f"{home} cannot be written", advice="Run as its owner.")
    if home.stat().st_mode & 0o022:
        return Finding("home", ok=False, detail=f"others may write to {home}", advice=f"chmod go-w {home}")
    return Finding("home", ok=True, detail=str(home))


def _keys(settings: Settings) -> Finding:
    path = keys_file(settings.home)
    if not path.exists():
        advice = "`make up` makes the demo's keys, `expert init` an admin's."
        return Finding("keys", ok=False, detail=f"{path} does not exist", advice=advice)
    if path.stat().st_mode & 0o077:
        return Finding("keys", ok=False, detail=f"others may read {path}", advice=f"chmod 600 {path}")
    advice = "Correct the file, or remove it and use `expert restore`."
    return attempt("keys", lambda: ", ".join(read_keys(settings.home)) or "none", advice)


def _disk(settings: Settings) -> Finding:
    place = next(path for path in (settings.home, *settings.home.parents) if path.exists())
    free = shutil.disk_usage(place).free
    ok = free >= _LEAST_FREE_BYTES
    advice = "" if ok else "Free at least 1 GB, or set EXPERT_HOME to a larger disk."
    return Finding("disk", ok=ok, detail=f"{free / 1e9:.1f} GB free", advice=advice)


def _departments(settings: Settings) -> str:
    return ", ".join(file.department.slug for file in read_departments(settings.departments))


def _database(settings: Settings) -> Generator[Finding, None, str]:
    """Returns the name of the embedder that serves."""
    serving = settings.embedder or PACKAGED
    advice = "`make up` makes the embedded one; for your own, check EXPERT_DATABASE_URL and that it runs."
    try:
        with existing(settings) as urls:
            reached = attempt("database", lambda: asyncio.run(_versions(urls)), advice)
            yield reached
            if reached.ok:
                yield _examine_roles(urls)
                yield attempt("row security", lambda: asyncio.run(_row_security(urls)), "expert migrate")
                yield attempt("migrations", lambda: asyncio.run(_migrations(urls)), "expert migrate")
                embeddings = attempt(
                    "embeddings",
                    lambda: asyncio.run(_in_force(settings, urls)),
                    "expert reindex --embedder NAME",
                )
                serving = embeddings.detail if embeddings.ok else serving
                yield _as_wanted(settings, embeddings)
                if settings.index is Index.WEAVIATE:
                    yield attempt(
                        "index",
                        lambda: asyncio.run(counted(settings, urls)),
                        "Mend that, then `expert reindex`; PostgreSQL finds the passages meanwhile.",
                    )
    except (ExpertError, OSError) as error:
        yield Finding("database", ok=False, detail=str(error), advice=advice)
    return serving


@asynccontextmanager
async def _engine(url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(url)
    try:
        yield engine
    finally:
        await engine.dispose()


async def _rows(url: str, query: str) -> list[tuple[object, ...]]:
    async with _engine(url) as engine, engine.connect() as connection:
        return [tuple(row) for row in await connection.execute(text(query))]


async def _versions(urls: DatabaseUrls) -> str:
    query = "SELECT current_setting('server_version_num')::int, current_setting('server_version'), extversion"
    found = await _rows(urls.owner, f"{query} FROM pg_extension WHERE extname = 'vector'")
    if not found:
        raise Rejected("the extension pgvector is missing: CREATE EXTENSION vector")
    number, version, vector = found[0]
    major, minor = (int(part) for part in str(vector).split(".")[:2])
    if int(str(number)) < 150_000 or (major, minor) < (0, 8):
        raise Rejected(f"PostgreSQL {version} with pgvector {vector}: 15 and 0.8 are the oldest that will do")
    return f"PostgreSQL {version}, pgvector {vector}"


def _examine_roles(urls: DatabaseUrls) -> Finding:
    advice = "ALTER ROLE … NOSUPERUSER NOBYPASSRLS, and let only the owner's role own tables."
    return attempt("roles", lambda: asyncio.run(_roles(urls)), advice)


async def _roles(urls: DatabaseUrls) -> str:
    names = []
    for url, setting, may_own in (
        (urls.owner, "EXPERT_DATABASE_URL", True),
        (urls.app, APP_SETTING, False),
        (urls.system, SYSTEM_SETTING, False),
    ):
        async with _engine(url) as engine:
            names.append(await role_below_row_security(engine, setting=setting, may_own=may_own))
    if len(set(names)) < len(names):
        raise Rejected(f"{', '.join(names)}: owner, app and system must be three roles")
    return ", ".join(names)


async def _row_security(urls: DatabaseUrls) -> str:
    query = """
        SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity
               AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid)
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND a.attnum > 0
        WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace ORDER BY 1"""
    tables = await _rows(urls.owner, query)
    if open_ones := [str(name) for name, safe in tables if not safe]:
        raise Rejected(f"not forced, or without a policy, on {', '.join(open_ones)}")
    if not tables:
        raise Rejected("there are no tables yet")
    return f"forced on {len(tables)} tables"


async def _migrations(urls: DatabaseUrls) -> str:
    from brain.adapters.postgres.migrate import revisions

    current, newest = await revisions(urls.owner)
    if current != newest:
        raise Rejected(f"the database is at {current}, this version needs {newest}")
    return f"at {current}"


async def _in_force(settings: Settings, urls: DatabaseUrls) -> str:
    async with _engine(urls.system) as system:
        return await embedder_in_force(system, wanted=settings.embedder)


def _as_wanted(settings: Settings, embeddings: Finding) -> Finding:
    if not embeddings.ok or not (what := advice(settings, embeddings.detail)):
        return embeddings
    detail, _, todo = what.partition(". ")
    return Finding("embeddings", ok=False, detail=detail, advice=todo)


async def _embedder(settings: Settings, name: str) -> str:
    from brain.ports import TextKind

    async with loaded(settings, name) as embedder:
        (vector,) = await embedder.embed(["Is anybody there?"], kind=TextKind.QUESTION)
    length = sum(value * value for value in vector) ** 0.5
    if abs(length - 1) > 0.01:
        raise Rejected(f"{name} gave {len(vector)} numbers of length {length:.2f}")
    return f"{name}, {len(vector)} dimensions"


def _service(settings: Settings) -> Iterator[Finding]:
    health = attempt(
        "api",
        lambda: _answers(settings, "/health"),
        "EXPERT_PORT says where it is; its log is in EXPERT_HOME.",
    )
    yield health
    if not health.ok:
        return
    yield attempt(
        "ready", lambda: _answers(settings, "/ready"), "Wait for the first ingestion, or see the log."
    )
    advice = "See `expert tasks --dead`; mend the cause, then `expert tasks replay ID`."
    yield attempt("tasks", _dead_tasks, advice)


def _answers(settings: Settings, path: str) -> str:
    status, content = exchange(settings.location, "GET", path, None, {}, timeout_s=_PATIENCE_S)
    if status != 200:
        raise Unavailable(f"{path} says {status}: {_short(content)}")
    return f"{settings.location.url}{path}"


def _short(content: bytes) -> str:
    """The body names each dependency."""
    try:
        return json.dumps(json.loads(content), ensure_ascii=False)[:400]
    except ValueError:
        return content[:200].decode(errors="replace")


def _dead_tasks() -> str:
    dead = Speaker(ADMIN, timeout_s=_PATIENCE_S).get("/v1/tasks", state="dead")
    if dead:
        raise Rejected(f"{len(dead)} dead")
    return "none dead"


def _slack(settings: Settings) -> Iterator[Finding]:
    """The first thing that is amiss; `expert slack check` tells them all."""
    if settings.slack_bot_token is None and settings.slack_client_id is None:
        return
    from config import slack_check

    findings = list(slack_check.examine())
    wrong = next((one for one in findings if not one.ok), None)
    if wrong is None:
        yield Finding("slack", ok=True, detail=f"{len(findings)} checks passed")
    else:
        detail = f"{wrong.check}: {wrong.detail}"
        yield Finding("slack", ok=False, detail=detail, advice=f"{wrong.advice} See `expert slack check`.")

"""What `expert up`, `init` and `migrate` do: start, set up, serve, and stop everything that was started."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import uvicorn
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from sqlalchemy import make_url

from brain.adapters.postgres.migrate import migrate as migrate_database
from brain.adapters.postgres.store import reachable
from brain.adapters.postgres.tenants import tenants
from brain.domain.errors import DatabaseAway, Missing
from brain.domain.identity import Principal, Role, TenantId
from brain.usecases.ingest import Outcome, Upload
from brain.usecases.load_departments import DepartmentFile, load_departments
from brain.usecases.read import departments
from config import demo
from config.audit import chain_from_the_start, heads_noted
from config.database import database
from config.departments import read_departments
from config.embedders import advice
from config.founding import Founder, found, mint, principal
from config.http_server import Server, free_port, serve_beside
from config.indexes import replicating
from config.ingress import ingress
from config.keys import StoredKey, read_keys, save_key
from config.logs import configure_logs
from config.measures import Role as ProcessRole
from config.private_files import write_private
from config.process import run, settle
from config.settings import DatabaseUrls, Settings
from config.slack import listening
from config.starting import Front, answers, note_workspaces, until_there
from config.surface import Surface, product_version, surface
from config.wiring import Wiring, assembled, assembled_behind, replay, roles_below_row_security
from config.work import background, broker
from workers.executor import running
from workers.replay import replaying

# Holds the id of the tenant that has read the samples; without the file, they are read again.
_DEMO_INGESTED = "demo-ingested"


@dataclass(frozen=True, slots=True)
class NewTenant:
    """`admin` is the handle of the first member, who may do everything."""

    slug: str
    name: str
    admin: str
    admin_name: str


def up(settings: Settings, *, with_demo: bool, console: Console) -> None:
    """Serve until stopped by Ctrl-C or SIGTERM."""
    free_port(settings.host, settings.port, setting="EXPERT_PORT")
    broker(settings)
    with database(settings, keep=True) as urls:
        run(_Up(settings, urls, console).run(with_demo=with_demo))
    console.print("Stopped.")


def migrate(settings: Settings) -> None:
    with database(settings) as urls:
        asyncio.run(_migrate(settings, urls))


def init_tenant(settings: Settings, new: NewTenant) -> list[str]:
    """A real tenant, without the demo; the admin's key goes into keys.toml as "admin".

    Returns the reviewers named in the departments' files who are no members yet.
    """
    with database(settings) as urls:
        return asyncio.run(_init(settings, urls, new))


def recover_key(settings: Settings, *, tenant: str, member: str, name: str) -> None:
    """A new key for a member who lost theirs, under `name` in keys.toml; the former one of that name ends."""
    with database(settings) as urls:
        asyncio.run(_recover(settings, urls, tenant, member, name))


async def _migrate(settings: Settings, urls: DatabaseUrls) -> None:
    app, system = (make_url(url).username or "" for url in (urls.app, urls.system))
    async with reachable():
        await migrate_database(urls.owner, app_role=app, system_role=system)
        await chain_from_the_start(settings, urls)


async def _init(settings: Settings, urls: DatabaseUrls, new: NewTenant) -> list[str]:
    files = read_departments(settings.departments)
    founder = Founder(new.admin, new.admin_name, frozenset(Role))
    await _migrate(settings, urls)
    async with assembled(settings, urls) as wiring:
        keys = await found(wiring, slug=new.slug, name=new.name, founders=[founder], files=files)
        missing = await load_departments(wiring.store, (await tenants(wiring.system_engine))[new.slug], files)
    save_key(settings.home, "admin", StoredKey(new.admin, keys[new.admin]))
    return missing


async def _recover(settings: Settings, urls: DatabaseUrls, tenant: str, member: str, name: str) -> None:
    await _migrate(settings, urls)
    async with assembled(settings, urls) as wiring:
        known = await tenants(wiring.system_engine)
        if tenant not in known:
            raise Missing(f"There is no tenant {tenant!r}; there is {', '.join(known) or 'none yet'}.")
        keys = await mint(wiring, known[tenant], {member: name})
    if member not in keys:
        raise Missing(f"{tenant} has no member {member!r} who is not disabled.")
    save_key(settings.home, name, StoredKey(member, keys[member]))


class _Server(Server):
    """PostgreSQL has to be stopped after the server, not left behind."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for one in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(one, self.handle_exit, one, None)
        try:
            yield
        finally:
            for one in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(one)


@dataclass(slots=True)
class _Up:
    """One run of `expert up`, in the order in which its steps happen."""

    settings: Settings
    urls: DatabaseUrls
    console: Console
    surface: Surface = field(default_factory=Surface)

    async def run(self, *, with_demo: bool) -> None:
        log_file = configure_logs(self.settings.home, self.settings.log_level)
        files = read_departments(self.settings.departments)
        async with ingress(self.settings, self.urls) as taking_in:
            taking_in.measures.role = ProcessRole.UP
            front = Front(taking_in, product_version())
            self.surface.metrics = front.metrics
            server = _Server(self._config(front))

            async def whole() -> None:
                await self._serve_whole(front, files, with_demo=with_demo, log_file=str(log_file or "stderr"))

            async def work(stop: asyncio.Event) -> None:
                await until_there(whole, stop=stop, away=self._away(front))

            async with listening(self.settings, taking_in.slack, taking_in.measures):
                await serve_beside(server, work)

    def _config(self, front: Front) -> uvicorn.Config:
        return uvicorn.Config(
            front,
            host=self.settings.host,
            port=self.settings.port,
            log_config=None,
            timeout_graceful_shutdown=10,
            http=_http(),
            # The last resort, for connections that never ask anything; requests have limits of their own.
            limit_concurrency=2_000,
            server_header=False,
        )

    def _away(self, front: Front) -> Callable[[str], None]:
        """The embedded one does not come back by itself: whoever started this has to know."""

        def away(reason: str) -> None:
            if self.settings.database_urls is None:
                raise DatabaseAway(reason)
            if not front.away:
                keeps = " What Slack delivers is kept meanwhile." if front.ingress.slack else ""
                self.console.print(
                    f"Waiting for PostgreSQL: {reason}{keeps}", markup=False, highlight=False, style="yellow"
                )
            front.away = reason

        return away

    async def _serve_whole(
        self, front: Front, files: Sequence[DepartmentFile], *, with_demo: bool, log_file: str
    ) -> None:
        """Until cancelled. Raises `DatabaseAway` where it is so before all of it is there."""
        await answers(front.ingress.system_engine)
        await _migrate(self.settings, self.urls)
        await roles_below_row_security(front.ingress)
        async with (
            front.kept_in_database(),
            replaying(replay(front.ingress)),
            assembled_behind(front.ingress, self.settings) as wiring,
        ):
            if what := advice(self.settings, wiring.embedder.name):
                self.console.print(what, markup=False, style="yellow")
            demo_tenant = await self._found_demo(wiring) if with_demo else None
            for tenant in (await tenants(wiring.system_engine)).values():
                for absent in await load_departments(wiring.store, tenant, files):
                    self.console.print(
                        f"Named in the departments' files, but cannot review yet: {absent}", markup=False
                    )
            settle()
            async with (
                heads_noted(self.settings, wiring),
                replicating(wiring.index, wiring.system_engine, wanted=self.settings.embedder),
                background(self.settings, wiring, report=self.surface.board.report),
                front.whole(surface(self.settings, wiring, self.surface)),
                running(note_workspaces(front.ingress)),
            ):
                await self._prepare(wiring, demo_tenant)
                self._say_what_next(demo_tenant, log_file=log_file)
                await asyncio.Event().wait()

    async def _found_demo(self, wiring: Wiring) -> TenantId | None:
        """Once, and never beside a real tenant. Keys that got lost are made anew."""
        files = read_departments(self.settings.departments)
        known = await tenants(wiring.system_engine)
        tenant = known.get(demo.TENANT)
        if known and tenant is None:
            return None
        if tenant is None or await principal(wiring, tenant, demo.ASKER) is None:
            keys = await found(wiring, slug=demo.TENANT, name=demo.NAME, founders=demo.FOUNDERS, files=files)
        else:
            kept = read_keys(self.settings.home)
            lost = {handle: name for name, handle in demo.KEYS.items() if name not in kept}
            keys = await mint(wiring, tenant, lost)
        for name, handle in demo.KEYS.items():
            if handle in keys:
                save_key(self.settings.home, name, StoredKey(handle, keys[handle]))
        return (await tenants(wiring.system_engine))[demo.TENANT]

    async def _prepare(self, wiring: Wiring, demo_tenant: TenantId | None) -> None:
        """What has to be done before the first question can be answered well."""
        if demo_tenant is not None:
            reviewer = await principal(wiring, demo_tenant, demo.REVIEWER)
            if reviewer is not None:
                await self._ingest_demo_once(wiring, reviewer)
        self.surface.prepared = True

    async def _ingest_demo_once(self, wiring: Wiring, reviewer: Principal) -> None:
        """Until one pass went through: what an admin forgets later must not come back at the next start."""
        marker = self.settings.home / _DEMO_INGESTED
        tenant = str(reviewer.tenant)
        if marker.exists() and marker.read_text(encoding="utf-8").strip() == tenant:
            return
        await self._ingest_demo(wiring, reviewer)
        write_private(marker, f"{tenant}\n")

    async def _ingest_demo(self, wiring: Wiring, reviewer: Principal) -> None:
        known = {one.slug for one in await departments(wiring.store, reviewer)}
        samples = [sample for sample in demo.runbooks() if sample[0] in known]
        columns = (TextColumn("Reading the sample runbooks"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, TimeRemainingColumn(), console=self.console, transient=True) as progress:
            task = progress.add_task("", total=len(samples))
            for department, source, path in samples:
                content = await asyncio.to_thread(path.read_bytes)
                ingested = await wiring.ingest(reviewer, Upload(department, source, content))
                if ingested.outcome is Outcome.QUARANTINED:
                    progress.console.print(f"{source}: {ingested.document.reason}", markup=False)
                progress.advance(task)

    def _say_what_next(self, demo_tenant: TenantId | None, *, log_file: str) -> None:
        url = self.settings.location.url
        lines = [f"The Expert is up on {url}  (logs: {log_file}; stop with Ctrl-C)"]
        if demo_tenant is not None:
            lines += [
                "",
                "In another terminal, try:",
                '  .venv/bin/expert ask "How do I rotate the Redis password?"',
                '  .venv/bin/expert ask "How do I book the roof terrace?"',
                "  .venv/bin/expert reviews",
                "  .venv/bin/expert review 1",
                '  .venv/bin/expert approve 1 --text "Write to the front desk two weeks ahead."',
            ]
        self.console.print("\n".join(lines), markup=False, highlight=False)


def _http() -> type[asyncio.Protocol] | Literal["auto"]:
    try:
        from config.http_protocol import PatientProtocol
    except ModuleNotFoundError:  # Windows has no httptools; h11, taken instead, limits a head by itself
        return "auto"
    return PatientProtocol

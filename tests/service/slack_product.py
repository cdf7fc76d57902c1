"""The product on Slack as a process of its own, to be killed and started again at once.

What it needs is imported once; each line on standard input says which part of it is started, forked for it,
and its process id is the line that comes back. At SIGUSR1 it reads where it dies.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path

import uvicorn
from pydantic import SecretStr

from bots.slack.adapter import SlackCalls
from bots.slack.calls import TracedCalls
from bots.slack.guarded import GuardedCalls
from brain.domain.crash_points import arm
from brain.usecases.ask import silent
from config.http_server import Server
from config.logs import configure_logs
from config.settings import DatabaseUrls, LogLevel, Settings
from config.slack import listening
from config.surface import Surface, surface
from config.wiring import Wiring, assembled, executor, replay
from config.work import background, broker, schedules
from demo.fake_slack import FakeSlack
from tests.unpaced import Unpaced
from workers.executor import working
from workers.replay import replaying
from workers.told import Ear, work_as_told


@dataclass(frozen=True, slots=True)
class Running:
    """What a process runs with. `lease_s` and `claim_s` are how long the dead hold others up."""

    home: str
    owner: str
    app: str
    system: str
    tenant: str
    api: str
    bot_token: str
    app_token: str
    paced: bool = False
    lease_s: float = 20.0
    claim_s: float = 30.0
    workers: int = 4
    replayed_at_a_time: int = 100
    # Where traces go to; and what this process does of the two.
    otlp: str | None = None
    listens: bool = True
    works: bool = True
    # Slack sends to this port; without one we connect to it.
    port: int | None = None
    signing_secret: str = ""
    broker: str | None = None

    @staticmethod
    def on(slack: FakeSlack, urls: DatabaseUrls, *, home: Path, tenant: str) -> "Running":
        return Running(
            home=str(home),
            owner=urls.owner,
            app=urls.app,
            system=urls.system,
            tenant=tenant,
            api=slack.api_url,
            bot_token=slack.bot_token,
            app_token=slack.app_token,
            signing_secret=slack.signing_secret,
        )

    def fuse(self, part: "Part") -> Path:
        return Path(self.home) / f"fuse-{part.value}"


class Part(StrEnum):
    """`UP` and `WORKER` share the work as `expert up` and `expert worker` do; `ALL` needs no other."""

    ALL = "all"
    UP = "up"
    WORKER = "worker"


@dataclass(frozen=True, slots=True)
class Fuse:
    """At which crash point a product dies, when it comes there for the `nth` time."""

    point: str
    nth: int

    def lay(self, running: Running, part: Part) -> None:
        """For that part to find, once it is told to look."""
        running.fuse(part).write_text(json.dumps(asdict(self)))

    def light(self) -> None:
        left = self.nth

        def step(point: str) -> None:
            nonlocal left
            left -= point == self.point
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

        arm(step)


def heed(path: Path) -> None:
    """At each SIGUSR1; a fuse that burns already is not lit again."""
    burning: list[Fuse] = []

    def look(*_: object) -> None:
        fuse = Fuse(**json.loads(path.read_text()))
        if burning != [fuse]:
            burning[:] = [fuse]
            fuse.light()

    signal.signal(signal.SIGUSR1, look)


async def run(running: Running, part: Part) -> None:
    """Wired as `expert up` wires it, or `expert worker`."""
    over_http = running.port is not None
    settings = Settings(
        home=Path(running.home),
        workers=running.workers,
        # A few people ask as much as many would.
        tenant_questions_burst=10**6,
        member_questions_burst=10**6,
        slack_bot_token=SecretStr(running.bot_token),
        slack_app_token=None if over_http else SecretStr(running.app_token),
        slack_signing_secret=SecretStr(running.signing_secret) if running.signing_secret else None,
        broker_url=SecretStr(running.broker) if running.broker else None,
        slack_tenant=running.tenant,
        slack_api_url=running.api,
        otlp_endpoint=running.otlp,
        allow_hosts=("127.0.0.1",),
    )
    configure_logs(settings.home, LogLevel.ERROR)
    async with assembled(settings, DatabaseUrls(running.owner, running.app, running.system)) as known:
        wiring = replace(
            known, brain=replace(known.brain, claim_s=running.claim_s, pace_s=float(running.paced))
        )
        calls = wiring.slack.platform.calls if wiring.slack else None
        under = calls
        while isinstance(under, GuardedCalls | TracedCalls):
            under = under.calls
        if isinstance(under, SlackCalls) and not running.paced:
            under.pace = Unpaced()
        tasks = executor(settings, wiring, report=lambda _: silent)
        tasks.lease_s = running.lease_s
        replayed = replace(replay(wiring), batch=running.replayed_at_a_time)
        if part is Part.WORKER:
            told = broker(settings)
            assert told is not None
            await work_as_told(tasks, Ear.of(told), schedules(settings, wiring.queue), asyncio.Event())
        async with AsyncExitStack() as stack:
            if part is Part.UP:
                await stack.enter_async_context(background(settings, wiring, report=lambda _: silent))
            elif running.works:
                await stack.enter_async_context(working(tasks))
            if running.listens:
                await stack.enter_async_context(replaying(replayed))
                await stack.enter_async_context(listening(settings, wiring.slack, wiring.measures))
            await (_served(settings, wiring, running.port) if running.port else asyncio.Event().wait())


async def _served(settings: Settings, wiring: Wiring, port: int) -> None:
    app = surface(settings, wiring, Surface(prepared=True))
    await Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, lifespan="off")).serve()


@dataclass(frozen=True, slots=True)
class Products:
    """Starts products, and kills them."""

    process: "subprocess.Popen[str]"

    def start(self, part: Part = Part.ALL) -> int:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(part.value + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())


@contextmanager
def products(running: Running) -> Iterator[Products]:
    """All of them are killed at the end."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.service.slack_product"],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        process.stdin.write(json.dumps(asdict(running)) + "\n")
        process.stdin.flush()
        try:
            yield Products(process)
        finally:
            process.stdin.close()


def main() -> None:
    running = Running(**json.loads(sys.stdin.readline()))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # one that comes too early kills nobody
    started = []
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            part = Part(line.strip())
            heed(running.fuse(part))
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # the parsers of documents are waited for
            try:
                asyncio.run(run(running, part))
            finally:
                traceback.print_exc()
                os._exit(1)
        started.append(child)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
    for child in started:
        try:
            os.kill(child, signal.SIGKILL)
        except ProcessLookupError:
            continue


if __name__ == "__main__":
    main()

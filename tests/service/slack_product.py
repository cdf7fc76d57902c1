"""The product on Slack as a process of its own, to be killed and started again at once.

What it needs is imported once; each line on standard input starts another, forked for it, and its process id
is the line that comes back. The line may say where that one dies, once SIGUSR1 has told it to.
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
from pathlib import Path

from pydantic import SecretStr

from bots.slack.adapter import SlackCalls
from bots.slack.calls import TracedCalls
from bots.slack.guarded import GuardedCalls
from brain.domain.crash_points import arm
from brain.usecases.ask import silent
from config.logs import configure_logs
from config.settings import DatabaseUrls, LogLevel, Settings
from config.slack import listening
from config.wiring import assembled, executor, replay
from demo.fake_slack import FakeSlack
from tests.unpaced import Unpaced
from workers.executor import working
from workers.replay import replaying


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
        )


@dataclass(frozen=True, slots=True)
class Fuse:
    """At which crash point a product dies, when it comes there for the `nth` time."""

    point: str
    nth: int

    def ready(self) -> None:
        left = self.nth

        def step(point: str) -> None:
            nonlocal left
            left -= point == self.point
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

        signal.signal(signal.SIGUSR1, lambda *_: arm(step))


async def run(running: Running) -> None:
    """Wired as `expert up` wires it."""
    settings = Settings(
        home=Path(running.home),
        workers=running.workers,
        # A few people ask as much as many would.
        tenant_questions_burst=10**6,
        member_questions_burst=10**6,
        slack_bot_token=SecretStr(running.bot_token),
        slack_app_token=SecretStr(running.app_token),
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
        async with AsyncExitStack() as stack:
            if running.works:
                await stack.enter_async_context(working(tasks))
            if running.listens:
                await stack.enter_async_context(replaying(replayed))
                await stack.enter_async_context(listening(settings, wiring.slack, wiring.measures))
            await asyncio.Event().wait()


@dataclass(frozen=True, slots=True)
class Products:
    """Starts products, and kills them."""

    process: "subprocess.Popen[str]"

    def start(self, fuse: Fuse | None = None) -> int:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(asdict(fuse) if fuse else {}) + "\n")
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
            if fuse := json.loads(line):
                Fuse(**fuse).ready()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # the parsers of documents are waited for
            try:
                asyncio.run(run(running))
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

"""How long Slack waits until an event is acknowledged, over signed HTTP, while the brain takes five seconds
for each: the whole API on the embedded PostgreSQL, with relay and workers in its process. Beside it, in the
same run and by turns, a bare Bolt app that acknowledges and does nothing else.

    python -m benchmarks.slack_ack
"""

import argparse
import asyncio
import json
import multiprocessing
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import aiohttp
import uvicorn
from fastapi import FastAPI, Request, Response
from pydantic import SecretStr
from slack_bolt.adapter.fastapi.async_handler import AsyncSlackRequestHandler
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from sqlalchemy import text
from starlette.applications import Starlette

from benchmarks.outcome import machine, tell
from brain.adapters.postgres.migrate import migrate
from brain.adapters.postgres.tenants import create_tenant
from brain.domain.events import Event
from brain.domain.identity import TenantId
from config.embedded_postgres import EmbeddedPostgres
from config.settings import Settings
from config.surface import Surface, surface
from config.wiring import Wiring, assembled
from demo.fake_slack import FakeSlack
from demo.fake_slack.delivery import signature
from workers.executor import Executor, working

BRAIN_S = 5.0
BAR_MS = 100
PATH = "/slack/events"
WARM = 50


@dataclass(frozen=True, slots=True)
class Address:
    url: str
    secret: str
    workspace: str


async def slow(_tenant: TenantId, _event: Event) -> None:
    await asyncio.sleep(BRAIN_S)


async def until_told(app: Starlette, pipe: Connection, *, secret: str, workspace: str) -> None:
    """Serve; tell where, and go on until something comes back through the pipe."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off", server_header=False))
    serving = asyncio.create_task(server._serve())
    while not server.started:  # noqa: ASYNC110  # uvicorn tells by a flag alone
        await asyncio.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    pipe.send(Address(f"http://127.0.0.1:{port}{PATH}", secret, workspace))
    began_s = time.process_time()
    await asyncio.to_thread(pipe.recv)
    pipe.send(time.process_time() - began_s)
    server.should_exit = True
    await serving


def settings_on(slack: FakeSlack, home: Path) -> Settings:
    return Settings(
        home=home,
        slack_bot_token=SecretStr(slack.bot_token),
        slack_signing_secret=SecretStr(slack.signing_secret),
        slack_api_url=slack.api_url,
    )


async def product(pipe: Connection) -> None:
    async with AsyncExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="expert-")))
        urls = stack.enter_context(EmbeddedPostgres(home)).urls
        await migrate(urls.owner, app_role="expert_app", system_role="expert_system")
        slack = await stack.enter_async_context(FakeSlack())
        settings = settings_on(slack, home)
        wiring = await stack.enter_async_context(assembled(settings, urls))
        await create_tenant(wiring.system_engine, slug="acme", name="Acme")
        rng = random.Random()  # spreads retries
        executor = Executor(wiring.queue, {"hear": slow}, settings.workers, rng, {})
        await stack.enter_async_context(working(executor))
        app = surface(settings, wiring, Surface(prepared=True))
        await until_told(app, pipe, secret=slack.signing_secret, workspace=slack.workspace.id)
        pipe.send(await kept(wiring))


async def kept(wiring: Wiring) -> int:
    async with wiring.system_engine.connect() as connection:
        counted = text("SELECT count(*) FROM outbox WHERE name = 'DeliveryAccepted'")
        return int(await connection.scalar(counted) or 0)


async def bare(pipe: Connection) -> None:
    async def authorize() -> AuthorizeResult:
        return AuthorizeResult(enterprise_id=None, team_id="T1", bot_token="xoxb-1", bot_user_id="U1")  # noqa: S106  # none

    async def acknowledged() -> None:
        """Events are, before this is called."""

    secret = "0123456789abcdef"  # noqa: S105  # of nobody
    bolt = AsyncApp(signing_secret=secret, authorize=authorize)
    bolt.event("app_mention")(acknowledged)
    handler = AsyncSlackRequestHandler(bolt)
    app = FastAPI()

    async def receive(request: Request) -> Response:
        return await handler.handle(request)

    app.add_api_route(PATH, receive, methods=["POST"])
    await until_told(app, pipe, secret=secret, workspace="T1")
    pipe.send(0)


def process(serve: Callable[[Connection], Awaitable[None]], pipe: Connection) -> None:
    async def run() -> None:
        await serve(pipe)

    asyncio.run(run())


def mention(workspace: str, number: int) -> bytes:
    moment = f"{time.time():.6f}"
    event = {
        "type": "app_mention",
        "user": "U2",
        "channel": f"C{number % 20}",
        "ts": moment,
        "event_ts": moment,
        "text": "<@U1> How do I rotate the Redis password?",
        "team": workspace,
    }
    authorized = {"enterprise_id": None, "team_id": workspace, "user_id": "U1", "is_bot": True}
    outer = {"type": "event_callback", "team_id": workspace, "event_id": f"Ev{number}{moment}"}
    return json.dumps({**outer, "authorizations": [authorized], "event": event}).encode()


async def acknowledged_ms(session: aiohttp.ClientSession, to: Address, number: int) -> float | None:
    """None where it was refused, for Slack to send it again."""
    body, moment = mention(to.workspace, number), str(int(time.time()))
    headers = {
        "Content-Type": "application/json",
        "X-Slack-Request-Timestamp": moment,
        "X-Slack-Signature": signature(to.secret, moment, body.decode()),
    }
    began = time.perf_counter()
    async with session.post(to.url, data=body, headers=headers) as response:
        await response.read()
    if response.status not in (200, 503):
        raise SystemExit(f"{to.url} answered {response.status}.")
    return None if response.status == 503 else (time.perf_counter() - began) * 1000


async def send(to: Address, *, events: int, per_s: float) -> list[float | None]:
    """At a steady pace, whether earlier ones are answered or not."""
    async with aiohttp.ClientSession() as session:
        began, sent = time.perf_counter(), []
        for number in range(events):
            await asyncio.sleep(max(0.0, began + number / per_s - time.perf_counter()))
            sent.append(asyncio.create_task(acknowledged_ms(session, to, number)))
        return list(await asyncio.gather(*sent))


def percentiles(answers: Sequence[float | None]) -> dict[str, float]:
    times = [one for one in answers if one is not None]
    shares = statistics.quantiles(times, n=100, method="inclusive")
    named = {"p50_ms": shares[49], "p95_ms": shares[94], "p99_ms": shares[98], "max_ms": max(times)}
    return {"n": len(times), "refused": len(answers) - len(times)} | {
        name: round(value, 2) for name, value in named.items()
    }


async def measure(addresses: dict[str, Address], *, events: int, per_s: float, turns: int) -> dict[str, Any]:
    times: dict[str, list[float | None]] = {name: [] for name in addresses}
    for address in addresses.values():
        await send(address, events=WARM, per_s=per_s)
    for _ in range(turns):
        for name, address in addresses.items():
            times[name] += await send(address, events=events // turns, per_s=per_s)
    return {name: percentiles(values) for name, values in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=2_000)
    parser.add_argument("--per-s", type=float, default=50)
    parser.add_argument("--turns", type=int, default=4)
    parser.add_argument("--json", type=Path, help="also write the result to this file")
    arguments = parser.parse_args()
    spawning = multiprocessing.get_context("spawn")
    pipes, addresses, children = {}, {}, []
    for name, serve in (("expert", product), ("bare_bolt", bare)):
        pipes[name], theirs = spawning.Pipe()
        children.append(spawning.Process(target=process, args=(serve, theirs), daemon=True))
        children[-1].start()
        addresses[name] = pipes[name].recv()
    events, per_s, turns = arguments.events, arguments.per_s, arguments.turns
    found = asyncio.run(measure(addresses, events=events, per_s=per_s, turns=turns))
    for name, pipe in pipes.items():
        pipe.send("stop")
        found[name]["cpu_ms"] = round(pipe.recv() * 1000 / (events + WARM), 2)
    accepted = pipes["expert"].recv()
    for child in children:
        child.join(60)
    result = {
        "benchmark": "slack_ack",
        "machine": machine(),
        "brain_s": BRAIN_S,
        "per_s": per_s,
        "acknowledged": found,
        "kept": accepted - WARM,
        "bars": {"p99_ms": BAR_MS},
    }
    tell(result, file=arguments.json)


if __name__ == "__main__":
    main()

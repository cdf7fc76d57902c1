"""How many signed Slack events a second are acknowledged once they are on disk in PostgreSQL, row-level
security on, through the product's own receiver; beside it, in the same run and by turns, a bare Starlette
endpoint that checks the signature and keeps nothing.

    python -m benchmarks.durable_ack
"""

import argparse
import asyncio
import hashlib
import hmac
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks.outcome import machine, tell
from benchmarks.slack_ack import PATH, Address, kept, mention, process, settings_on, until_told
from brain.adapters.postgres.migrate import migrate
from brain.adapters.postgres.tenants import create_tenant
from config.embedded_postgres import EmbeddedPostgres
from config.logs import configure_logs
from config.settings import LogLevel
from config.surface import Surface, surface
from config.wiring import assembled, replay
from demo.fake_slack import FakeSlack
from demo.fake_slack.delivery import signature
from workers.replay import replaying

BAR, STRETCH = 0.07, 0.20
_SECRET = "0123456789abcdef"  # noqa: S105  # of nobody
_WARM = 200


async def product(pipe: Connection) -> None:
    """Everything that acknowledges; nobody works on what was kept, as nobody does for the other one."""
    async with AsyncExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="expert-")))
        urls = stack.enter_context(EmbeddedPostgres(home)).urls
        await migrate(urls.owner, app_role="expert_app", system_role="expert_system")
        slack = await stack.enter_async_context(FakeSlack())
        settings = settings_on(slack, home)
        # As under a service manager, which writes it to a file.
        sys.stderr = stack.enter_context((home / "log.jsonl").open("w"))
        configure_logs(home, LogLevel.INFO)
        wiring = await stack.enter_async_context(assembled(settings, urls))
        await create_tenant(wiring.system_engine, slug="acme", name="Acme")
        await stack.enter_async_context(replaying(replay(wiring)))
        app = surface(settings, wiring, Surface(prepared=True))
        await until_told(app, pipe, secret=slack.signing_secret, workspace=slack.workspace.id)
        pipe.send((await kept(wiring), wiring.journal.held))


async def bare(pipe: Connection) -> None:
    async def receive(request: Request) -> Response:
        body, moment = await request.body(), request.headers["x-slack-request-timestamp"]
        expected = hmac.new(
            _SECRET.encode(), b"v0:%b:%b" % (moment.encode(), body), hashlib.sha256
        ).hexdigest()
        fits = hmac.compare_digest(f"v0={expected}", request.headers["x-slack-signature"])
        return Response(status_code=200 if fits and abs(time.time() - int(moment)) < 300 else 401)

    app = Starlette(routes=[Route(PATH, receive, methods=["POST"])])
    await until_told(app, pipe, secret=_SECRET, workspace="T1")
    pipe.send(None)


def requests(to: Address, numbers: range) -> list[bytes]:
    """As they go over the wire, signed just now."""
    moment, host, made = str(int(time.time())), urlsplit(to.url).netloc, []
    for number in numbers:
        body = mention(to.workspace, number)
        signed = signature(to.secret, moment, body.decode())
        head = (
            f"POST {PATH} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
            f"X-Slack-Request-Timestamp: {moment}\r\nX-Slack-Signature: {signed}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        made.append(head.encode() + body)
    return made


class Sender(asyncio.Protocol):
    """One connection, on which the next request follows each answer: as little work as a client can have."""

    def __init__(self, rest: Iterator[bytes]) -> None:
        self.rest = rest
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.refused = 0
        self._answer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._next()

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, end, body = self._answer.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        if end and len(body) >= int(length or 0):
            self.refused += not head.startswith(b"HTTP/1.1 200")
            self._answer = b""
            self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("closed"))

    def _next(self) -> None:
        following = next(self.rest, None)
        if following is not None:
            self.transport.write(following)
        elif not self.done.done():
            self.done.set_result(None)
            self.transport.close()


async def per_s(to: Address, numbers: range, *, connections: int) -> float:
    made = requests(to, numbers)
    rest, loop, where = iter(made), asyncio.get_running_loop(), urlsplit(to.url)
    host, port = str(where.hostname), int(where.port or 80)
    began = time.perf_counter()
    opened = [await loop.create_connection(lambda: Sender(rest), host, port) for _ in range(connections)]
    await asyncio.gather(*(sender.done for _, sender in opened))
    lasted = time.perf_counter() - began
    if refused := sum(sender.refused for _, sender in opened):
        raise SystemExit(f"{to.url} refused {refused} of {len(made)}.")
    return len(made) / lasted


async def measure(
    addresses: dict[str, Address], *, events: int, rounds: int, connections: int
) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {name: [] for name in addresses}
    for address in addresses.values():
        await per_s(address, range(_WARM), connections=2)
    for number in range(rounds):
        numbers = range(_WARM + number * events, _WARM + (number + 1) * events)
        for name, address in addresses.items():
            found[name].append(await per_s(address, numbers, connections=connections))
    return found


def outcome(found: dict[str, list[float]]) -> dict[str, object]:
    ratios = [ours / bare for ours, bare in zip(found["expert"], found["bare"], strict=True)]
    ratio = statistics.median(ratios)
    return {
        "per_s": {name: [round(one) for one in rates] for name, rates in found.items()},
        "median_per_s": {name: round(statistics.median(rates)) for name, rates in found.items()},
        "ratios": [round(one, 3) for one in ratios],
        "ratio": round(ratio, 3),
        "bars": {"ratio": BAR, "stretch": STRETCH},
        "met": ratio >= BAR,
    }


def serve() -> tuple[dict[str, Connection], dict[str, Address], Sequence[Any]]:
    spawning = multiprocessing.get_context("spawn")
    pipes, addresses, children = {}, {}, []
    for name, what in (("expert", product), ("bare", bare)):
        pipes[name], theirs = spawning.Pipe()
        children.append(spawning.Process(target=process, args=(what, theirs), daemon=True))
        children[-1].start()
        addresses[name] = pipes[name].recv()
    return pipes, addresses, children


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=2_000, help="of each, in each round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--json", type=Path, help="also write the result to this file")
    arguments = parser.parse_args()
    events, rounds, connections = arguments.events, arguments.rounds, arguments.connections
    pipes, addresses, children = serve()
    found = asyncio.run(measure(addresses, events=events, rounds=rounds, connections=connections))
    cpu_ms = {}
    for name, pipe in pipes.items():
        pipe.send("stop")
        cpu_ms[name] = round(pipe.recv() * 1000 / (events * rounds + _WARM), 3)
    in_database, in_journal = pipes["expert"].recv()
    for child in children:
        child.join(60)
    result = {
        "benchmark": "durable_ack",
        "machine": machine(),
        "events": events * rounds + _WARM,
        "connections": connections,
        **outcome(found),
        "cpu_ms": cpu_ms,
        "kept": {"database": in_database, "journal": in_journal},
    }
    tell(result, file=arguments.json)


if __name__ == "__main__":
    main()

"""What askers notice while somebody ingests files that bite: p95 of `POST /v1/questions`, against quiet.

Run it as `python -m benchmarks.bad_files`. Quiet and busy rounds take turns on one server, so that what else
the machine does falls on both; so do rounds beside a bare loop of the readers' priority, as on two virtual
cores that share a real one whatever runs beside it makes an answer slower. Says, too, what became of each
file, how long that took, and by how much the server's memory grew.
"""

import argparse
import multiprocessing
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import cycle
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from pathlib import Path

import httpx

from benchmarks.ask import percentiles, questions, serving
from benchmarks.outcome import machine, tell
from tests.bad_files import make_all

BAR_SHARE = 0.20
BAR_S = 25.0
# One key may ask five times a second.
_PAUSE_S = 0.21


Ended = dict[str, dict[str, object]]


def send(client: httpx.Client, name: str, content: bytes) -> dict[str, object]:
    began = time.perf_counter()
    response = client.post("/v1/documents", files={"file": (name, content)}, data={"department": "it-ops"})
    body = response.json()
    return {
        "status": response.status_code,
        "outcome": body.get("outcome"),
        "reason": body["document"]["reason"] if "document" in body else body.get("detail"),
        "seconds": round(time.perf_counter() - began, 2),
    }


def keep_sending(url: str, key: str, go: Event, end: Event, results: Connection) -> None:
    """One bad file after the other while `go` is set, until `end`; says so each time it has stopped.

    In a process of its own: in one with the asker, they would wait for each other, and not for the server.
    """
    ended: Ended = {}
    with client(url, key) as sending:
        files = make_all()
        send(sending, "warm.md", b"# Warm\n\nNothing to see here.\n")
        following = cycle(files.items())
        while not end.is_set():
            results.send(ended)
            go.wait()
            while go.is_set() and not end.is_set():
                name, content = next(following)
                outcome = send(sending, name, content)
                ended.setdefault(name, outcome)
        results.send(ended | {name: send(sending, name, files[name]) for name in files.keys() - ended})


@contextmanager
def loop() -> Iterator[None]:
    """A process of a reader's priority that does nothing: what any other work on this machine costs."""
    with subprocess.Popen([sys.executable, "-c", "import os; os.nice(10)\nwhile True: pass"]) as process:
        try:
            yield
        finally:
            process.kill()


def ask(client: httpx.Client, asked: Sequence[str]) -> list[float]:
    times = []
    for question in asked:
        time.sleep(_PAUSE_S)
        began = time.perf_counter()
        client.post("/v1/questions", json={"text": question}).raise_for_status()
        times.append((time.perf_counter() - began) * 1000)
    return times


def client(url: str, key: str) -> httpx.Client:
    return httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=120)


def resident_mib(server: int) -> float:
    """Peak of the process, where the system tells (Linux)."""
    status = Path(f"/proc/{server}/status")
    if not status.exists():
        return 0.0
    line = next(one for one in status.read_text().splitlines() if one.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def listener(port: int) -> int:
    """The server's process id, by the port in its environment."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            environment = (entry / "environ").read_bytes()
            command = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if f"EXPERT_PORT={port}".encode() in environment and b"config.cli" in command:
            return int(entry.name)
    return 0


def compare(url: str, keys: Mapping[str, str], asked: Sequence[str], rounds: int) -> dict[str, object]:
    quiet: list[float] = []
    looping: list[float] = []
    busy: list[float] = []
    server = listener(int(url.rpartition(":")[2]))
    context = multiprocessing.get_context("spawn")
    go, end, (results, told) = context.Event(), context.Event(), context.Pipe(duplex=False)
    sender = context.Process(target=keep_sending, args=(url, keys["reviewer"], go, end, told))
    sender.start()
    with client(url, keys["asker"]) as asking:
        ask(asking, asked[:10])  # the first ones load what later ones share
        results.recv()
        before = resident_mib(server)
        for _ in range(rounds):
            quiet += ask(asking, asked)
            with loop():
                looping += ask(asking, asked)
            go.set()
            busy += ask(asking, asked)
            go.clear()
            results.recv()
        end.set()
        go.set()
        ended: Ended = results.recv()
        sender.join()
        grown = resident_mib(server) - before
    busy_ms, looping_ms, quiet_ms = (percentiles(one)["p95_ms"] for one in (busy, looping, quiet))
    return {
        "quiet": percentiles(quiet),
        "bare_loop": percentiles(looping),
        "busy": percentiles(busy),
        "p95_change": round(busy_ms / quiet_ms - 1, 3),
        "p95_change_against_bare_loop": round(busy_ms / looping_ms - 1, 3),
        "server_peak_growth_mib": round(grown, 1),
        "slowest_file_s": max(float(str(one["seconds"])) for one in ended.values()),
        "files": ended,
        "bars": {"p95_change": BAR_SHARE, "slowest_file_s": BAR_S, "server_peak_growth_mib": 256},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=4, help="of quiet and busy (default 4)")
    parser.add_argument("--limit", type=int, default=60, help="questions in a round (default 60)")
    parser.add_argument("--json", type=Path, help="also write the result to this file")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="expert-") as directory:
        home = Path(directory) / "home"
        with serving(home) as (url, _):
            stored = tomllib.loads((home / "keys.toml").read_text())
            keys = {name: entry["key"] for name, entry in stored.items()}
            compared = compare(url, keys, questions(arguments.limit), arguments.rounds)
    tell({"benchmark": "bad_files", "machine": machine(), **compared}, file=arguments.json)


if __name__ == "__main__":
    main()

"""What askers notice while somebody ingests files that bite: p95 of `POST /v1/questions`, against quiet.

Run it as `python -m benchmarks.bad_files`. Quiet and busy rounds take turns on one server, so that what else
the machine does falls on both. Says, too, what became of each file, how long that took, and by how much the
server's memory grew.
"""

import argparse
import json
import os
import platform
import tempfile
import threading
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

import httpx

from benchmarks.ask import percentiles, questions, serving
from tests.bad_files import make_all

BAR_SHARE = 0.20
BAR_S = 25.0
# One key may ask five times a second.
_PAUSE_S = 0.21


@dataclass(slots=True)
class Sender:
    """Sends one bad file after the other, for as long as it may."""

    client: httpx.Client
    files: Iterator[tuple[str, bytes]]
    ended: dict[str, dict[str, object]] = field(default_factory=dict)
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        while not self.stop.is_set():
            self.send(*next(self.files))

    def send(self, name: str, content: bytes) -> None:
        began = time.perf_counter()
        response = self.client.post(
            "/v1/documents", files={"file": (name, content)}, data={"department": "it-ops"}
        )
        body = response.json()
        self.ended[name] = {
            "status": response.status_code,
            "outcome": body.get("outcome"),
            "reason": body["document"]["reason"] if "document" in body else body.get("detail"),
            "seconds": round(time.perf_counter() - began, 2),
        }

    @contextmanager
    def busy(self) -> Iterator[None]:
        self.stop.clear()
        thread = threading.Thread(target=self.run)
        thread.start()
        try:
            yield
        finally:
            self.stop.set()
            thread.join()


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
    busy: list[float] = []
    server = listener(int(url.rpartition(":")[2]))
    files = make_all()
    with client(url, keys["asker"]) as asking, client(url, keys["reviewer"]) as sending:
        sender = Sender(sending, cycle(files.items()))
        ask(asking, asked[:10])  # the first ones load what later ones share
        sender.send("warm.md", b"# Warm\n\nNothing to see here.\n")
        before = resident_mib(server)
        for _ in range(rounds):
            quiet += ask(asking, asked)
            with sender.busy():
                busy += ask(asking, asked)
        for name, content in files.items():
            if name not in sender.ended:
                sender.send(name, content)
        grown = resident_mib(server) - before
    change = percentiles(busy)["p95_ms"] / percentiles(quiet)["p95_ms"] - 1
    slowest = max(float(str(one["seconds"])) for one in sender.ended.values())
    return {
        "quiet": percentiles(quiet),
        "busy": percentiles(busy),
        "p95_change": round(change, 3),
        "server_peak_growth_mib": round(grown, 1),
        "slowest_file_s": slowest,
        "files": sender.ended,
        "bars": {"p95_change": BAR_SHARE, "slowest_file_s": BAR_S, "server_peak_growth_mib": 50},
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
    machine = {"cpus": os.cpu_count(), "python": platform.python_version()}
    text = json.dumps({"benchmark": "bad_files", "machine": machine, **compared}, indent=2)
    print(text)
    if arguments.json:
        arguments.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""How long `POST /v1/questions` takes with the default models, split by step, over a running server.

Starts The Expert with the demo in a directory of its own, asks the development questions one after the
other, and prints percentiles. Beside it, in the same run, a bare baseline: embedding the question alone.
"""

import argparse
import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from benchmarks.outcome import machine, tell
from brain.adapters.fastembed_embedder import PACKAGED, FastembedEmbedder
from brain.ports import Embedder, TextKind

QUESTIONS = Path(__file__).with_name("dev_questions.json")
START_S = 240.0


def questions(limit: int) -> list[str]:
    content = json.loads(QUESTIONS.read_text(encoding="utf-8"))
    asked = [case["question"] for case in content]
    return asked[:limit]


@contextmanager
def serving(home: Path) -> Iterator[tuple[str, str]]:
    """`expert up` in a directory of its own; gives its address and the asker's key once it is ready."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {"EXPERT_HOME": str(home), "EXPERT_PORT": str(port)}
    environment["EXPERT_LOG_LEVEL"] = "warning"
    command = [sys.executable, "-c", "from config.cli import main; main()", "up"]
    server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)  # noqa: S603  # our own
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + START_S
        while not _ready(url):
            if server.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("The server did not become ready; see its messages above.")
            time.sleep(0.5)
        yield url, tomllib.loads((home / "keys.toml").read_text())["asker"]["key"]
    finally:
        server.terminate()
        server.wait(60)


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/ready").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def measure(url: str, key: str, asked: Sequence[str]) -> dict[str, list[float]]:
    """Milliseconds by step; `http` is what a client waits for."""
    times: dict[str, list[float]] = defaultdict(list)
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60) as client:
        for question in asked:
            began = time.perf_counter()
            response = client.post("/v1/questions", json={"text": question})
            elapsed = (time.perf_counter() - began) * 1000
            response.raise_for_status()
            times["http"].append(elapsed)
            for step, ms in response.json()["timings_ms"].items():
                times[step].append(ms)
    return times


async def baseline(home: Path, asked: Sequence[str]) -> list[float]:
    embedder = FastembedEmbedder(PACKAGED, home=home)
    times = await bare(embedder, asked)
    embedder.close()
    return times


async def bare(embedder: Embedder, asked: Sequence[str]) -> list[float]:
    """Milliseconds for the embedding of each question, and nothing else."""
    times = []
    for question in asked:
        began = time.perf_counter()
        await embedder.embed([question], kind=TextKind.QUESTION)
        times.append((time.perf_counter() - began) * 1000)
    return times


def percentiles(times: Sequence[float]) -> dict[str, float]:
    ordered = sorted(times)
    return {
        "n": len(ordered),
        "p50_ms": round(statistics.median(ordered), 2),
        "p95_ms": round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))], 2),
        "max_ms": round(ordered[-1], 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=int, default=200, help="how many questions to ask (default 200)")
    parser.add_argument("--json", type=Path, help="also write the result to this file")
    arguments = parser.parse_args()
    asked = questions(arguments.limit)
    with tempfile.TemporaryDirectory(prefix="expert-") as directory:
        home = Path(directory) / "home"
        with serving(home) as (url, key):
            measure(url, key, asked[:5])  # the first ones load what later ones share
            times = measure(url, key, asked)
        bare = asyncio.run(baseline(home, asked))
    result = {
        "benchmark": "ask",
        "machine": machine(),
        "baseline_embed_only": percentiles(bare),
        "steps": {step: percentiles(values) for step, values in sorted(times.items())},
        "bars": {"http_p50_ms": 120, "http_p95_ms": 300},
    }
    tell(result, file=arguments.json)


if __name__ == "__main__":
    main()

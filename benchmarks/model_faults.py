"""How long people wait for a useful reply while the language model is broken, each way that it breaks; when
its circuit opens, how often it is asked after that, and whether every reply says that no model wrote it.

    python -m benchmarks.model_faults --questions 80 --json model_faults.json
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from benchmarks.ask import percentiles
from benchmarks.outcome import machine, tell
from benchmarks.stage import stage
from brain.adapters.fastembed_embedder import FastembedEmbedder
from brain.domain.answer import Answer, AnswerStatus
from brain.domain.circuit import Circuit, State
from brain.domain.ladder import TOLD
from brain.domain.overload import Backlog
from config.models import models
from config.settings import Settings
from tests.conftest import World
from tests.contract import lying_models as lying
from tests.contract.fake_openai import Failure, FakeOpenAI, Stream, fake_openai

PAUSE_S = 0.25
RUNBOOK = "# Redis\n\n## Rotate the Redis password\n\n" + " ".join(
    (
        "To rotate the Redis password, generate a new one with `pass generate redis/prod` and restart",
        "the replicas.",
    )
)
FAULTS: Mapping[str, Failure | Stream | None] = {
    "refused": None,
    "hanging": Stream([], ending="hang"),
    "stalling": Stream(["To rotate"], ending="hang"),
    "429": Failure(429),
    "429 with Retry-After": Failure(429, headers=("Retry-After: 5",)),
    "500": Failure(500),
    "402": Failure(402),
    "html with 200": Failure(200, html=True),
    "cut": Stream(["To rotate"], ending="cut"),
}


@dataclass(slots=True)
class Measured:
    """`opened_after`: calls until the circuit opened; `asked_at`: when it was asked from then on."""

    waits_ms: list[float] = field(default_factory=list)
    useful: int = 0
    unlabelled: int = 0
    opened_after: int | None = None
    opened_at: float = 0.0

    def answered(self, answer: Answer, seconds: float) -> None:
        self.waits_ms.append(seconds * 1000)
        self.useful += answer.status is AnswerStatus.PUBLISHED and bool(answer.citations)
        self.unlabelled += answer.level_told not in TOLD

    def look(self, circuit: Circuit, calls: int) -> None:
        if self.opened_after is None and circuit.state is not State.CLOSED:
            self.opened_after, self.opened_at = calls, time.monotonic()

    def told(self, server: FakeOpenAI) -> dict[str, Any]:
        later = [one.at_s for one in server.requests if self.opened_at and one.at_s > self.opened_at]
        open_s = time.monotonic() - self.opened_at if self.opened_at else 0.0
        return {
            "wait": percentiles(self.waits_ms),
            "replies": len(self.waits_ms),
            "useful": self.useful,
            "unlabelled": self.unlabelled,
            "calls_until_open": self.opened_after,
            "open_s": round(open_s, 1),
            "calls_while_open": len(later),
        }


async def broken(world: World, server: FakeOpenAI, settings: Settings, questions: int) -> dict[str, Any]:
    measured = Measured()
    async with AsyncExitStack() as stack:
        by_role = await models(settings, stack, backlog=Backlog())
        asking = replace(
            world, ask=replace(world.ask, generator=by_role.generator, patience=by_role.patience)
        )
        [circuit] = by_role.writers
        for number in range(questions):
            began = time.perf_counter()
            answer = (await asking.asks(f"How do I rotate the Redis password on host {number}?")).answer
            if answer is None:
                raise SystemExit("A question got no answer.")
            measured.answered(answer, time.perf_counter() - began)
            # A refused connection never reaches the server: the circuit counts the calls.
            measured.look(circuit, len(server.requests))
            await asyncio.sleep(PAUSE_S)
        return measured.told(server) | {"refused_by_the_circuit": circuit.refused}


async def measure(questions: int) -> dict[str, Any]:
    results: dict[str, Any] = {}
    async with stage(FastembedEmbedder) as (_, world, _):
        await world.reads("redis.md", RUNBOOK)
        for name, fault in FAULTS.items():
            async with fake_openai() as server:
                server.character = lying.honest if fault is None else lambda _, said=fault: said
                base = "http://127.0.0.1:9/v1" if fault is None else server.base
                with tempfile.TemporaryDirectory() as home:
                    settings = Settings(
                        home=Path(home),
                        model="openai/local",
                        model_api_base=base,
                        model_api_key=SecretStr("sk-x"),
                        allow_hosts=("127.0.0.1",),
                    )
                    results[name] = await broken(world, server, settings, questions)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--questions", type=int, default=80, help="of each fault, one after the other")
    parser.add_argument("--json", type=Path, help="also write the result to this file")
    arguments = parser.parse_args()
    results = asyncio.run(measure(arguments.questions))
    tell({"machine": machine(), "faults": results}, file=arguments.json)


if __name__ == "__main__":
    main()

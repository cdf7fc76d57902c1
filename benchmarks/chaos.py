"""Every process killed again and again, at random, while companies on Slack go on asking; and what became of
each question afterwards. Slack sends again what nobody acknowledged.

    python -m benchmarks.chaos
    python -m benchmarks.chaos --events 2000 --kills 5

What was acknowledged has to end with one visible answer: from the documents, from a person who was asked, or
that it failed.
"""

import argparse
import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sqlalchemy import text

from benchmarks.busy_slack import QUESTIONS, Asked, Crowd
from benchmarks.load import Plan as Load
from benchmarks.load import Stage, answers, percentiles, staged
from benchmarks.outcome import machine, tell
from brain.adapters.postgres.store import connect

BARS = {"lost": 0, "doubled": 0, "stuck_over_s": 120}
# Two are in no document: a person is asked.
ASKED = (*QUESTIONS, "How do I book the roof terrace?", "Where is the bicycle cellar?")
# Tasks that end with a message; the clocks of reviews, which ring tomorrow, are not waited for.
OURS = ("hear", "answer", "deliver", "show_review")
# As often as Slack, in less time; a product that starts has to be there before the last.
RETRIES_S = (0.2, 10.0, 40.0)
_LEFT = """
SELECT (SELECT count(*) FROM outbox WHERE relayed_at IS NULL) AS unrelayed,
    count(*) FILTER (WHERE state IN ('ready', 'leased', 'unknown')) AS unfinished,
    count(*) FILTER (WHERE state = 'dead') AS dead
FROM task WHERE handler = ANY(:ours)
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """`up_s`: how long a process runs at least and at most before it is killed again."""

    events: int = 20_000
    events_per_s: float = 50.0
    questions_per_s: float = 5.0
    kills: int = 20
    up_s: tuple[float, float] = (2.0, 8.0)
    tenants: int = 8
    people: int = 200
    patience_s: float = 180.0
    seed: int = 8
    more: Mapping[str, str] = field(default_factory=dict)

    @property
    def load(self) -> Load:
        return Load(tenants=self.tenants, people=self.people, channels=4, seed=self.seed, more=self.more)


@dataclass
class Killer:
    """Kills one process, starts it again, and waits until it is there."""

    name: str
    kill: Callable[[], Awaitable[None]]
    start: Callable[[], Awaitable[None]]
    killed: int = 0

    async def rage(self, plan: Plan, rng: random.Random, talking: asyncio.Event, turn: asyncio.Lock) -> None:
        """Until it has been killed often enough and nobody talks any more. One is away at a time: with all of
        them away nearly always, there would be nothing to break."""
        while self.killed < plan.kills or talking.is_set():
            await asyncio.sleep(rng.uniform(*plan.up_s))
            async with turn:
                await self.kill()
                self.killed += 1
                await asyncio.sleep(rng.uniform(0, 1))
                await self.start()


def killers(stage: Stage) -> list[Killer]:
    product, postgres = stage.product, stage.postgres

    async def start_product() -> None:
        """While PostgreSQL is away it may give up, as people's would: then once more."""
        while True:
            product.start()
            try:
                await product.ready()
            except TimeoutError:
                await product.kill()
            else:
                return

    return [
        Killer("product", product.kill, start_product),
        Killer("postgresql", postgres.kill, postgres.start),
    ]


async def chaos(plan: Plan) -> dict[str, Any]:
    async with staged(plan.load) as stage:
        crowd = stage.crowd
        crowd.questions = ASKED
        stage.slack.deliveries.retries_s = RETRIES_S
        rng = random.Random(plan.seed)
        talking, collecting = asyncio.Event(), asyncio.create_task(_collect(crowd))
        talking.set()
        began, turn = time.monotonic(), asyncio.Lock()
        known = killers(stage)
        try:
            async with asyncio.TaskGroup() as raging:
                for one in known:
                    raging.create_task(one.rage(plan, rng, talking, turn))
                await crowd.talk(
                    events_per_s=plan.events_per_s,
                    questions_per_s=plan.questions_per_s,
                    seconds=plan.events / plan.events_per_s,
                )
                talking.clear()
            calm = time.monotonic()
            await crowd.answered(within_s=plan.patience_s)
            left = await _idle(stage, within_s=plan.patience_s)
        finally:
            collecting.cancel()
        crowd.collect()
        return {
            "events": crowd.sent,
            "questions": len(crowd.asked),
            "seconds": round(time.monotonic() - began, 1),
            "killed": {one.name: one.killed for one in known},
            "lost": len(crowd.left()),
            "doubled": crowd.doubled + doubled_elsewhere(stage),
            "stuck_over_s": round(max((_waited(one) for one in crowd.asked.values()), default=0.0), 1),
            "calm_again_after_s": round(time.monotonic() - calm, 1),
            "became": dict(Counter(became(stage, ts, one) for ts, one in crowd.asked.items())),
            "unacknowledged_deliveries": crowd.unacknowledged,
            "attempts": len(crowd.attempts),
            "refused": dict(Counter(one.failure for one in crowd.attempts if one.failure)),
            "acknowledged_ms": percentiles(
                [one.ack_s * 1000 for one in crowd.attempts if not one.failure], digits=1
            ),
            "answered_s": answers(crowd),
            "tasks_left": left,
            "violations": [str(one) for one in stage.slack.violations][:5],
        }


async def _collect(crowd: Crowd) -> None:
    while True:
        crowd.collect()
        await asyncio.sleep(0.2)


def _waited(asked: Asked) -> float:
    """From the acknowledgement to the answer; to now, where there is none."""
    if not asked.acknowledged_at:
        return 0.0
    return (asked.answered_at or time.monotonic()) - asked.acknowledged_at


def became(stage: Stage, ts: str, asked: Asked) -> str:
    """By what can be read in the thread."""
    if not asked.acknowledged_at and not asked.answered_at:
        return "never acknowledged"
    said = [one for one in asked.channel.replies(ts) if one.user == asked.office.workspace.bot.id]
    last = stage.slack.world.reading(said[-1]) if said else ""
    if not asked.answered_at:
        return "lost"
    if "went wrong" in last:
        return "failed, and said so"
    return "passed on" if "don't know" in last else "answered"


def doubled_elsewhere(stage: Stage) -> int:
    """Cards of reviews, and whatever else has a key: messages that are there twice under one."""
    places = [
        (channel.id, one.metadata["event_payload"]["key"], one.metadata["event_payload"].get("part", 0))
        for channel in stage.slack.world.channels.values()
        for one in channel.messages
        if one.metadata and not one.deleted and not one.is_reply
    ]
    return len(places) - len(set(places))


async def _idle(stage: Stage, *, within_s: float) -> dict[str, int]:
    """What is left to do, in the end or at the end of patience."""
    engine, until = connect(stage.postgres.urls.system, pool_size=1), time.monotonic() + within_s
    try:
        while True:
            async with engine.connect() as connection:
                row = (await connection.execute(text(_LEFT), {"ours": list(OURS)})).one()
            if not (row.unrelayed or row.unfinished) or time.monotonic() > until:
                return dict(row._mapping)
            await asyncio.sleep(0.2)
    finally:
        await engine.dispose()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    usual = Plan()
    parser.add_argument("--events", type=int, default=usual.events)
    parser.add_argument("--per-s", type=float, default=usual.events_per_s)
    parser.add_argument("--questions", type=float, default=usual.questions_per_s, help="a second")
    parser.add_argument("--kills", type=int, default=usual.kills, help="of each process, at least")
    parser.add_argument("--seed", type=int, default=usual.seed)
    parser.add_argument("--json", type=Path, help="also write the result to this file")
    arguments = parser.parse_args()
    plan = replace(
        usual,
        events=arguments.events,
        events_per_s=arguments.per_s,
        questions_per_s=arguments.questions,
        kills=arguments.kills,
        seed=arguments.seed,
    )
    result = {"benchmark": "chaos", "machine": machine(), **asyncio.run(chaos(plan)), "bars": BARS}
    tell(result, file=arguments.json)


if __name__ == "__main__":
    main()

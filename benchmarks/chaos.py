"""Every process killed again and again, at random, while companies on Slack go on asking; and what became of
each question afterwards. Slack sends again what nobody acknowledged.

    python -m benchmarks.chaos
    python -m benchmarks.chaos --events 1000 --kills 3

Four processes: `expert up`, which takes in and relays, `expert worker`, Redis and PostgreSQL. What was
acknowledged has to end with one visible answer: from the documents, from a person who was asked, or that it
failed.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks.busy_slack import QUESTIONS, Asked, Crowd
from benchmarks.killing import Killed, rage, supervised
from benchmarks.load import Plan as Load
from benchmarks.load import Stage, answers, percentiles, staged
from benchmarks.outcome import machine, tell
from benchmarks.running import Product
from benchmarks.suspects import evidence
from brain.adapters.postgres.store import connect
from tests.service.redis import own_redis
from tests.undone import worked_off

BARS = {"lost": 0, "doubled": 0, "stuck_over_s": 120}
# Two are in no document: a person is asked.
ASKED = (*QUESTIONS, "How do I book the roof terrace?", "Where is the bicycle cellar?")
# Tasks that end with a message; the clocks of reviews, which ring tomorrow, are not waited for.
OURS = ("hear", "answer", "deliver", "show_review")
# As often as Slack, in less time; a product that starts has to be there before the last.
RETRIES_S = (0.2, 10.0, 40.0)
TELL_EVERY_S = 10.0


@dataclass(frozen=True, slots=True)
class Plan:
    """`kills` of each process at least, spread over the time in which people talk."""

    events: int = 20_000
    events_per_s: float = 20.0
    questions_per_s: float = 1.0
    kills: int = 20
    tenants: int = 8
    people: int = 200
    patience_s: float = 180.0
    seed: int = 8
    more: Mapping[str, str] = field(default_factory=dict)

    @property
    def talk_s(self) -> float:
        return self.events / self.events_per_s

    def load(self, broker: str) -> Load:
        more = {"EXPERT_BROKER_URL": broker, "EXPERT_WORKERS": "8", **self.more}
        return Load(tenants=self.tenants, people=self.people, channels=4, seed=self.seed, more=more)


@dataclass
class Scene:
    stage: Stage
    processes: Sequence[Killed]

    @property
    def crowd(self) -> Crowd:
        return self.stage.crowd


@asynccontextmanager
async def set_up(plan: Plan) -> AsyncIterator[Scene]:
    async with AsyncExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="expert-redis-")))
        redis = stack.enter_context(own_redis(place))
        await asyncio.to_thread(redis.start)
        stage = await stack.enter_async_context(staged(plan.load(redis.url)))
        worker = Product(stage.product.home, stage.product.environment, words=("worker",))
        worker.start()
        stack.push_async_callback(worker.stop)
        stage.crowd.questions = ASKED
        stage.slack.deliveries.retries_s = RETRIES_S
        processes = [
            Killed.product("api and relay", stage.product),
            Killed.product("worker", worker),
            Killed("redis", _in_thread(redis.kill), _in_thread(redis.start), lambda: redis.alive),
            Killed("postgresql", stage.postgres.kill, stage.postgres.start, lambda: stage.postgres.pid > 0),
        ]
        await stack.enter_async_context(supervised(processes))
        yield Scene(stage, processes)


def _in_thread(act: Callable[[], None]) -> Callable[[], Awaitable[None]]:
    async def acts() -> None:
        await asyncio.to_thread(act)

    return acts


async def chaos(plan: Plan) -> dict[str, Any]:
    async with set_up(plan) as scene:
        crowd, rng = scene.crowd, random.Random(plan.seed)
        collecting = asyncio.create_task(_collect(crowd))
        telling = asyncio.create_task(_tell(scene, time.monotonic()))
        began = time.monotonic()
        try:
            async with asyncio.TaskGroup() as at_once:
                at_once.create_task(rage(scene.processes, kills=plan.kills, during_s=plan.talk_s, rng=rng))
                at_once.create_task(
                    crowd.talk(
                        events_per_s=plan.events_per_s,
                        questions_per_s=plan.questions_per_s,
                        seconds=plan.talk_s,
                    )
                )
            calm = time.monotonic()
            await crowd.answered(within_s=plan.patience_s)
            system = connect(scene.stage.postgres.urls.system, pool_size=1)
            left = await worked_off(system, OURS, within_s=plan.patience_s)
            await system.dispose()
        finally:
            collecting.cancel()
            telling.cancel()
        crowd.collect()
        return {
            **outcome(scene),
            "seconds": round(time.monotonic() - began, 1),
            "calm_again_after_s": round(time.monotonic() - calm, 1),
            "tasks_left": asdict(left),
            "suspects": await evidence(scene.stage, suspects(crowd)),
        }


def outcome(scene: Scene) -> dict[str, Any]:
    """A question is accepted once one of its two events was acknowledged with a 2xx."""
    stage, crowd = scene.stage, scene.crowd
    accepted = [one for one in crowd.asked.values() if one.acknowledged_at]
    waited = [_waited(one) for one in accepted]
    return {
        "events": crowd.sent,
        "events_acknowledged": crowd.sent - crowd.unacknowledged,
        "questions": len(crowd.asked),
        "accepted": len(accepted),
        "accepted_share": round(len(accepted) / max(1, len(crowd.asked)), 4),
        "killed": {one.name: one.killed for one in scene.processes},
        "ended_by_themselves": {one.name: one.gave_up for one in scene.processes if one.gave_up},
        "lost": len(crowd.left()),
        "doubled": crowd.doubled + doubled_elsewhere(stage),
        "stuck_over_s": round(max(waited, default=0.0), 1),
        "waited_s": percentiles(waited, digits=1),
        "became": dict(Counter(became(stage, ts, one) for ts, one in crowd.asked.items())),
        "attempts": len(crowd.attempts),
        "refused": dict(Counter(one.failure for one in crowd.attempts if one.failure)),
        "acknowledged_ms": percentiles(
            [one.ack_s * 1000 for one in crowd.attempts if not one.failure], digits=1
        ),
        "answered_s": answers(crowd),
        "violations": [str(one) for one in stage.slack.violations][:5],
    }


async def _collect(crowd: Crowd) -> None:
    while True:
        crowd.collect()
        await asyncio.sleep(0.2)


async def _tell(scene: Scene, began: float) -> None:
    """On standard error, so that the result stays alone."""
    while True:
        await asyncio.sleep(TELL_EVERY_S)
        crowd = scene.crowd
        left = crowd.left()
        oldest = max((_waited(one) for one in left), default=0.0)
        kills = " ".join(
            f"{one.name.split()[0]}:{one.killed}{'' if one.alive() else '!'}" for one in scene.processes
        )
        print(
            f"{time.monotonic() - began:6.0f} s  events {crowd.sent}  asked {len(crowd.asked)}"
            f"  waiting {len(left)}, longest {oldest:.0f} s  doubled {crowd.doubled}  killed {kills}",
            file=sys.stderr,
            flush=True,
        )


def _waited(asked: Asked) -> float:
    """From the acknowledgement to the answer; to now, where there is none."""
    if not asked.acknowledged_at:
        return 0.0
    return (asked.answered_at or time.monotonic()) - asked.acknowledged_at


def suspects(crowd: Crowd) -> list[tuple[str, Asked]]:
    """The lost and the doubled, then those that waited longest."""

    def how_bad(one: Asked) -> tuple[bool, bool, float]:
        return bool(one.acknowledged_at and not one.answered_at), one.messages > 1, _waited(one)

    known = sorted(crowd.asked.items(), key=lambda one: how_bad(one[1]), reverse=True)
    return [
        (ts, one) for ts, one in known if any(how_bad(one)[:2]) or _waited(one) > BARS["stuck_over_s"] / 2
    ]


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

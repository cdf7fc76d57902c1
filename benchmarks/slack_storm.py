"""Questions on Slack while everything that can be delivered again is: each event one to five times and in any
order, mentions as two events, and two product processes on one database that share what comes in. Who asked
must see one answer. With `--limits`, Slack counts calls, and says when to come again.

    python -m benchmarks.slack_storm --questions 2000
    python -m benchmarks.slack_storm --questions 100 --limits
"""

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from sqlalchemy import text

from benchmarks.outcome import machine, tell
from benchmarks.stage import stage
from brain.adapters.fastembed_embedder import FastembedEmbedder
from brain.adapters.postgres.store import connect
from brain.adapters.postgres.tenants import tenants
from config.settings import DatabaseUrls
from demo.fake_slack import Channel, FakeSlack, Message, Person
from tests.conftest import RUNBOOKS, World
from tests.service.slack_product import Running, products
from tests.undone import worked_off

PROCESSES = 2
COPIES = 5
CHANNELS = 20
# Tasks that end with a message; the clocks of reviews, which ring tomorrow, are not waited for.
OURS = ("hear", "answer", "deliver", "show_review")
QUESTIONS = (
    "How do I rotate the Redis password?",
    "How do I check the memory of a Redis node?",
    "What do I do when Redis does not start?",
    "How do I fail over a Redis primary?",
    "Who is on call for Redis?",
)
PLACEHOLDER = "Looking for an answer"


@dataclass(frozen=True, slots=True)
class Plan:
    """`ahead` is how many may wait for an answer at a time. With `limits` every thread gets two questions."""

    questions: int
    limits: bool = False
    ahead: int = 100
    window_s: float = 2.0
    patience_s: float = 300.0
    seed: int = 11


@dataclass(slots=True)
class Storm:
    plan: Plan
    slack: FakeSlack
    people: Sequence[Person]
    channels: Sequence[Channel]
    rng: random.Random
    asked: list[tuple[Message, int]] = field(default_factory=list)
    waits_s: list[float] = field(default_factory=list)

    async def rage(self) -> None:
        """Ask, never more than `ahead` at a time."""
        waiting: set[asyncio.Task[None]] = set()
        left = self.plan.questions
        while left:
            count = min(left, 2 if self.plan.limits else 1)
            left -= count
            waiting.add(asyncio.create_task(self._ask(count)))
            if len(waiting) >= self.plan.ahead:
                _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if waiting:
            await asyncio.wait(waiting)

    async def _ask(self, count: int) -> None:
        person, channel = self.rng.choice(self.people), self.rng.choice(self.channels)
        root = self._says(person, channel)
        for _ in range(count - 1):
            self._says(person, channel, thread=root)
        self.asked.append((root, count))
        began = time.monotonic()
        while time.monotonic() - began < self.plan.patience_s:
            if len([one for one in self.answers(root) if PLACEHOLDER not in one]) >= count:
                self.waits_s.append(time.monotonic() - began)
                return
            await asyncio.sleep(0.05)

    def _says(self, person: Person, channel: Channel, *, thread: Message | None = None) -> Message:
        mischief = self.slack.deliveries.mischief
        mischief.copies = self.rng.randint(1, COPIES)
        mischief.twins = self.rng.choice(("message", "mention"))
        mischief.twin_gap_s = self.rng.uniform(0, self.plan.window_s)
        return person.says(channel, f"@expert {self.rng.choice(QUESTIONS)}", thread=thread)

    def answers(self, root: Message) -> list[str]:
        channel = self.slack.world.channels[root.channel]
        return [
            one.text if not one.blocks else self.slack.world.reading(one)
            for one in channel.messages
            if one.thread_ts == root.ts and one.user == self.slack.bot.id and not one.deleted
        ]

    def count(self) -> dict[str, int]:
        lost = doubled = 0
        for root, count in self.asked:
            said = self.answers(root)
            final = sum(PLACEHOLDER not in one for one in said)
            lost += max(0, count - final)
            doubled += max(0, len(said) - count)
        return {"lost": lost, "doubled": doubled}


@asynccontextmanager
async def office(plan: Plan, world: World) -> AsyncIterator[Storm]:
    """Everybody has an e-mail address, by which Slack's people are ours."""
    async with FakeSlack(rate_limits=plan.limits) as slack:
        people = []
        async with world.store.transaction(world.tenant) as tx:
            for handle in ("amira", "omar", "ravi", "rosa"):
                member = await tx.people.member(handle)
                if member is None:
                    raise LookupError(handle)
                email = f"{handle}@northlight.example"
                await tx.people.save_member(replace(member, email=email))
                people.append(slack.add_person(member.name, email=email))
        count = 4 if plan.limits else CHANNELS
        channels = [slack.add_channel(f"help-{number}", people) for number in range(count)]
        slack.deliveries.mischief.window_s = plan.window_s
        slack.deliveries.retries_s = (0.0, 0.05, 0.2)
        yield Storm(plan, slack, people, channels, random.Random(plan.seed))


async def storm(plan: Plan, world: World, urls: DatabaseUrls, *, home: Path) -> dict[str, Any]:
    """What came of it. The world's tenant has to be alone in the queue."""
    system = connect(urls.system, pool_size=1)
    slug = {id_: slug for slug, id_ in (await tenants(system)).items()}[world.tenant]
    await world.reads("redis.md", (RUNBOOKS / "it-ops" / "redis-operations.md").read_text())
    async with office(plan, world) as raging:
        slack = raging.slack
        running = replace(Running.on(slack, urls, home=home, tenant=slug), paced=plan.limits)
        with products(running) as started:
            for _ in range(PROCESSES):
                started.start()
            await slack.until(lambda: len(slack.sockets.connections) == PROCESSES, 120)
            began = time.monotonic()
            await raging.rage()
            took_s = time.monotonic() - began
            await slack.settled()
            left = await worked_off(system, OURS, within_s=plan.patience_s)
        attempts = [one for each in slack.deliveries.all for one in each.attempts]
        result = {
            "questions": plan.questions,
            "processes": PROCESSES,
            "deliveries": len(attempts),
            **raging.count(),
            "posts": sum(one.method == "chat.postMessage" and not one.error for one in slack.calls),
            "tasks_left": asdict(left),
            "seconds": round(took_s, 1),
            "answers_a_second": round(plan.questions / took_s, 1),
            "answered_after_s": _percentiles(raging.waits_s),
            "acknowledged_after_ms": _percentiles([one * 1000 for one in slack.ack_times_s()]),
            "violations": [str(one) for one in slack.violations],
            "limits": _limits(raging) | {"threads_out_of_order": await _out_of_order(world)},
        }
    await system.dispose()
    return result


def _limits(raging: Storm) -> dict[str, Any]:
    """`most_in_ten_s` of the messages that one channel got."""
    limits = raging.slack.limits
    most = 0
    for channel in raging.channels:
        at = [
            one.at
            for one in raging.slack.calls
            if one.method == "chat.postMessage" and not one.error and one.arguments["channel"] == channel.id
        ]
        most = max([most, *(sum(first <= other < first + 10 for other in at) for first in at)])
    told = Counter(limits.limited)
    early = [(method, round(seconds, 2)) for method, seconds in limits.impatient]
    return {"told_to_wait": dict(told), "too_early": early, "most_in_ten_s_in_a_channel": most}


async def _out_of_order(world: World) -> int:
    """Threads in which a message is before one that was to come first."""
    async with world.store.transaction(world.tenant) as tx:
        rows = await tx.connection.execute(
            text(
                "SELECT conversation_id, array_agg(ids[1]::numeric ORDER BY position) AS at FROM message"
                " WHERE ids <> '{}' AND NOT private GROUP BY conversation_id"
            )
        )
        return sum(list(row.at) != sorted(row.at) for row in rows)


def _percentiles(values: Sequence[float]) -> dict[str, float]:
    if len(values) < 2:
        return {}
    cuts = statistics.quantiles(values, n=100)
    return {name: round(cuts[at - 1], 2) for name, at in (("p50", 50), ("p95", 95), ("p99", 99))}


async def measure(plan: Plan) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="expert-", ignore_cleanup_errors=True) as home:
        async with stage(FastembedEmbedder) as (postgres, world, _):
            return await storm(plan, world, postgres.urls, home=Path(home))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--questions", type=int, default=2_000)
    parser.add_argument("--limits", action="store_true", help="with Slack's rate limits, in a few channels")
    parser.add_argument("--json", type=Path, help="also write the result to this file")
    arguments = parser.parse_args()
    plan = Plan(arguments.questions, limits=arguments.limits)
    result = {
        "benchmark": "slack_storm",
        "machine": machine(),
        **asyncio.run(measure(plan)),
        "bars": {"lost": 0, "doubled": 0, "too_early": 0, "threads_out_of_order": 0},
    }
    tell(result, file=arguments.json)


if __name__ == "__main__":
    main()

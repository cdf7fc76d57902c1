"""Two dozen companies on Slack at once, as the product meets them: `expert up` in a process of its own,
embedded PostgreSQL, a model that takes 400 ms, and signed events over HTTP from people who mostly talk to
each other.

    python -m benchmarks.load
    python -m benchmarks.load --seconds 60 --json load.json
    python -m benchmarks.load --workers 1    # beside `expert up`, with Redis between them
    python -m benchmarks.load --seconds 3600 --events 100 --questions 8     # the soak

A question counts from the moment it is sent until its answer can be read on the fake Slack.
"""

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.busy_slack import OUTSIDE, Crowd, found_all, install_all, offices
from benchmarks.outcome import machine, tell
from benchmarks.running import Postgres, Product, Used
from brain.adapters.postgres.migrate import migrate
from config.settings import DatabaseUrls, Settings
from demo.fake_slack import FakeSlack
from tests.contract.fake_openai import fake_openai
from tests.contract.lying_models import honest
from tests.service.redis import own_redis

SPECS = Path(__file__).parents[2] / "shared" / "specs" / "slack"
TIERS = SPECS / "rate_limit_tiers.json"
# Slack's are 0, 60 and 300: https://docs.slack.dev/apis/events-api/#retries
RETRIES_S = (0.0, 2.0, 10.0)
BARS = {
    "lost": 0,
    "doubled": 0,
    "acknowledged_p999_ms": 1_000,
    "answered_p95_s": 3.0,
    "memory_growth": 0.05,
}


@dataclass(frozen=True, slots=True)
class Plan:
    """Of `events_per_s`, each question is two. The first `warm_s` are counted apart. `workers` are processes
    of their own; without any, `expert up` does the work."""

    seconds: float = 300.0
    events_per_s: float = 200.0
    questions_per_s: float = 17.0
    tenants: int = 24
    people: int = 1_000
    channels: int = 8
    model_s: float = 0.4
    warm_s: float = 15.0
    patience_s: float = 60.0
    seed: int = 4
    workers: int = 0
    more: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Stage:
    slack: FakeSlack
    crowd: Crowd
    postgres: Postgres
    product: Product
    workers: Sequence[Product] = ()


@asynccontextmanager
async def staged(plan: Plan) -> AsyncIterator[Stage]:
    """Everything is installed, and runs."""
    async with AsyncExitStack() as stack:
        home, own = homes(stack)
        postgres = Postgres.at(home / "database")
        await postgres.start()
        stack.push_async_callback(postgres.stop)
        urls = postgres.urls
        await migrate(urls.owner, app_role="expert_app", system_role="expert_system")
        slack = await stack.enter_async_context(
            FakeSlack(rate_limits=True, tiers=TIERS if TIERS.exists() else None)
        )
        model = await stack.enter_async_context(fake_openai())
        model.character, model.delay_s, model.keep = honest, plan.model_s, False
        known = offices(slack, tenants=plan.tenants, people=plan.people, channels=plan.channels)
        settings = Settings(home=own)
        await found_all(settings, urls, known)
        told = {"EXPERT_BROKER_URL": await broker(stack)} if plan.workers else {}
        product = Product(own, {**environment(slack, urls, model.base), **told, **plan.more})
        product.start()
        stack.push_async_callback(product.stop)
        await product.ready()
        await install_all(settings, slack, known, at=product.url)
        slack.deliveries.retries_s = RETRIES_S
        slack.deliveries.urls = [f"{product.url}/slack/events"]
        workers = [Product(own, product.environment, words=("worker",)) for _ in range(plan.workers)]
        for worker in workers:
            worker.start()
            stack.push_async_callback(worker.stop)
        yield Stage(slack, Crowd(slack, known, random.Random(plan.seed)), postgres, product, workers)


def homes(stack: AsyncExitStack) -> tuple[Path, Path]:
    """For the database, and for the product."""
    made = tempfile.TemporaryDirectory(prefix="expert-", ignore_cleanup_errors=True)
    home = Path(stack.enter_context(made))
    home.chmod(0o755)  # PostgreSQL's account passes through
    own = home / "home"
    own.mkdir(mode=0o700)
    return home, own


async def broker(stack: AsyncExitStack) -> str:
    """Of a Redis of our own."""
    place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="expert-redis-")))
    redis = stack.enter_context(own_redis(place))
    await asyncio.to_thread(redis.start)
    return redis.url


def environment(slack: FakeSlack, urls: DatabaseUrls, model: str) -> dict[str, str]:
    return {
        "EXPERT_DATABASE_URL": urls.owner,
        "EXPERT_DATABASE_URL_APP": urls.app,
        "EXPERT_DATABASE_URL_SYSTEM": urls.system,
        "EXPERT_MODEL": "openai/stub",
        "EXPERT_MODEL_API_BASE": model,
        "EXPERT_MODEL_API_KEY": "sk-none",
        "EXPERT_ALLOW_HOSTS": "127.0.0.1",
        "EXPERT_SLACK_CLIENT_ID": slack.app.client_id,
        "EXPERT_SLACK_CLIENT_SECRET": slack.app.client_secret,
        "EXPERT_SLACK_SIGNING_SECRET": slack.signing_secret,
        "EXPERT_SLACK_URL": OUTSIDE,
        "EXPERT_SLACK_API_URL": slack.api_url,
        "EXPERT_WORKERS": "32",
    }


@dataclass
class Watch:
    """Looks at the processes of the product once a second."""

    stage: Stage
    seen: list[list[Used]] = field(default_factory=list)
    began: dict[str, float] = field(default_factory=dict)

    async def look(self) -> None:
        while True:
            self.seen.append([one.used() for one in self._processes])
            self.stage.crowd.collect()
            await asyncio.sleep(1)

    def mark(self) -> None:
        self.began = self._cpu_s()

    def cpu_s(self) -> dict[str, float]:
        """Since the mark."""
        return {name: spent - self.began[name] for name, spent in self._cpu_s().items()}

    @property
    def _processes(self) -> Sequence[Product]:
        return (self.stage.product, *self.stage.workers)

    def _cpu_s(self) -> dict[str, float]:
        return {
            "product": sum(one.used().cpu_s for one in self._processes),
            "postgresql": self.stage.postgres.used().cpu_s,
            "driver": time.process_time(),
        }

    def growth(self) -> list[dict[str, Any]]:
        """Of `expert up` first, then of each worker."""
        return [_growth(seen) for seen in zip(*self.seen, strict=True)]


def _growth(seen: Sequence[Used]) -> dict[str, Any]:
    """Of the last tenth over the second tenth: in the first, caches fill."""
    tenth = max(1, len(seen) // 10)
    first, last = seen[tenth : 2 * tenth] or seen, seen[-tenth:]
    before, after = (statistics.median(one.memory_mb for one in part) for part in (first, last))
    return {
        "memory_mb": [round(before), round(after)],
        "memory_growth": round(after / before - 1, 3),
        "descriptors": [round(statistics.median(one.descriptors for one in part)) for part in (first, last)],
        "most_descriptors": max(one.descriptors for one in seen),
    }


async def loaded(plan: Plan) -> dict[str, Any]:
    async with staged(plan) as stage:
        crowd, watch = stage.crowd, Watch(stage)
        pace = {"events_per_s": plan.events_per_s, "questions_per_s": plan.questions_per_s}
        await crowd.talk(**pace, seconds=plan.warm_s)
        await crowd.answered(within_s=plan.patience_s)
        warm = {"acknowledged_ms": acknowledged(crowd), "answered_s": answers(crowd)}
        warm_asked, warm_left, warm_doubled = len(crowd.asked), len(crowd.left()), crowd.doubled
        known = set(crowd.asked)
        crowd.attempts.clear()
        crowd.sent = crowd.unacknowledged = 0
        stage.slack.calls.clear()
        watch.mark()
        watching = asyncio.create_task(watch.look())
        began = time.monotonic()
        await crowd.talk(**pace, seconds=plan.seconds)
        took_s = time.monotonic() - began
        busy_s = watch.cpu_s()
        await crowd.answered(within_s=plan.patience_s)
        cpu_s = watch.cpu_s()
        watching.cancel()
        asked = {ts: one for ts, one in crowd.asked.items() if ts not in known}
        return {
            "seconds": round(took_s, 1),
            "tenants": plan.tenants,
            "people": plan.people,
            "questions": len(asked),
            "events": crowd.sent,
            "events_per_s": round(crowd.sent / took_s, 1),
            "lost": len(crowd.left()) + crowd.unacknowledged,
            "doubled": crowd.doubled,
            "unacknowledged": crowd.unacknowledged,
            "refused": dict(Counter(one.failure for one in crowd.attempts if one.failure)),
            "acknowledged_ms": acknowledged(crowd),
            "answered_s": answers(crowd, known),
            "cpu_ms_per_event": {name: round(spent * 1000 / crowd.sent, 2) for name, spent in cpu_s.items()},
            "cores": {name: round(spent / took_s, 2) for name, spent in busy_s.items()},
            "processes": watch.growth(),
            "calls": dict(Counter(one.method for one in stage.slack.calls)),
            "rate_limited": dict(stage.slack.limits.limited),
            "violations": [str(one) for one in stage.slack.violations][:5],
            "while_warming": warm | {"questions": warm_asked, "left": warm_left, "doubled": warm_doubled},
        }


def acknowledged(crowd: Crowd) -> dict[str, float]:
    return percentiles([one.ack_s * 1000 for one in crowd.attempts if not one.failure], digits=1)


def answers(crowd: Crowd, before: Sequence[str] | set[str] = ()) -> dict[str, float]:
    asked = (one for ts, one in crowd.asked.items() if ts not in before)
    return percentiles([one.answered_at - one.at for one in asked if one.answered_at], digits=2)


def percentiles(values: Sequence[float], *, digits: int) -> dict[str, float]:
    if len(values) < 2:
        return {}
    cuts = statistics.quantiles(values, n=1000, method="inclusive")
    named = {"p50": cuts[499], "p95": cuts[949], "p99": cuts[989], "p999": cuts[998], "max": max(values)}
    return {name: round(value, digits) for name, value in named.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    usual = Plan()
    parser.add_argument("--seconds", type=float, default=usual.seconds)
    parser.add_argument(
        "--events", type=float, default=usual.events_per_s, help="a second, with the questions"
    )
    parser.add_argument("--questions", type=float, default=usual.questions_per_s, help="a second")
    parser.add_argument("--tenants", type=int, default=usual.tenants)
    parser.add_argument("--people", type=int, default=usual.people)
    parser.add_argument("--channels", type=int, default=usual.channels, help="of each workspace")
    parser.add_argument("--workers", type=int, default=usual.workers, help="processes of their own")
    parser.add_argument("--json", type=Path, help="also write the result to this file")
    arguments = parser.parse_args()
    plan = Plan(
        seconds=arguments.seconds,
        events_per_s=arguments.events,
        questions_per_s=arguments.questions,
        tenants=arguments.tenants,
        people=arguments.people,
        channels=arguments.channels,
        workers=arguments.workers,
    )
    before = machine()
    result = {"benchmark": "load", "machine": before, **asyncio.run(loaded(plan)), "bars": BARS}
    tell(result, file=arguments.json)


if __name__ == "__main__":
    main()

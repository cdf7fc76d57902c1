"""One company asks at ten times its rate: how much longer do the others wait for their answers?

In one process with a stub model of 400 ms, on a real PostgreSQL: rounds with all that shares fairly, and
without it: the longest due task first, no turns, no share of the model.

    python -m benchmarks.noisy_neighbour --rounds 2 --seconds 30
"""

import argparse
import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import text

from benchmarks.harness.companies import PLACES, Asked, Companies, Stub, Ways, companies, percentiles
from benchmarks.outcome import machine, tell
from brain.adapters.postgres.queue import ClaimedTask, Queue
from brain.adapters.postgres.store import reachable
from brain.domain.identity import TenantId
from brain.domain.records import TaskId

VICTIMS = 3
# Questions a second; all of it together is some two thirds of what the process can do at a time.
VICTIM_PER_S = 0.5
NOISY_PER_S = 1.2
LOUDER = 10

_LONGEST_DUE_FIRST = """
WITH due AS (
    SELECT tenant_id, id FROM task
    WHERE state = 'ready' AND due_at <= now() AND handler = ANY(CAST(:handlers AS text[]))
    ORDER BY due_at LIMIT :limit FOR UPDATE SKIP LOCKED
), leased AS (
    UPDATE task SET state = 'leased', attempts = attempts + 1,
        lease_until = now() + make_interval(secs => :lease)
    FROM due WHERE (task.tenant_id, task.id) = (due.tenant_id, due.id)
    RETURNING task.*
)
SELECT leased.*, name, payload
FROM leased JOIN outbox ON (outbox.tenant_id, outbox.id) = (leased.tenant_id, event_id)
"""


@dataclass(frozen=True, slots=True)
class FirstCome(Queue):
    """Whoever has been due for longest is first, whosever it is."""

    async def claim(
        self,
        handlers: Collection[str],
        *,
        limit: int,
        lease_s: float = 20,
        late_s: float = 0,  # noqa: ARG002  # as the queue takes it
    ) -> list[ClaimedTask]:
        wanted = {"handlers": list(handlers), "limit": limit, "lease": lease_s}
        async with reachable(), self.engine.begin() as connection:
            rows = await connection.execute(text(_LONGEST_DUE_FIRST), wanted)
            return [
                ClaimedTask(
                    tenant=TenantId(row.tenant_id),
                    id=TaskId(row.id),
                    handler=row.handler,
                    attempts=row.attempts,
                    crashes=row.crashes,
                    error=row.error,
                    event_name=row.name,
                    payload=row.payload,
                )
                for row in rows
            ]


@dataclass(frozen=True, slots=True)
class Plan:
    rounds: int
    seconds: float


async def measure(plan: Plan) -> dict[str, Any]:
    """The victims' answers; what was not answered by the end counts as long as it had been waiting."""
    alone, noisy, unfair = [], [], []
    usual = [*[VICTIM_PER_S] * VICTIMS, NOISY_PER_S]
    louder = [*usual[:-1], LOUDER * NOISY_PER_S]
    async with companies(VICTIMS + 1) as all_:
        first_come = Ways(lambda: FirstCome(all_.system_queue.engine), None, Stub())
        await all_.ask(all_.fair(), usual, for_s=5, seed=1)  # caches are filled
        for number in range(plan.rounds):
            alone += await _waits(all_, all_.fair(), usual, plan, number)
            noisy += await _waits(all_, all_.fair(), louder, plan, number)
            unfair += await _waits(all_, first_come, louder, plan, number)
    result = {"alone": _of(alone), "noisy": _of(noisy), "noisy_without_fairness": _of(unfair)}
    base = result["alone"]["victims"]["p95"]
    return {
        **result,
        "ratio_p95": round(result["noisy"]["victims"]["p95"] / base, 2),
        "ratio_p95_without_fairness": round(result["noisy_without_fairness"]["victims"]["p95"] / base, 2),
    }


async def _waits(all_: Companies, ways: Ways, rates: Sequence[float], plan: Plan, number: int) -> list[Asked]:
    asked = await all_.ask(ways, rates, for_s=plan.seconds, seed=number)
    ended = max(one.answered_at or 0.0 for one in asked)
    for one in asked:
        if one.answered_at is None and one.company < VICTIMS:
            one.answered_at = max(ended, one.wanted_at + 0.001)
    return asked


def _of(asked: Sequence[Asked]) -> dict[str, Any]:
    victims = [one.took_s for one in asked if one.company < VICTIMS and one.took_s is not None]
    noisy = [one.took_s for one in asked if one.company == VICTIMS and one.took_s is not None]
    sent = sum(one.company == VICTIMS for one in asked)
    return {
        "victims": {"asked": len(victims), **percentiles(victims)},
        "noisy": {"asked": sent, "answered": len(noisy), **percentiles(noisy)},
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=30.0, help="of each of a round's three parts")
    parser.add_argument("--json", type=Path, help="also write the result to this file")
    arguments = parser.parse_args()
    plan = Plan(arguments.rounds, arguments.seconds)
    result = {
        "benchmark": "noisy_neighbour",
        "machine": machine(),
        "places": PLACES,
        "companies": {"victims": VICTIMS, "victim_per_s": VICTIM_PER_S, "noisy_per_s": NOISY_PER_S},
        **asyncio.run(measure(plan)),
        "bars": {"ratio_p95": 1.5},
    }
    tell(result, file=arguments.json)


if __name__ == "__main__":
    main()

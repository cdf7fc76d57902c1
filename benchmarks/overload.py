"""Three times as many questions as one process can answer: how many does it answer all the same, and how long
does a platform wait until it is told that we have a delivery? Peak goodput is what it answers when there is
always something to do; in one process with a stub model of 400 ms, on a real PostgreSQL.

    python -m benchmarks.overload --rounds 2 --seconds 30
"""

import argparse
import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness.companies import PLACES, Asked, Ways, companies, percentiles
from benchmarks.outcome import machine, tell

COMPANIES = 6
TIMES = 3.0
# More than the process can do; what it does of that is its capacity.
SEARCH_PER_S = 8.0


async def measure(*, rounds: int, seconds: float) -> dict[str, Any]:
    peaks, crowded, acknowledged = [], [], []
    async with companies(COMPANIES) as all_:
        ways = all_.fair()
        # A company's turns would keep the process from what it can do at most.
        unshaped = Ways(ways.queue, None, ways.generator)
        await all_.ask(unshaped, [1.0] * COMPANIES, for_s=5, seed=1)  # caches are filled
        for number in range(rounds):
            rates = [SEARCH_PER_S / COMPANIES] * COMPANIES
            peaks.append(_goodput(await all_.ask(unshaped, rates, for_s=seconds, seed=number)))
            rates = [TIMES * peaks[-1] / COMPANIES] * COMPANIES
            asked = await all_.ask(unshaped, rates, for_s=seconds, seed=number)
            crowded.append(_goodput(asked))
            acknowledged += [one.acknowledged_s for one in asked]
    return {
        "peak_per_s": [round(one, 2) for one in peaks],
        "crowded_per_s": [round(one, 2) for one in crowded],
        "ratio": round(sum(crowded) / sum(peaks), 2),
        "acknowledged_s": percentiles(acknowledged),
        "deliveries": len(acknowledged),
    }


def _goodput(asked: Sequence[Asked]) -> float:
    """Answers a second, from the first question to the last answer."""
    answered = [one.answered_at for one in asked if one.answered_at is not None]
    began = min(one.wanted_at for one in asked)
    return len(answered) / (max(answered) - began)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=30.0, help="of each of a round's two parts")
    parser.add_argument("--json", type=Path, help="also write the result to this file")
    arguments = parser.parse_args()
    result = {
        "benchmark": "overload",
        "machine": machine(),
        "places": PLACES,
        "times": TIMES,
        **asyncio.run(measure(rounds=arguments.rounds, seconds=arguments.seconds)),
        "bars": {"ratio": 0.8, "acknowledged_max_s": 3.0},
    }
    tell(result, file=arguments.json)


if __name__ == "__main__":
    main()

"""A cut of `benchmarks.chaos`: the product and PostgreSQL killed under people who go on asking."""

import pytest

pytest.importorskip("slack_bolt", reason="the extra `slack` is not installed")

from benchmarks.chaos import Plan, chaos

KILLS = 2


async def test_what_was_acknowledged_is_answered_once() -> None:
    plan = Plan(
        events=200,
        events_per_s=20,
        questions_per_s=2,
        kills=KILLS,
        up_s=(0.5, 3.0),
        tenants=2,
        people=12,
    )
    result = await chaos(plan)
    assert (result["lost"], result["doubled"]) == (0, 0), result
    assert min(result["killed"].values()) >= KILLS
    assert result["questions"] > result["became"].get("never acknowledged", 0), result
    assert not result["tasks_left"]["unrelayed"]
    assert not result["tasks_left"]["unfinished"]

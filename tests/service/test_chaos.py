"""A cut of `benchmarks.chaos`: each process killed under people who go on asking."""

import pytest

pytest.importorskip("slack_bolt", reason="the extra `slack` is not installed")

from benchmarks.chaos import Plan, chaos
from tests.service.redis import needs_redis

pytest.importorskip("celery", reason="the extra `celery` is not installed")

KILLS = 2


@needs_redis
async def test_what_was_acknowledged_is_answered_once() -> None:
    plan = Plan(
        events=400,
        events_per_s=20,
        questions_per_s=2,
        kills=KILLS,
        tenants=2,
        people=12,
    )
    result = await chaos(plan)
    assert (result["lost"], result["doubled"]) == (0, 0), result
    assert min(result["killed"].values()) >= KILLS
    assert result["accepted"], result
    assert not result["tasks_left"]["facts"]
    assert not result["tasks_left"]["tasks"]

"""PostgreSQL stops, `expert up` is killed and started again without it: what Slack delivers meanwhile is
acknowledged, and answered once, when the database is back, without anybody starting anything again."""

import asyncio
import json
import random
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import pytest

pytest.importorskip("slack_bolt", reason="the extra `slack` is not installed")

from benchmarks.busy_slack import Crowd
from benchmarks.load import Plan, Stage, staged
from benchmarks.running import Product

PATIENCE_S = 120


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with staged(Plan(tenants=2, people=8, channels=2, model_s=0.05)) as one:
        one.slack.deliveries.retries_s = (0.2, 1.0, 3.0)
        yield one


async def _until(true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await true():  # noqa: ASYNC110  # it is another process
            await asyncio.sleep(0.1)


async def _ready(product: Product) -> tuple[int, dict[str, object]]:
    async with httpx.AsyncClient(timeout=5) as client:
        answer = await client.get(f"{product.url}/ready")
        return answer.status_code, answer.json()


async def _level(product: Product) -> object:
    try:
        return (await _ready(product))[1]["level"]
    except httpx.TransportError:
        return None


def _notes(stage: Stage) -> Path:
    return stage.product.home / "slack-workspaces.json"


async def _asks(crowd: Crowd, *, questions: int) -> None:
    await crowd.talk(events_per_s=4 * questions, questions_per_s=questions, seconds=1)


async def _killed_and_started(stage: Stage) -> None:
    await stage.product.kill()
    stage.product.start()

    async def there() -> bool:
        return await _level(stage.product) == 4

    await _until(there)


async def test_what_is_delivered_to_one_that_starts_without_a_database_is_answered_once(stage: Stage) -> None:
    crowd, product = Crowd(stage.slack, stage.crowd.offices, random.Random(3)), stage.product
    await _asks(crowd, questions=2)
    await crowd.answered(within_s=PATIENCE_S)
    known = json.loads(_notes(stage).read_text())
    assert {one.workspace.id: str(one.tenant) for one in crowd.offices} == {
        place: one["tenant"] for place, one in known.items()
    }
    assert stat.S_IMODE(_notes(stage).stat().st_mode) == 0o600
    assert "xox" not in _notes(stage).read_text()

    await stage.postgres.stop()
    await _killed_and_started(stage)
    status, ready = await _ready(product)
    assert (status, ready["level"]) == (200, 4)
    async with httpx.AsyncClient(base_url=product.url, timeout=5) as client:
        refused = await client.get("/v1/questions")
        assert refused.status_code == 503
        assert refused.headers["retry-after"]
        assert "expert_ladder_level 4.0" in (await client.get("/metrics")).text
        assert (await client.get("/health")).status_code == 200
        assert (await client.post("/slack/events", content=b"{}")).status_code == 401
    await _asks(crowd, questions=6)
    await stage.slack.settled()
    crowd.collect()
    assert all(one.acknowledged_at for one in crowd.asked.values())

    await _killed_and_started(stage)  # once more, with a journal
    await _asks(crowd, questions=2)
    await stage.slack.settled()
    await stage.postgres.start()

    async def whole() -> bool:
        return await _level(product) == 0

    await _until(whole)
    await crowd.answered(within_s=PATIENCE_S)
    assert not crowd.left()
    assert crowd.doubled == 0
    assert crowd.unacknowledged == 0
    assert product.alive


async def test_an_unknown_workspace_is_told_to_come_again(stage: Stage) -> None:
    """What was not noted, or not in a shape that we know, is nobody's: Slack sends it again."""
    crowd = Crowd(stage.slack, stage.crowd.offices, random.Random(4))
    await stage.postgres.stop()
    _notes(stage).write_text('{"T1": {"tenant": "nobody"}, "E1": 7}')
    await _killed_and_started(stage)
    await _asks(crowd, questions=1)
    await stage.slack.settled()
    crowd.collect()
    assert crowd.unacknowledged
    assert {one.failure for one in crowd.attempts} == {"http_error"}
    await stage.postgres.start()

    async def noted() -> bool:
        return len(json.loads(_notes(stage).read_text())) == len(crowd.offices)

    await _until(noted)

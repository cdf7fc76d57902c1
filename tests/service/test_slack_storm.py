"""A cut of `benchmarks.slack_storm`: everything delivered again and again, to two processes."""

from pathlib import Path

import pytest

pytest.importorskip("slack_bolt", reason="the extra `slack` is not installed")

from benchmarks.slack_storm import Plan, storm
from config.settings import DatabaseUrls
from tests.conftest import World, emptied


async def test_each_question_has_one_answer(world: World, urls: DatabaseUrls, tmp_path: Path) -> None:
    await emptied(urls)
    result = await storm(Plan(100, ahead=30), world, urls, home=tmp_path)
    assert (result["lost"], result["doubled"]) == (0, 0)
    assert result["posts"] == 100
    assert result["deliveries"] > 300
    assert not any(result["tasks_left"].values())
    assert result["violations"] == []


async def test_slack_is_called_no_faster_than_it_likes(
    world: World, urls: DatabaseUrls, tmp_path: Path
) -> None:
    await emptied(urls)
    result = await storm(Plan(20, limits=True), world, urls, home=tmp_path)
    assert (result["lost"], result["doubled"]) == (0, 0)
    assert result["limits"]["too_early"] == []
    assert result["limits"]["threads_out_of_order"] == 0

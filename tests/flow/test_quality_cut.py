"""Search and confidence are as good as when their figures were stored, or the change was meant to cost."""

from pathlib import Path

import pytest

from benchmarks.quality_cut import METRICS, TOLERANCE, figures, stored, worse
from brain.ports import Embedder


async def test_nothing_has_become_worse(embedder: Embedder, tmp_path: Path) -> None:
    assert worse(await figures(embedder, tmp_path), stored()) == []


@pytest.mark.parametrize("metric", METRICS)
def test_what_has_become_worse_is_said(metric: str) -> None:
    before = stored()
    [name, *_] = [name for name, found in before.items() if metric in found]
    value = before[name][metric]
    step = 2 * TOLERANCE if metric in ("AURC", "ECE") else -2 * TOLERANCE
    now = {**before, name: {**before[name], metric: value + step}}
    assert worse(before, before) == []
    assert worse(now, before) == [f"{name} {metric}: was {value:.3f}, is {value + step:.3f}"]
    assert worse(before, now) == []
    assert worse({}, {name: {metric: value}}) == [
        f"{name} {metric}: was {value:.3f} and is not measured any more"
    ]

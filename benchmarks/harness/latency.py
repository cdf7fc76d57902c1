"""How long the product takes for a question, beside a bare search by cosine; both in memory, and without
embedding the question. What a server takes over PostgreSQL is measured by benchmarks/question_path.py."""

from collections.abc import Iterator

import numpy as np

from benchmarks.harness.confidence import Doubts
from benchmarks.harness.metrics import Result, bounds

TASK = "latency"
SHARES = {"p50-ms": 0.5, "p95-ms": 0.95}
_RESAMPLES = 1_000
_SEED = 20_261_121


def results(one: Doubts) -> Iterator[Result]:
    generator = np.random.default_rng(_SEED)
    for system, took in (("expert", one.took), ("dense", one.took_near)):
        drawn = generator.choice(took, (_RESAMPLES, len(took)))
        for metric, share in SHARES.items():
            low, high = bounds(np.quantile(drawn, share, axis=1))
            yield Result(
                one.name, TASK, system, metric, float(np.quantile(took, share)), low, high, len(took)
            )

"""Writes docs/metrics.md from the metrics that a process registers, so that the page cannot be wrong.

`python -m tools.list_metrics` renews it; a test compares.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import gettempdir

from brain.adapters.journal import Journal
from brain.api.metrics import Metrics, Reading
from config.ingress import journal_measured
from config.measures import Measures

PAGE = Path(__file__).parents[1] / "docs" / "metrics.md"
_HEAD = """# Metrics

What `/metrics` tells Prometheus. This page is made from the code: `python -m tools.list_metrics`.
How to read them, and what to be told of: [watching it](guides/watching.md).

| metric | type | labels | what it says |
|---|---|---|---|
"""


@dataclass(frozen=True, slots=True)
class Listed:
    name: str
    kind: str
    labels: tuple[str, ...]
    says: str


def listed() -> Iterator[Listed]:
    """Every metric of a process that serves, by name."""
    measures = Measures()
    measures.pools({})
    Metrics(measures.registry)
    journal_measured(Journal(Path(gettempdir()) / "never-written"), measures)
    found = {}
    # The library has no public way to ask a metric for its labels.
    for collector in measures.registry._collector_to_names:
        own = collector.labels if isinstance(collector, Reading) else getattr(collector, "_labelnames", ())
        for family in collector.collect():
            name = f"{family.name}_total" if family.type == "counter" else family.name
            found[name] = Listed(name, family.type, tuple(own), family.documentation)
    yield from (found[name] for name in sorted(found))


def samples(one: Listed) -> tuple[str, ...]:
    """The names under which PromQL knows it."""
    if one.kind == "histogram":
        return tuple(f"{one.name}_{part}" for part in ("bucket", "count", "sum"))
    return (one.name,)


def page() -> str:
    rows = (
        f"| `{one.name}` | {one.kind} | {', '.join(f'`{label}`' for label in one.labels)} | {one.says} |"
        for one in listed()
    )
    return _HEAD + "\n".join(rows) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{PAGE.name}: {len(list(listed()))} metrics")

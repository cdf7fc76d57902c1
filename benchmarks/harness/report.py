"""What was measured, for people: a Markdown page and an HTML page with plots."""

from collections.abc import Iterator, Sequence

from benchmarks.harness.metrics import Result


def markdown(results: Sequence[Result]) -> str:
    """A table for each set with a row for each system, then the product's leads, each with its interval."""
    parts = ["# Quality", ""]
    for name in dict.fromkeys(one.set for one in results):
        for task in dict.fromkeys(one.task for one in results if one.set == name):
            own = [one for one in results if (one.set, one.task) == (name, task)]
            parts += [f"## {name}: {task}, {max(one.n for one in own):,} questions", ""]
            parts += [*_figures(own), "", *_leads(own)]
    return "\n".join(parts).rstrip() + "\n"


def _systems(results: Sequence[Result]) -> list[str]:
    return list(dict.fromkeys(one.system for one in results))


def is_lead(one: Result, systems: Sequence[str]) -> bool:
    return any(one.metric.endswith(f"-{system}") for system in systems)


def _figures(own: Sequence[Result]) -> Iterator[str]:
    systems = _systems(own)
    plain = {(one.system, one.metric): one for one in own if not is_lead(one, systems)}
    metrics = list(dict.fromkeys(metric for _, metric in plain))
    yield f"| system | {' | '.join(metrics)} |"
    yield "|---" * (len(metrics) + 1) + "|"
    for system in systems:
        cells = (_cell(plain.get((system, metric))) for metric in metrics)
        yield f"| {system} | {' | '.join(cells)} |"


def _cell(one: Result | None) -> str:
    return f"{one.value:.3f} ({one.low:.3f} to {one.high:.3f})" if one else ""


def _leads(own: Sequence[Result]) -> Iterator[str]:
    systems = _systems(own)
    leads = {one.metric: one for one in own if is_lead(one, systems)}
    if not leads:
        return
    metrics = list(dict.fromkeys(one.metric for one in own if not is_lead(one, systems)))
    metrics = [metric for metric in metrics if any(lead.startswith(f"{metric}-") for lead in leads)]
    yield f"| expert's lead over | {' | '.join(metrics)} |"
    yield "|---" * (len(metrics) + 1) + "|"
    for other in systems:
        cells = [leads.get(f"{metric}-{other}") for metric in metrics]
        if any(cells):
            yield f"| {other} | {' | '.join(_lead(one) for one in cells)} |"
    yield ""


def _lead(one: Result | None) -> str:
    """Bold where the interval says which of the two is better."""
    if one is None:
        return ""
    text = f"{one.value:+.3f} ({one.low:+.3f} to {one.high:+.3f})"
    return f"**{text}**" if one.low > 0 or one.high < 0 else text

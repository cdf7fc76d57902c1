"""What was measured, for people: a Markdown page and an HTML page with plots."""

from collections.abc import Iterator, Sequence
from html import escape

from benchmarks.harness.metrics import Result

_READING = (
    "In brackets the bounds of 95 of 100 bootstrap resamples over the documents that answer; bold where both"
    " are on one side of 0. The lower the better: AURC, ECE, false hits."
)


def markdown(results: Sequence[Result]) -> str:
    """A table for each set with a row for each system, then the product's leads, each with its interval."""
    parts = ["# Quality", "", _READING, ""]
    for name in dict.fromkeys(one.set for one in results):
        for task in dict.fromkeys(one.task for one in results if one.set == name):
            own = [one for one in results if (one.set, one.task) == (name, task)]
            counted = "files" if task == "parsing" else "questions"
            parts += [f"## {name}: {task}, {max(one.n for one in own):,} {counted}", ""]
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


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Quality</title><style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem; color: #222; background: #fff }}
table {{ border-collapse: collapse; margin: 0 0 1.5rem }}
td, th {{ border: 1px solid #ccc; padding: .2rem .6rem; text-align: left; white-space: nowrap }}
svg {{ margin: 0 1rem 1rem 0; font: 12px system-ui, sans-serif }}
</style></head><body>
{body}
</body></html>
"""


def page(results: Sequence[Result], charts: Sequence[str]) -> str:
    """The same tables with the charts above them, in one file that needs no other."""
    body: list[str] = []
    rows: list[str] = []
    for line in [*markdown(results).splitlines(), ""]:
        if line.startswith("|"):
            rows.append(line)
            continue
        if rows:
            body.append(_table(rows))
            rows = []
        if line.startswith("#"):
            level = line.index(" ")
            body.append(f"<h{level}>{escape(line[level + 1 :])}</h{level}>")
            if level == 1:
                body += charts
        elif line:
            body.append(f"<p>{escape(line)}</p>")
    return _PAGE.format(body="\n".join(body))


def _table(rows: Sequence[str]) -> str:
    head, _, *others = (row.strip("|").split("|") for row in rows)
    lines = ["".join(f"<th>{escape(cell.strip())}</th>" for cell in head)]
    lines += ["".join(f"<td>{_marked(escape(cell.strip()))}</td>" for cell in row) for row in others]
    return "<table>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"


def _marked(cell: str) -> str:
    return f"<strong>{cell[2:-2]}</strong>" if cell.startswith("**") else cell

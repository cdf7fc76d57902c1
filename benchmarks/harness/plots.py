"""Charts as inline SVG: risk against coverage, what a confidence says against what is true, and how long
questions take."""

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from benchmarks.harness.confidence import Doubts
from benchmarks.harness.doubt import BINS
from benchmarks.harness.metrics import Array

Points = Sequence[tuple[float, float]]

_SIDE = 260
_EDGE = 44
# Told apart by dashes, too, for whoever does not tell the colours.
_STYLES = (
    'stroke="#0b5fa5"',
    'stroke="#b4460f" stroke-dasharray="7 4"',
    'stroke="#666" stroke-dasharray="2 3"',
)


def risk_coverage(one: Doubts) -> str:
    lines = {
        "expert": _risk(one.sure, 1 - one.first),
        "dense": _risk(one.near, 1 - one.nearest),
        "oracle": _risk(one.first, 1 - one.first),
    }
    return chart(f"{one.name}: risk and coverage", lines, ("answered", "wrong first document among them"))


def calibration(one: Doubts) -> str:
    said = one.drafted.astype(bool)
    chances, right = one.sure[said], one.right[said]
    parts = np.array_split(np.argsort(chances, kind="stable"), min(BINS, max(len(chances), 1)))
    points = [(float(chances[part].mean()), float(right[part].mean())) for part in parts if len(part)]
    lines = {"expert": points, "as said": [(0.0, 0.0), (1.0, 1.0)]}
    return chart(f"{one.name}: calibration", lines, ("confidence", "right answers"))


def latency(one: Doubts) -> str:
    """The share of questions that were through after so many milliseconds."""
    most = float(np.ceil(max(one.took.max(), one.took_near.max(), 1.0)))
    lines = {
        name: [(float(np.quantile(took, step / 20)) / most, step / 20) for step in range(21)]
        for name, took in (("expert", one.took), ("dense", one.took_near))
    }
    axes = ("milliseconds, without embedding the question", "questions that are through")
    return chart(f"{one.name}: latency", lines, axes, most=most)


def _risk(scores: Array, wrong: Array) -> Points:
    """Among the surest ones, the share that is wrong: at each twentieth of the questions."""
    lost = wrong[np.argsort(-scores, kind="stable")].cumsum()
    counts = sorted({max(1, round(len(wrong) * step / 20)) for step in range(1, 21)})
    return [(count / len(wrong), float(lost[count - 1]) / count) for count in counts]


def chart(title: str, lines: Mapping[str, Points], axes: tuple[str, str], *, most: float = 1.0) -> str:
    """Points go from 0 to 1 on both axes; 1 is called `most` on the first."""
    size = _SIDE + 2 * _EDGE
    parts = [
        f'<svg viewBox="0 0 {size} {size}" width="{size}" role="img" aria-label="{escape(title)}">',
        f'<text x="{_EDGE}" y="18" font-weight="bold">{escape(title)}</text>',
        f'<rect x="{_EDGE}" y="{_EDGE}" width="{_SIDE}" height="{_SIDE}" fill="none" stroke="#999"/>',
        f'<text x="{_EDGE + _SIDE / 2}" y="{size - 8}" text-anchor="middle">{escape(axes[0])}</text>',
        f'<text transform="translate(12 {_EDGE + _SIDE / 2}) rotate(-90)" text-anchor="middle">'
        f"{escape(axes[1])}</text>",
    ]
    for share in (0.0, 0.5, 1.0):
        parts.append(
            f'<text x="{_x(share)}" y="{_EDGE + _SIDE + 16}" text-anchor="middle">{share * most:g}</text>'
        )
        parts.append(f'<text x="{_EDGE - 6}" y="{_y(share) + 4}" text-anchor="end">{share:g}</text>')
    for number, (name, points) in enumerate(lines.items()):
        style = _STYLES[number % len(_STYLES)]
        path = " ".join(f"{_x(x):.1f},{_y(y):.1f}" for x, y in points)
        at = _EDGE + 16 + 16 * number
        parts += [
            f'<polyline points="{path}" fill="none" stroke-width="2" {style}/>',
            f'<line x1="{_EDGE + 8}" x2="{_EDGE + 36}" y1="{at}" y2="{at}" stroke-width="2" {style}/>',
            f'<text x="{_EDGE + 42}" y="{at + 4}">{escape(name)}</text>',
        ]
    return "\n".join([*parts, "</svg>"])


def _x(share: float) -> float:
    return _EDGE + share * _SIDE


def _y(share: float) -> float:
    return _EDGE + (1 - share) * _SIDE

"""How much text, headings and tables of files the product keeps, beside what libraries give as their text."""

import html
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.harness.metrics import Result, bounds, means, resampled, whole
from benchmarks.harness.plain_text import plain_text
from benchmarks.harness.sets import EXPECTED, sampled
from brain.adapters.documents import Documents
from brain.domain.errors import Rejected

TASK = "parsing"
PLAIN = "plain"

_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_TARGET = re.compile(r"\]\([^()\s]*\)")
_FENCE = re.compile(r"^\s*(?:```|~~~)")
_HEADING = re.compile(r"#{1,6}\s+(.*)")
_ROW = re.compile(r"\s*\|(.*)\|\s*$")
_RULED = re.compile(r"[\s|:-]+")
_CELL_END = re.compile(r"(?<!\\)\|")
_TOKEN = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Case:
    """A file and the Markdown that is expected of it; `kind` is its format."""

    name: str
    kind: str
    content: bytes
    expected: str


def read_cases(folder: Path, *, sample: int | None = None) -> list[Case]:
    names = sorted(path.name.removesuffix(EXPECTED) for path in folder.glob(f"*{EXPECTED}"))
    return [
        Case(
            name,
            Path(name).suffix.lower().lstrip("."),
            (folder / name).read_bytes(),
            (folder / f"{name}{EXPECTED}").read_text(encoding="utf-8"),
        )
        for name in sampled(names, sample)
    ]


async def results(folder: str, cases: Sequence[Case]) -> list[Result]:
    """Of all files, then of each format. A file that is not read has kept nothing."""
    documents = Documents()
    try:
        ours = [await _markdown(documents, one) for one in cases]
    finally:
        documents.close()
    theirs = [plain_text(one.content, one.kind) for one in cases]
    groups: dict[str, list[int]] = {folder: list(range(len(cases)))}
    for number, one in enumerate(cases):
        groups.setdefault(f"{folder}/{one.kind}", []).append(number)
    found: list[Result] = []
    for name, numbers in groups.items():
        for metric, things in KEPT.items():
            triples = [
                (things(cases[one].expected), things(ours[one]), things(theirs[one])) for one in numbers
            ]
            found += _rows(name, metric, triples)
    return found


async def _markdown(documents: Documents, case: Case) -> str:
    try:
        return (await documents.parse(case.content, name=case.name, media_type=None)).markdown
    except Rejected:
        return ""


Things = Counter[str]


def _rows(name: str, metric: str, triples: Sequence[tuple[Things, Things, Things]]) -> Iterator[Result]:
    """Over the files that have such things, or of which the product says so."""
    counted = [(f1(wanted, ours), f1(wanted, plain)) for wanted, ours, plain in triples if wanted or ours]
    if not counted:
        return
    values = np.array([(ours, plain, ours - plain) for ours, plain in counted])
    points = whole(means(values), len(values))
    samples = resampled(means(values), np.arange(len(values)))
    named = (("expert", metric), (PLAIN, metric), ("expert", f"{metric}-{PLAIN}"))
    for column, (system, said) in enumerate(named):
        yield Result(
            name, TASK, system, said, float(points[column]), *bounds(samples[:, column]), len(values)
        )


def f1(wanted: Things, kept: Things) -> float:
    both = (wanted & kept).total()
    return 2 * both / (wanted.total() + kept.total()) if wanted or kept else 1.0


def words(markdown: str) -> Things:
    """Every word and number, in small letters; marks are none."""
    return Counter(_TOKEN.findall(_said(markdown).lower()))


def headings(markdown: str) -> Things:
    lines = (_HEADING.match(line) for line in _outside_code(_said(markdown)))
    return Counter(filter(None, (_plain(line[1]) for line in lines if line)))


def cells(markdown: str) -> Things:
    """Of all tables, those with something in them."""
    rows = (_ROW.match(line) for line in _outside_code(_said(markdown)) if not _RULED.fullmatch(line))
    return Counter(filter(None, (_plain(cell) for row in rows if row for cell in _CELL_END.split(row[1]))))


KEPT: Mapping[str, Callable[[str], Things]] = {
    "token-F1": words,
    "headings-F1": headings,
    "tables-F1": cells,
}


def _said(markdown: str) -> str:
    """Without what nobody reads: placeholders of pictures, addresses behind links, and escapes."""
    return html.unescape(_TARGET.sub("]", _COMMENT.sub("", markdown)))


def _plain(text: str) -> str:
    return " ".join(_TOKEN.findall(text.lower()))


def _outside_code(markdown: str) -> Iterator[str]:
    inside = False
    for line in markdown.splitlines():
        if _FENCE.match(line):
            inside = not inside
        elif not inside:
            yield line

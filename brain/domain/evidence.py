"""Checks a generated text claim by claim against the passages it was made from. What no passage carries is
taken out; what stays has marks that point to the words it rests on."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from brain.domain.knowledge import Found
from brain.domain.quoting import Span, aloud, best, read_before, said_in, shortlist
from brain.domain.segments import Kind, Segment, segments
from brain.domain.support import support
from brain.domain.wording import identifiers, numbers, term_set

_MARK = re.compile(r"\[(\d{1,3})\](?![(:\w])")
_CODE_SPAN = re.compile(r"`[^`\n]+`")
_SPACED_MARK = re.compile(r"[ \t]*\[\d{1,3}\](?![(:\w])")
_BULLET = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+")
_STRUCTURE = (Kind.HEADING, Kind.TABLE_HEAD)


@dataclass(frozen=True, slots=True)
class Checked:
    """`text` with marks numbered by first appearance; each citation is (number, passage, verbatim quote).

    `support` is the mean share of a kept claim's words that its passage has; `dropped` counts the others.
    `said_in_citations`: where in each cited passage the sentences stand that the text says.
    """

    text: str
    citations: tuple[tuple[int, Found, str], ...]
    support: float
    dropped: int
    kept: int = 0
    said_in_citations: tuple[tuple[Span, ...], ...] = ()


class _Role(StrEnum):
    CLAIM = "claim"
    LEAD = "lead"
    MARKS = "marks"


@dataclass(frozen=True, slots=True)
class _Claim:
    """A judged segment. A lead only arranges claims; bare marks speak for what stands before them.

    `carried_by`: the passages (indexes) that carry what it says, with the support each gives.
    """

    segment: Segment
    role: _Role
    marks: tuple[int, ...]
    carried_by: dict[int, float] = field(default_factory=dict)


def check(text: str, passages: Sequence[Found], question: str = "") -> Checked:
    """The question decides which sentence of a passage is quoted, and nothing else."""
    judged = [_judged(segment, passages) for segment in segments(text)]
    claims = [one for one in judged if one.role is _Role.CLAIM]
    carried = [one for one in claims if one.carried_by]
    if not carried:
        return Checked("", (), 0.0, len(claims))
    carriers = {index for one in carried for index in one.carried_by}
    cited = {index for one in judged for index in one.marks} & carriers
    sources = {one.segment.start: _sources(one, cited) for one in carried}
    sources |= {
        one.segment.start: tuple(index for index in one.marks if index in carriers)
        for one in judged
        if one.role is not _Role.CLAIM
    }
    whole, order = _rendered(text, judged, sources)
    spans = tuple(said_in(passages[index].passage.text, _said(carried, index)) for index in order)
    citations = tuple(
        (number, passages[index], _quote(question, passages[index], own))
        for number, (index, own) in enumerate(zip(order, spans, strict=True), start=1)
    )
    support = sum(max(one.carried_by.values()) for one in carried) / len(carried)
    return Checked(whole, citations, support, len(claims) - len(carried), len(carried), spans)


def _quote(question: str, found: Found, spans: Sequence[Span]) -> str:
    start, end = best(question, found, spans)
    return found.passage.text[start:end]


def _judged(segment: Segment, passages: Sequence[Found]) -> _Claim:
    marks = _marks(segment, len(passages))
    bare = _bare(segment)
    if not bare:
        return _Claim(segment, _Role.MARKS, marks)
    leads_in = bare.rstrip("*_").endswith(":") and segment.kind is Kind.SENTENCE
    if segment.kind in _STRUCTURE or (leads_in and not (numbers(bare) or identifiers(bare))):
        return _Claim(segment, _Role.LEAD, marks)
    scored = {index: support(bare, found.passage) for index, found in enumerate(passages)}
    return _Claim(segment, _Role.CLAIM, marks, {index: share for index, share in scored.items() if share})


def _marks(segment: Segment, count: int) -> tuple[int, ...]:
    """Indexes of the passages this segment points to; marks out of range point nowhere."""
    if segment.kind is Kind.CODE:
        return ()
    text = _CODE_SPAN.sub(lambda match: " " * len(match.group()), segment.text)
    found = (int(match.group(1)) - 1 for match in _MARK.finditer(text))
    return tuple(dict.fromkeys(index for index in found if 0 <= index < count))


def _bare(segment: Segment) -> str:
    if segment.kind is Kind.CODE:
        return segment.text.strip()
    return _SPACED_MARK.sub("", _BULLET.sub("", segment.text)).strip()


def _sources(claim: _Claim, cited: set[int]) -> tuple[int, ...]:
    """The passages to mark the claim with: its own where they carry it, else the best other one.

    None for a claim without marks that a passage cited elsewhere carries, as are steps of a cited procedure.
    """
    own = tuple(index for index in claim.marks if index in claim.carried_by)
    if own or (not claim.marks and not cited.isdisjoint(claim.carried_by)):
        return own
    return (max(claim.carried_by, key=lambda index: (claim.carried_by[index], -index)),)


def _said(carried: Sequence[_Claim], index: int) -> list[frozenset[str]]:
    """What each paragraph, list or table says on a passage's strength."""
    blocks: dict[int, frozenset[str]] = {}
    for one in carried:
        if index in one.carried_by:
            before = blocks.get(one.segment.block, frozenset())
            blocks[one.segment.block] = before | term_set(_bare(one.segment))
    return list(blocks.values())


def quotable_sentences(question: str, checked: Checked) -> list[tuple[Span, str]]:
    """Of the first citation those sentences that might be the one to quote and whose nearness to the question
    is not known, each as to be read aloud."""
    if not checked.citations:
        return []
    _, found, _ = checked.citations[0]
    listed = shortlist(question, found, checked.said_in_citations[0])
    known = read_before(found, listed)
    return [(span, aloud(found.passage, span)) for span in listed if span not in known]


def nearness(question: str, checked: Checked, near: Mapping[Span, float]) -> dict[Span, float]:
    """Of all sentences that might be the one to quote."""
    if not checked.citations:
        return {}
    _, found, _ = checked.citations[0]
    listed = shortlist(question, found, checked.said_in_citations[0])
    return read_before(found, listed) | dict(near)


def requoted(question: str, checked: Checked, near: Mapping[Span, float]) -> Checked:
    """With the sentence of the first citation quoted that is best by its own nearness to the question. `near`
    has that of the `quotable_sentences`."""
    closely = nearness(question, checked, near)
    if not closely:
        return checked
    (number, found, _), *others = checked.citations
    start, end = best(question, found, checked.said_in_citations[0], closely)
    return replace(checked, citations=((number, found, found.passage.text[start:end]), *others))


def _rendered(
    text: str, judged: Sequence[_Claim], sources: dict[int, tuple[int, ...]]
) -> tuple[str, list[int]]:
    """The text without dropped claims and the leads left without any, and the passages in order of marks."""
    order: list[int] = []
    parts: list[str] = []
    at = 0
    for one in _staying(judged, sources):
        segment = one.segment
        parts.append(text[at : segment.start])
        at = segment.end
        if segment.start in sources:
            marks = sources[segment.start]
            order.extend(index for index in marks if index not in order)
            parts.append(_remarked(segment, marks, order))
    parts.append(text[at:])
    return _tidy("".join(parts)), order


def _staying(judged: Sequence[_Claim], sources: dict[int, tuple[int, ...]]) -> Sequence[_Claim]:
    """Takes leads without a claim out of `sources`; read backwards: a lead stays for the block below it,
    a heading for its section."""
    below = -1
    kept_below = headed_below = False
    for one in reversed(judged):
        kind = one.segment.kind
        if one.role is _Role.CLAIM:
            stays = one.segment.start in sources
            kept_below = stays or (kept_below and one.segment.block == below)
            headed_below, below = headed_below or stays, one.segment.block
        elif one.role is _Role.LEAD:
            if not (headed_below if kind is Kind.HEADING else kept_below):
                del sources[one.segment.start]
            headed_below = headed_below and kind is not Kind.HEADING
    return judged


def _remarked(segment: Segment, sources: Sequence[int], order: Sequence[int]) -> str:
    """The segment with its marks numbered anew, those that carry nothing gone, a missing one added."""
    if segment.kind is Kind.CODE:
        return segment.text
    written = set()

    def renumbered(match: re.Match[str]) -> str:
        inside_code = segment.text[: match.start()].count("`") % 2
        if inside_code:
            return match.group()
        mark = _MARK.search(match.group())
        index = int(mark.group(1)) - 1 if mark else -1
        if index not in sources:
            return ""
        written.add(index)
        lead = match.group()[: len(match.group()) - len(match.group().lstrip())]
        return f"{lead}[{order.index(index) + 1}]"

    text = _SPACED_MARK.sub(renumbered, segment.text)
    missing = "".join(f" [{order.index(index) + 1}]" for index in sources if index not in written)
    if missing and segment.kind is Kind.ROW:
        return re.sub(r"\s*\|\s*$", f"{missing} |", text)
    return text + missing


def _tidy(text: str) -> str:
    """Blank lines left by what was taken out, but never inside code."""
    parts = re.split(r"(^[ \t]*```.*?^[ \t]*```[ \t]*$)", text, flags=re.MULTILINE | re.DOTALL)
    for index in range(0, len(parts), 2):
        parts[index] = re.sub(r"\n{3,}", "\n\n", parts[index])
    return "".join(parts).strip()

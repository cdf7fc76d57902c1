"""Sources that change: what became of the passages an answer cites, and whether they still say it."""

import difflib
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from brain.domain.answer import AnswerId, Citation
from brain.domain.evidence import check
from brain.domain.knowledge import ArticleId, Found, Passage
from brain.domain.question import QuestionId
from brain.domain.ranking import terms
from brain.domain.segments import Kind, segments
from brain.domain.wording import term_set

# Share of the cited passage's words that another one must have to stand in its place.
ALIKE = 0.3
_CODE_OR_MARK = re.compile(
    r"```.*?```|`[^`\n]+`|(?P<space>[ \t]*)\[(?P<number>\d{1,3})\](?![(:\w])", re.DOTALL
)
_NOT_SAID = (Kind.HEADING, Kind.TABLE_HEAD)


class SourceState(StrEnum):
    STANDS = "stands"
    CHANGED = "changed"
    GONE = "gone"


class Cause(StrEnum):
    """Why something is no longer served."""

    CHANGED = "changed"
    GONE = "gone"
    RESTRICTED = "restricted"
    EXPIRED = "expired"
    REPLACED = "replaced"
    RETRACTED = "retracted"


# What the one who asked is told; for what a person took back, their reason follows.
TOLD = {
    Cause.CHANGED: "A source of this answer has changed, so it was withdrawn.",
    Cause.GONE: "A source of this answer was removed, so it was withdrawn.",
    Cause.RESTRICTED: "Fewer people may read the sources of this answer now, so it was withdrawn.",
    Cause.EXPIRED: "This answer rested on one that nobody has confirmed in time, so it was withdrawn.",
    Cause.REPLACED: "This answer was replaced by another version.",
    Cause.RETRACTED: "This answer was withdrawn:",
}


@dataclass(frozen=True, slots=True)
class WithdrawnAnswer:
    question: QuestionId
    answer: AnswerId
    article: ArticleId | None
    retracted: bool = False


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """What is not served any more from this transaction on."""

    cause: Cause
    articles: tuple[ArticleId, ...] = ()
    answers: tuple[WithdrawnAnswer, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """A citation, and the passage that stands today where the cited one stood (None: no such passage)."""

    citation: Citation
    now: Passage | None

    @property
    def state(self) -> SourceState:
        if self.now is None:
            return SourceState.GONE
        same = (self.now.id, self.now.content_hash) == (self.citation.passage, self.citation.passage_hash)
        return SourceState.STANDS if same else SourceState.CHANGED

    @property
    def stands(self) -> bool:
        return self.state is SourceState.STANDS

    @property
    def before(self) -> str:
        """The passage as it was cited; of one that was forgotten, the quoted words alone."""
        return self.citation.passage_text or self.citation.quote

    @property
    def diff(self) -> str:
        """From what was cited to what stands there now."""
        after = self.now.text if self.now else ""
        lines = difflib.unified_diff(
            self.before.splitlines(), after.splitlines(), "cited", "now", lineterm="", n=1
        )
        return "\n".join(lines)

    def renewed(self, said: str) -> Citation | None:
        """The citation of what stands there now, quoting what is nearest to `said`."""
        if self.now is None or self.stands:
            return self.citation if self.now else None
        return replace(
            self.citation,
            passage=self.now.id,
            passage_hash=self.now.content_hash,
            title=self.now.title,
            heading_path=self.now.heading_path,
            page=self.now.page,
            quote=_nearest_sentence(self.now.text, said),
            passage_text="",
        )


def successor(citation: Citation, passages: Sequence[Passage]) -> Passage | None:
    """Of the passages that the cited document has now, the one in the place of the cited one."""
    for passage in passages:
        if (passage.id, passage.content_hash) == (citation.passage, citation.passage_hash):
            return passage
    cited = frozenset(terms(citation.passage_text or citation.quote))
    headings = (citation.title, *citation.heading_path)

    def likeness(passage: Passage) -> tuple[bool, float]:
        shared = len(cited & frozenset(terms(passage.text))) / max(1, len(cited))
        return (passage.title, *passage.heading_path) == headings, shared

    best = max(passages, key=likeness, default=None)
    return best if best and (likeness(best)[0] or likeness(best)[1] >= ALIKE) else None


def bound(shown_hash: str, sources: Sequence[Source]) -> str:
    """What a verdict is bound to: what was to be judged, and how far its sources had changed by then."""
    changes = [
        f"{one.citation.number}:{one.state}:{one.now.content_hash if one.now else ''}"
        for one in sources
        if not one.stands
    ]
    return hashlib.sha256("\x1f".join([shown_hash, *changes]).encode()).hexdigest() if changes else shown_hash


def reverified(text: str, sources: Sequence[Source]) -> tuple[str, tuple[Citation, ...]] | None:
    """The text with citations of what stands there now; None where that no longer carries all of it."""
    standing = [one for one in sources if one.now is not None]
    passages = [Found(one.now, 0.0, None, 0.0, None) for one in standing if one.now is not None]
    renumbered = _renumbered(text, {one.citation.number: n for n, one in enumerate(standing, start=1)})
    checked = check(renumbered, passages)
    if checked.dropped or not checked.citations:
        return None
    of_passage = {id(found): one.citation for found, one in zip(passages, standing, strict=True)}
    return checked.text, tuple(
        replace(
            of_passage[id(found)],
            number=number,
            passage=found.passage.id,
            passage_hash=found.passage.content_hash,
            title=found.passage.title,
            heading_path=found.passage.heading_path,
            page=found.passage.page,
            quote=quote,
            passage_text="",
        )
        for number, found, quote in checked.citations
    )


def without(text: str, sources: Sequence[Source]) -> tuple[str, tuple[Citation, ...]]:
    """The text on the strength of those sources alone that stand as they were cited."""
    standing = [one.citation for one in sources if one.stands]
    numbers = {citation.number: number for number, citation in enumerate(standing, start=1)}
    kept = tuple(replace(citation, number=numbers[citation.number]) for citation in standing)
    return _renumbered(text, numbers), kept


def _renumbered(text: str, numbers: dict[int, int]) -> str:
    """Marks numbered anew; those without a new number go."""

    def mark(match: re.Match[str]) -> str:
        if match["number"] is None:
            return match.group()
        number = numbers.get(int(match["number"]))
        return f"{match['space']}[{number}]" if number else ""

    return _CODE_OR_MARK.sub(mark, text)


def _nearest_sentence(text: str, said: str) -> str:
    wanted = term_set(said)
    pieces = [one.text.strip() for one in segments(text) if one.kind not in _NOT_SAID] or [text]
    return max(pieces, key=lambda piece: (len(wanted & term_set(piece)), -len(piece)))

"""What is left of a person who was erased, and the words by which their traces are found."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from brain.domain.errors import Rejected
from brain.domain.identity import DepartmentId, Member, MemberId
from brain.domain.knowledge import ArticleId, Embedded, Passage, Vector
from brain.domain.ranking import stem, terms
from brain.domain.reading import rarity
from brain.domain.segments import segments

# In place of a name, and in place of words that are gone.
FORMER = "a former member"
GONE = "(erased)"
SHORTEST = 3
_LONGEST_TITLE = 80


def pseudonym(member: MemberId) -> str:
    """The handle that an erased member keeps, for what must go on having somebody behind it."""
    return f"former-{member.hex[:8]}"


def pseudonymous(member: Member) -> Member:
    """Without a name, an address, or any right; their id is what the audit trail knows them by."""
    return replace(member, handle=pseudonym(member.id), name=FORMER, email=None, roles={}, absent_until=None)


@dataclass(frozen=True, slots=True)
class Names:
    """What identifies somebody in a text: whole words, in capitals or not."""

    words: tuple[str, ...]

    @property
    def pattern(self) -> str:
        """A regular expression that Python and PostgreSQL read alike; without names it matches nothing."""
        longest_first = sorted(self.words, key=len, reverse=True)
        return rf"(?<!\w)@?(?:{'|'.join(map(re.escape, longest_first))})(?!\w)" if self.words else r"\Zx"

    def occur(self, text: str) -> bool:
        return re.search(self.pattern, text, re.IGNORECASE) is not None

    def removed(self, text: str) -> str:
        return re.sub(self.pattern, FORMER, text, flags=re.IGNORECASE)


def names_of(member: Member, *, external: Iterable[str], also: Iterable[str]) -> Names:
    """Their name, address, handle and what platforms call them; a common word for a handle names nobody."""
    words = [member.name, member.email or "", *external]
    if not _common(member.handle):
        words.append(member.handle)
    known = [word for word in map(str.strip, words) if len(word) >= SHORTEST]
    kept = {word.lower(): word for word in reversed(known) if word not in (FORMER, pseudonym(member.id))}
    for word in map(str.strip, also):
        if len(word) < SHORTEST:
            raise Rejected(f"{word!r} is too short to be looked for: give at least {SHORTEST} characters.")
        kept[word.lower()] = word
    return Names(tuple(kept.values()))


def _common(handle: str) -> bool:
    return handle.isalpha() and (not terms(handle) or rarity(stem(handle)) < 1.0)


@dataclass(frozen=True, slots=True)
class ArticleTrace:
    """An article as the person left traces in it. `titles` are wordings of others who asked the same;
    `theirs`: its title is how the person asked."""

    id: ArticleId
    department: DepartmentId
    question: str
    text: str
    theirs: bool
    titles: tuple[str, ...]
    passages: tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class Restated:
    """The same article without the person."""

    trace: ArticleTrace
    question: str
    wordings: Sequence[tuple[str, Vector]]
    passages: Sequence[Embedded]


@dataclass(frozen=True, slots=True)
class Erased:
    """`counts` by what was removed or made anonymous. `documents` name the person, and were left alone: they
    are the organisation's, and would come back with their source."""

    member: MemberId
    handle: str
    names: tuple[str, ...]
    counts: Mapping[str, int]
    articles: tuple[str, ...]
    documents: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Exported:
    """One row, as a JSON object in text, and what it is: the table's name."""

    kind: str
    line: str


def restated_title(trace: ArticleTrace, names: Names) -> str:
    """As others asked, else how its text begins; a title that was not the person's stays."""
    if not trace.theirs:
        return names.removed(trace.question)
    if trace.titles:
        return names.removed(trace.titles[0])
    first = next((one.text for one in segments(trace.text)), "") or trace.text
    plain = " ".join(re.sub(r"[#*_`>|]|\[\d+\]|^\s*(?:[-+]|\d+[.)])\s", " ", first).split())
    return names.removed(plain)[:_LONGEST_TITLE].strip() or "Approved answer"


def restated_passages(trace: ArticleTrace, title: str, names: Names) -> list[Passage]:
    """The same passages, cited as before; where words change, so does their hash."""
    return [
        replace(
            one,
            title=title,
            heading_path=tuple(names.removed(heading) for heading in one.heading_path),
            text=(text := names.removed(one.text)),
            content_hash=one.content_hash if text == one.text else sha256(text.encode()).hexdigest(),
        )
        for one in trace.passages
    ]

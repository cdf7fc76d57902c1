"""What was attached to a question: its text as far as it is kept, and the few lines of it that tell what the
question is about."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from brain.domain.knowledge import ParsedDocument
from brain.domain.orders import gives_orders
from brain.domain.wording import identifiers

# Whoever attaches more means a document for the knowledge, not a question.
MOST = 10
_KEPT_CHARACTERS = 8_000
_LONGEST_NAME = 200
_TELLING_CHARACTERS = 400
_LONGEST_LINE = 160
_MOST_LINES = 6
_FIRST_LINES = 3
# Begins each line that is put behind a question; no word, so that nothing is found by it.
_MARK = "\n📎 "

_ERROR = re.compile(
    r"error|exception|\bfail(?:s|ed|ure|ing)?\b|\b(?:fatal|panic|critical|denied|refused|rejected)\b"
    r"|\btime(?:d )?out\b|\b(?:can ?not|can't|could ?n[o']t|unable)\b"
    r"|\bnot (?:found|allowed|permitted|available|valid)\b"
    r"|\b(?:invalid|forbidden|unauthori[sz]ed|expired|missing|unknown|warning)\b|\bcorrupt|\bcrash"
    r"|fehler|\b(?:fehlgeschlagen|verweigert|abgelaufen)\b|\bungültig|\bunbekannt|\bk(?:onnte|ann) nicht\b"
    r"|\bnicht (?:gefunden|möglich|erlaubt|erreichbar)\b|zeitüberschreitung",
    re.IGNORECASE,
)
_CODE = re.compile(r"\b[A-Z]{1,10}[-_ ]?\d{2,6}\b|\b0x[0-9a-f]{3,}\b|\b[45]\d\d\b", re.IGNORECASE)
_HEADING = re.compile(r"#{1,6} ")
# What no other occurrence of the same trouble has: moments, and ids that a machine made up.
_STAMP = re.compile(
    r"\[?\b\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2})?(?:[.,]\d+)?(?:Z|[+-]\d{2}:?\d{2})?)?\b\]?"
    r"|\[?\b\d{1,2}:\d{2}:\d{2}(?:[.,]\d+)?\b\]?|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b0x[0-9a-f]{7,}\b"
    r"|\[?\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{12,}\b\]?",
    re.IGNORECASE,
)
_DECORATION = re.compile(r"^(?:#{1,6} |[>*+-] |\d+[.)] |\|)+|[|`*_]{2,}|\|\s*$|(?<=\s)\|(?=\s)")
_LETTERS = re.compile(r"[^\W\d_]{2}")


@dataclass(frozen=True, slots=True)
class Attachment:
    """`text` is the beginning of what was read, line by line; `lines` counts all of it, `pages` where there
    are any. `problem` is a sentence for whoever attached it: why nothing was read."""

    name: str
    text: str = ""
    problem: str = ""
    lines: int = 0
    pages: int = 0


def attached(name: str, document: ParsedDocument) -> Attachment:
    lines = [one for line in document.markdown.splitlines() if (one := " ".join(line.split()))]
    pages = max((start.page for start in document.pages), default=0)
    return clean(Attachment(name, "\n".join(lines), lines=len(lines), pages=pages))


def clean(attachment: Attachment) -> Attachment:
    """With no more than is kept, and nothing that cannot be."""
    return replace(
        attachment,
        name=" ".join(_storable(attachment.name).split())[:_LONGEST_NAME],
        text=_storable(attachment.text)[:_KEPT_CHARACTERS].strip(),
        problem=_storable(attachment.problem),
    )


def _storable(text: str) -> str:
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def with_attached(question: str, attachments: Sequence[Attachment]) -> str:
    """The question with what its attachments tell, as it is searched for and read."""
    return question + "".join(f"{_MARK}{line}" for line in telling(attachments))


def parted(question: str) -> tuple[str, str]:
    """What was asked, and what `with_attached` put behind it."""
    asked, mark, told = question.partition(_MARK)
    return asked, mark + told


def telling(attachments: Sequence[Attachment]) -> tuple[str, ...]:
    """What is about an error before codes, and codes before how the texts begin; in the order of the texts.

    A line that tells a machine what to do is left out, and so are those that do together.
    """
    ranked = [
        (_rank(line), at, line)
        for at, line in enumerate(one for each in attachments for one in _harmless(each))
        if _LETTERS.search(line)
    ]
    about_trouble = any(rank > 1 for rank, _, _ in ranked)
    chosen: dict[str, int] = {}
    room = _TELLING_CHARACTERS
    for rank, at, raw in sorted(ranked, key=lambda one: (-one[0], one[1])):
        line = _plain(raw)
        filler = rank == 0 and (about_trouble or len(chosen) >= _FIRST_LINES)
        if filler or len(chosen) == _MOST_LINES or not line or line in chosen or len(line) > room:
            continue
        chosen[line] = at
        room -= len(line)
    told = tuple(sorted(chosen, key=chosen.__getitem__))
    return () if gives_orders(" ".join(told)) else told


def _rank(line: str) -> int:
    if _ERROR.search(line):
        return 3
    if _CODE.search(_STAMP.sub(" ", line)) and identifiers(line):
        return 2
    return 1 if _HEADING.match(line) else 0


def _harmless(attachment: Attachment) -> list[str]:
    """Lines of a picture are broken anywhere, so that an order may be read over several of them."""
    lines = [one for one in attachment.text.splitlines() if not gives_orders(one)]
    for several in (2, 3):
        ordering = {
            at + within
            for at in range(len(lines) - several + 1)
            if gives_orders(" ".join(lines[at : at + several]))
            for within in range(several)
        }
        lines = [one for at, one in enumerate(lines) if at not in ordering]
    return lines


def _plain(line: str) -> str:
    text = " ".join(_DECORATION.sub(" ", _STAMP.sub(" ", line)).split())
    if len(text) <= _LONGEST_LINE:
        return text
    return text[:_LONGEST_LINE].rsplit(" ", 1)[0]

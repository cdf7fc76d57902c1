"""Which sentence of a cited passage is quoted: of those that the answer says, the one that tells most of what
was asked."""

import math
import re
from collections.abc import Mapping, Sequence

from brain.domain.asking import fits
from brain.domain.knowledge import Found, Passage
from brain.domain.reading import LONGEST_SPOKEN, coverage, weights
from brain.domain.support import quotable
from brain.domain.wording import term_set

# Where a sentence starts and ends in its passage.
Span = tuple[int, int]

# Share of a sentence's words that must have been said for it to be quoted.
ENOUGH = 0.6
# So many sentences of a passage are worth a vector of their own.
SHORTLIST = 4
# What counts beside nearness to the question, chosen on clapnq and squad2: the question's words (less beside
# the sentence's own vector, which hears them), the answer's shape, standing early, being no fragment.
COVERAGE = 0.5
COVERAGE_BESIDE_VECTOR = 0.2
SHAPE = 0.05
LATER_LOSES = 0.03
WHOLE = 0.1
WHOLE_WORDS = 25
_CODE_SPAN = re.compile(r"`[^`\n]+`")


def telling(
    question: str, found: Found, spans: Sequence[Span], near: Mapping[Span, float] | None = None
) -> list[float]:
    """How much each of these sentences tells of what is asked. `near`: the cosines of those that were read
    `aloud`; the others stand behind them, and count with the piece they are in."""
    known = near or {}
    passage, weighed = found.passage, weights(question)
    context = " ".join((passage.title, *passage.heading_path))
    values = []
    for position, (start, end) in enumerate(spans):
        sentence = passage.text[start:end]
        said = coverage(weighed, sentence, context)
        if (start, end) in known:
            value = 1.0 + known[start, end] + COVERAGE_BESIDE_VECTOR * said
        else:
            value = _nearness(found, start) + COVERAGE * said
        value += SHAPE * fits(question, sentence) - LATER_LOSES * math.log1p(position)
        values.append(value + WHOLE * min(1.0, len(sentence.split()) / WHOLE_WORDS))
    return values


def shortlist(question: str, found: Found, spans: Sequence[Span]) -> list[Span]:
    """The sentences worth a vector; none where there is nothing to choose."""
    if len(spans) < 2:
        return []
    values = telling(question, found, _all(found.passage, spans))
    by_value = dict(zip(_all(found.passage, spans), values, strict=True))
    return sorted(spans, key=lambda span: -by_value[span])[:SHORTLIST]


def read_before(found: Found, spans: Sequence[Span]) -> dict[Span, float]:
    """The nearness of the sentences that are a piece of their own, as list items and rows are: an index has
    read those, under their heading, too."""
    starts = dict(found.pieces)
    every = _all(found.passage, spans)
    ends_piece = {span: at + 1 == len(every) or every[at + 1][0] in starts for at, span in enumerate(every)}
    return {span: starts[span[0]] for span in spans if span[0] in starts and ends_piece[span]}


def best(
    question: str, found: Found, spans: Sequence[Span], near: Mapping[Span, float] | None = None
) -> Span:
    every = _all(found.passage, spans)
    by_value = dict(zip(every, telling(question, found, every, near), strict=True))
    return max(spans, key=lambda span: by_value[span])


def aloud(passage: Passage, span: Span) -> str:
    """The sentence under the heading it stands under, as pieces are read."""
    under = passage.heading_path[-1] if passage.heading_path else passage.title
    return f"{under}: {passage.text[slice(*span)]}"[:LONGEST_SPOKEN]


def said_in(text: str, said: Sequence[frozenset[str]]) -> tuple[Span, ...]:
    """The sentences of a passage that a paragraph, list or table of an answer says, each given by its terms;
    or else the one nearest to being said. Code is for running: only where no prose speaks of it."""
    spans = _spans(text)
    carrying = tuple(
        span for span in spans if any(_is_said(_prose(text[slice(*span)]), block) for block in said)
    )
    if carrying:
        return carrying
    words = frozenset[str]().union(*said)

    def shared(span: Span) -> tuple[int, int, int]:
        piece = text[slice(*span)]
        return len(words & term_set(_prose(piece))), len(words & term_set(piece)), -len(piece)

    return (max(spans, key=shared),)


def _spans(text: str) -> tuple[Span, ...]:
    return quotable(text) or ((0, len(text)),)


def _all(passage: Passage, spans: Sequence[Span]) -> list[Span]:
    """With the passage's other sentences, because where a sentence stands in it counts."""
    return sorted({*_spans(passage.text), *spans})


def _is_said(prose: str, said: frozenset[str]) -> bool:
    own = term_set(prose)
    return len(own) > 2 and len(own & said) >= ENOUGH * len(own)


def _nearness(found: Found, at: int) -> float:
    """Of the piece that this place of the passage is in to the question."""
    before = [piece for piece in found.pieces if piece[0] <= at]
    return max(before)[1] if before else found.dense_score


def _prose(piece: str) -> str:
    return "" if piece.lstrip().startswith(("```", "~~~")) else _CODE_SPAN.sub(" ", piece)

"""How far a passage carries what a claim says: its words close together and in their order, and nothing put
in another's place that makes it say something else."""

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import pairwise

from brain.domain.knowledge import Passage
from brain.domain.opposites import opposed
from brain.domain.ranking import stem, terms
from brain.domain.reading import rarity
from brain.domain.segments import Kind, segments, sentences
from brain.domain.wording import identifiers, names, negated, negations, numbers, says, term_set

# Share of a claim's content words that its passage must hold; below, paraphrase and invention look alike.
ENOUGH = 0.6
# Mean of two shares: of the claim's telling words said in one place of the passage, and of its neighbouring
# words that are neighbours there. Below, its words are only somewhere in the passage, and say something else.
TOGETHER = 0.46
# So few content words meet in many a passage by chance: a claim of no more has to stand there in one piece.
FEW = 2
# So many sentences of a paragraph may be one place.
PLACE = 3
# What any word counts beside its rarity, and a common synonym beside the word itself.
COMMON = 0.1
SYNONYM = 0.8
# With this share of its words, in order, in one sentence, a claim is that sentence in other words.
SAME_SENTENCE = 0.6
# Words on either side of a number that say what it counts.
BESIDE = 3
# Shorter words, such as `and` and `or`, change places without turning what is said.
TELLING_LETTERS = 4
# So many content words behind a negation are what it denies.
DENIED = 2
_MARK = re.compile(r"[ \t]*\[\d{1,3}\](?![(:\w])")
# What a source puts between quotation marks it mentions: somebody says so, or shall say so.
_MENTION = re.compile(r"(?<!\w)\"(?=\w)[^\"\n]{1,160}\"(?!\w)|“[^“”\n]{1,160}”")
_NOT_ONLY = re.compile(r"\bnot (?:only|just|merely)\b", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?:;|][*_)\"”]*\s|(?:^|\s)[-*+]\s")
# "5" of "5.5" or "1.5", "read" of "read-only".
_CUT_BEFORE = re.compile(r"\w[.,:/-]?$")
_CUT_BEHIND = re.compile(r"[.,:/-]?\w")
_WORD = re.compile(r"[^\W_]+|%")
_PART = re.compile(r"[^\W_]+")
# Each line is one unit; the plural of a word is the same.
_UNITS = {
    word: line.split()[0]
    for line in """
        millisecond ms
        second sec
        minute min
        hour hr h
        day
        week
        month
        quarter
        year yr
        decade
        century
        percent %
        byte
        kilobyte kb kib
        megabyte mb mib
        gigabyte gb gib
        terabyte tb tib
        millimetre millimeter mm
        centimetre centimeter cm
        metre meter
        kilometre kilometer km
        mile
        inch
        foot feet ft
        gram
        kilogram kg
        tonne ton
        pound lb
        thousand
        million
        billion
        trillion
        euro eur
        dollar usd
        zloty pln
        am
        pm
    """.strip().splitlines()
    for word in line.split()
}
_STRUCTURE = (Kind.HEADING, Kind.TABLE_HEAD)


def support(claim: str, passage: Passage) -> float:
    """Share of the claim's words that the passage has; 0 where one of its sentences is not carried."""
    parts = [claim[start:end] for start, end in sentences(claim, 0, len(claim))]
    said = [_support(part, passage) for part in parts if term_set(part)] or [_support(claim, passage)]
    return sum(said) / len(said) if all(said) else 0.0


def _support(claim: str, passage: Passage) -> float:
    if _is_mentioned(_plain(claim), _plain(passage.text)):
        return 0.0
    if _stands_in(_plain(claim), _plain(passage.text)):
        return 1.0
    said = term_set(claim)
    share = len(said & term_set(passage.indexed_text)) / len(said) if said else 0.0
    if share < ENOUGH or not _has_names(claim, passage.indexed_text):
        return 0.0
    if len(said) <= FEW and not _in_one_piece(claim, passage.indexed_text):
        return 0.0
    head = " ".join((passage.title, *passage.heading_path))
    place, covered = _place(said, head, passage.text)
    if covered + _in_order(claim, passage.text, covered) < 2 * TOGETHER:
        return 0.0
    near = tuple(dict.fromkeys((*place, *_nearest(said, passage.text))))
    if not _has_numbers(claim, head, near) or _is_turned(claim, near):
        return 0.0
    return share


@lru_cache(maxsize=4096)
def _plain(text: str) -> str:
    return " ".join(_MARK.sub("", text).split())


def _is_mentioned(claim: str, text: str) -> bool:
    """Whether the source says it between quotation marks only."""
    bare, text = claim.strip(" .!?,;:").casefold(), text.casefold()
    if any(mark in bare for mark in '"“”') or bare not in text:
        return False
    return bare not in _MENTION.sub(" ", text)


def _stands_in(claim: str, text: str) -> bool:
    """Word for word, no word or number cut, and nothing denied before it in the same sentence."""
    at = text.find(claim)
    while at >= 0:
        end = at + len(claim)
        before = _SENTENCE_END.split(text[:at])[-1]
        cut = (claim[:1].isalnum() and _CUT_BEFORE.search(before)) or _CUT_BEHIND.match(text, end)
        if not cut and not _denies(before):
            return True
        at = text.find(claim, at + 1)
    return False


def _has_names(claim: str, text: str) -> bool:
    """Whether every name and identifier of the claim is in the text; a plural is the same name."""
    low = text.lower()
    if any(token not in low for token in identifiers(claim)):
        return False
    words = frozenset(_PART.findall(low)) | term_set(text)
    return all(
        part in words or frozenset(terms(part)) <= words
        for name in names(claim)
        for part in _PART.findall(name)
    )


@lru_cache(maxsize=512)
def quotable(text: str) -> tuple[tuple[int, int], ...]:
    """Sentences, also those inside list items; rows and code blocks whole."""
    return tuple(span for run in _runs(text) for span in run)


@lru_cache(maxsize=512)
def _runs(text: str) -> tuple[tuple[tuple[int, int], ...], ...]:
    """The same, those of one paragraph or list item together."""
    runs: list[list[tuple[int, int]]] = []
    block = -1
    for segment in segments(text):
        if segment.kind is Kind.ITEM:
            runs.append(list(sentences(text, segment.start, segment.end)))
        elif segment.kind is Kind.SENTENCE and segment.block == block:
            runs[-1].append((segment.start, segment.end))
        elif segment.kind not in _STRUCTURE:
            runs.append([(segment.start, segment.end)])
        block = segment.block if segment.kind is Kind.SENTENCE else -1
    return tuple(map(tuple, runs))


def _place(said: frozenset[str], head: str, text: str) -> tuple[tuple[str, ...], float]:
    """The few sentences in a row that say most of a claim under their headings, and how much by weight."""
    weighed = {term: COMMON + rarity(term) for term in said}
    best: tuple[tuple[str, ...], float] = ((), 0.0)
    for run in _runs(text) or (((0, len(text)),),):
        pieces = [text[start:end] for start, end in run]
        for at in range(len(pieces)):
            place = tuple(pieces[at : at + PLACE])
            words = term_set(head).union(*map(term_set, place))
            covered = sum(weight * _said(term, words) for term, weight in weighed.items())
            best = max(best, (place, covered / sum(weighed.values())), key=lambda one: one[1])
    return best


def _has_numbers(claim: str, head: str, near: Sequence[str]) -> bool:
    """Whether each number of the claim is in a heading, or in a sentence near by that also has a word which
    stands next to it in the claim."""
    words = _words(claim)
    return all(
        any(
            number in numbers(piece) and (not beside or not beside.isdisjoint(term_set(piece)))
            for piece in near
        )
        for number in numbers(claim) - numbers(head)
        for beside in (_beside(number, words),)
    )


def _beside(number: str, words: Sequence[str]) -> frozenset[str]:
    """The terms next to a number, other numbers left out."""
    places = [at for at, word in enumerate(words) if number in numbers(word)]
    around = [word for at in places for word in words[max(0, at - BESIDE) : at + 1 + BESIDE]]
    return frozenset(term for term in term_set(" ".join(around)) if not numbers(term))


def _said(term: str, words: frozenset[str]) -> float:
    return 1.0 if term in words else SYNONYM if says(term, words) else 0.0


def _in_order(claim: str, text: str, otherwise: float) -> float:
    """Share of the claim's neighbouring terms that are also near each other in a sentence."""
    own = terms(claim.lower())
    wanted = set(pairwise(own))
    if not wanted:
        return otherwise
    return len(wanted & _followers(text)) / len(wanted)


def _in_one_piece(claim: str, text: str) -> bool:
    """Whether its content words follow each other; of a single one, all the words around it too."""
    own = terms(claim.lower())
    split = _words if len(own) < 2 else lambda piece: terms(piece.lower())
    wanted = split(claim)
    return any(
        there[at : at + len(wanted)] == wanted
        for start, end in quotable(text) or ((0, len(text)),)
        for there in (split(text[start:end]),)
        for at in range(len(there) - len(wanted) + 1)
    )


@lru_cache(maxsize=512)
def _followers(text: str) -> frozenset[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    for start, end in quotable(text) or ((0, len(text)),):
        own = terms(text[start:end].lower())
        found.update(pairwise(own), zip(own, own[2:], strict=False))
    return frozenset(found)


def _nearest(said: frozenset[str], text: str) -> list[str]:
    """The sentences that share most with the claim."""
    pieces = [text[start:end] for start, end in quotable(text)] or [text]
    words = frozenset(term for term in said if not term.isdigit())
    shared = [len(words & term_set(piece)) for piece in pieces]
    least = max(1.0, 0.6 * max(shared))
    return [piece for piece, count in zip(pieces, shared, strict=True) if count >= least]


def _is_turned(claim: str, near: Sequence[str]) -> bool:
    """Whether the sentence the claim was made from says the contrary, or has another number, unit or name in
    the same place. Where it was made from several, one of them must deny as it does."""
    own, said = _words(claim), term_set(claim)
    there = [_words(piece) for piece in near]
    compared = [SequenceMatcher(None, words, own, autojunk=False) for words in there]
    kept = [sum(block.size for block in one.get_matching_blocks()) for one in compared]
    if max(kept) < SAME_SENTENCE * len(own):
        return _denies(claim) not in {_denies(piece, said) for piece in near}
    return any(
        _denies(claim) != _denies(near[at], said)
        or any(
            tag == "replace" and _is_other(there[at][a:b], own[c:d], _called(claim, near[at]))
            for tag, a, b, c, d in compared[at].get_opcodes()
        )
        for at in range(len(near))
        if kept[at] == max(kept)
    )


def _called(claim: str, piece: str) -> frozenset[str]:
    return frozenset(stem(part) for name in names(claim) | names(piece) for part in _PART.findall(name))


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _is_other(there: Sequence[str], here: Sequence[str], called: frozenset[str]) -> bool:
    """Whether a number, unit or name stands where another one stood, or a word where its opposite did."""
    for facts in (_numbers, _units, lambda words: called.intersection(map(stem, words))):
        old, new = facts(there), facts(here)
        if old - new and new - old:
            return True
    return any(
        min(len(one), len(other)) >= TELLING_LETTERS and opposed(one, other)
        for one in there
        for other in here
    )


def _numbers(words: Sequence[str]) -> frozenset[str]:
    return numbers(" ".join(words)) | {word for word in words if any(one.isdigit() for one in word)}


def _units(words: Sequence[str]) -> frozenset[str]:
    return frozenset(
        _UNITS[one] for word in words if (one := word if word in _UNITS else word[:-1]) in _UNITS
    )


def _denies(text: str, of: frozenset[str] | None = None) -> bool:
    """Whether anything is denied; of a source, anything that is about these terms."""
    text = _NOT_ONLY.sub(" ", text)
    if of is None:
        return negated(text)
    return any(
        not (next_ := terms(text[end:])[:DENIED]) or not of.isdisjoint(next_) for end in negations(text)
    )

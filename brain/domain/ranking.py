"""Ranking rules: the terms BM25 counts, and how the ranking by words and by meaning become one."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

import snowballstemmer

from brain.domain.knowledge import Found

K1 = 1.2
B = 0.75
# Share of the words in the fused score, at most: where the best passage has a BM25 score of so many times the
# root of the number of the question's terms. One that shares only common words with it says little by them.
WORDS_SHARE = 0.5
TELLING_SCORE = 10.0

STOP_WORDS = frozenset(
    """
    a about after again all also am an and any are as at be because been being but by can cannot could
    did do does doing don during each else ever few for from further get gets got had has have having he
    her here hers him his how i if in into is isn it its itself just let ll may me might mine more most
    much must my need no nor not of off on once only or other our ours out over own per please re s same
    shall she should so some such t than that the their them then there these they this those through to
    too under until up upon us ve very via was we were what when where which while who whom whose why
    will with within without would you your yours
    """.split()
)

_TOKEN = re.compile(
    r"(?<![\w-])--?[A-Za-z][\w-]*"  # --flag
    r"|\d{1,3}(?:,\d{3})+(?!\d)"  # 1,200
    r"|(?:[~.]{0,2}/)?[^\W_][\w]*(?:[./:@#-][\w]+)*/?"  # words, QS-4107, snake_case, paths, versions, hosts
)
_PART = re.compile(r"[^\W\d_]+|\d+")
_CAMEL = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_A-Za-z]+")
_VERSION = re.compile(r"v?\d+(?:\.\d+)+")
_stemmer = snowballstemmer.stemmer("english")


@lru_cache(maxsize=65_536)
def stem(word: str) -> str:
    return str(_stemmer.stemWord(word))


def terms(text: str) -> list[str]:
    """Lower-cased stems without stop words; operational tokens count whole and in parts."""
    return [term for match in _TOKEN.finditer(text) for term in _terms_of(match.group())]


@lru_cache(maxsize=65_536)
def _terms_of(token: str) -> tuple[str, ...]:
    token = token.rstrip("/").replace(",", "")
    whole = token.lower()
    if whole.isalpha() and not _is_camel(token):
        return () if whole in STOP_WORDS else (stem(whole),)
    if whole.isdigit():
        return (whole,)
    if _VERSION.fullmatch(whole):
        return _versions(whole.removeprefix("v"))
    parts = [
        stem(part) for part in _parts(token) if part not in STOP_WORDS and (len(part) > 1 or part.isdigit())
    ]
    # A name in CamelCase must meet the same name in small letters, which is stemmed like any word.
    return tuple(dict.fromkeys((stem(whole) if whole.isalpha() else whole, *parts)))


def _versions(version: str) -> tuple[str, ...]:
    """4.16.2 is also 4.16: people leave the last number out."""
    numbers = version.split(".")
    return tuple(".".join(numbers[:length]) for length in range(len(numbers), 1, -1))


def _is_camel(token: str) -> bool:
    return token.isascii() and not token.isupper() and any(c.isupper() for c in token[1:])


def _parts(token: str) -> Iterator[str]:
    for match in _PART.finditer(token):
        part = match.group()
        if _is_camel(part):
            yield from (piece.lower() for piece in _CAMEL.findall(part))
        else:
            yield part.lower()


def rarity(frequency: int, passages: int) -> float:
    """BM25's inverse document frequency, as Lucene has it: of a term that `frequency` of them contain."""
    frequency = min(frequency, passages)  # the two may have been counted a moment apart
    return math.log(1 + (passages - frequency + 0.5) / (frequency + 0.5))


def fuse(question: str, found: Sequence[Found]) -> list[Found]:
    """Best first, with `score` set: a convex combination of how near the passage is as a whole, how near its
    nearest piece is, and how many of its words are the question's, each stretched to 0..1. How much words
    count depends on how much the best ones say (decision 0040)."""
    if not found:
        return []
    whole = _stretched([one.dense_score for one in found])
    piece = _stretched([one.piece_score for one in found])
    lexical = _stretched([one.lexical_score for one in found])
    telling = TELLING_SCORE * math.sqrt(max(1, len(set(terms(question)))))
    words = WORDS_SHARE * min(1.0, max(one.lexical_score for one in found) / telling)
    scored = [
        replace(one, score=(1 - words) * (by_whole + by_piece) / 2 + words * by_words)
        for one, by_whole, by_piece, by_words in zip(found, whole, piece, lexical, strict=True)
    ]
    # Ties go to a fixed order, so that the same question gets the same answer.
    return sorted(scored, key=lambda one: (-one.score, str(one.passage.id)))


def _stretched(scores: Sequence[float]) -> list[float]:
    low, high = min(scores), max(scores)
    if high <= low:
        return [1.0 if high > 0 else 0.0] * len(scores)
    return [(score - low) / (high - low) for score in scores]

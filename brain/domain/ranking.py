"""Ranking rules: the terms BM25 counts, and how the ranking by words and by meaning become one."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from uuid import UUID

import snowballstemmer

from brain.domain.knowledge import Found

K1 = 1.2
B = 0.75
# Share of the meaning in the fused score; flat between 0.7 and 0.8 on the development questions.
DENSE_SHARE = 0.75
# How much the best passages of a document count beside the passage itself: several that are near the question
# say that the document is about it. Flat between 0.4 and 1.
DOCUMENT_WEIGHT = 0.7
DOCUMENT_BEST = 3

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


def fuse(found: Sequence[Found]) -> list[Found]:
    """Best first, with `score` set: a convex combination of how near the passage is as a whole, how near its
    nearest piece is, and how many of its words are the question's, each stretched to 0..1; then with the same
    of its document's best passages."""
    if not found:
        return []
    whole = _stretched([one.dense_score for one in found])
    piece = _stretched([one.piece_score for one in found])
    lexical = _stretched([one.lexical_score for one in found])
    own = [
        DENSE_SHARE * (by_whole + by_piece) / 2 + (1 - DENSE_SHARE) * by_words
        for by_whole, by_piece, by_words in zip(whole, piece, lexical, strict=True)
    ]
    scored = [
        replace(one, score=(score + DOCUMENT_WEIGHT * shared) / (1 + DOCUMENT_WEIGHT))
        for one, score, shared in zip(found, own, _of_documents(found, own), strict=True)
    ]
    # Ties go to a fixed order, so that the same question gets the same answer.
    return sorted(scored, key=lambda one: (-one.score, str(one.passage.id)))


def _of_documents(found: Sequence[Found], scores: Sequence[float]) -> list[float]:
    """For each passage, the mean of its document's best scores; a short document is not held against it."""
    sources = [one.passage.document or one.passage.article or one.passage.id for one in found]
    by_source: dict[UUID, list[float]] = {}
    for source, score in zip(sources, scores, strict=True):
        by_source.setdefault(source, []).append(score)
    best = {source: sorted(own, reverse=True)[:DOCUMENT_BEST] for source, own in by_source.items()}
    return [sum(best[source]) / len(best[source]) for source in sources]


def _stretched(scores: Sequence[float]) -> list[float]:
    low, high = min(scores), max(scores)
    if high <= low:
        return [1.0 if high > 0 else 0.0] * len(scores)
    return [(score - low) / (high - low) for score in scores]

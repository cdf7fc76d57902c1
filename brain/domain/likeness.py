"""Whether two documents say the same. MinHash finds those that look alike; every telling word decides."""

import hashlib
import re
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from brain.domain.ranking import stem

# Words in a row that are compared as one.
_SHINGLE = 4
# With 16 bands of 8 rows, texts that share nine tenths of their shingles meet in a band but for one in 10,000
# times; those that share a half, once in 16.
_BANDS = 16
_ROWS = 8
# Share of the shingles that both have, of those that either has.
LEAST_ALIKE = 0.8

# Letters and digits with what joins them: a path, a version, a flag is one word. A sign that stands alone (a
# minus, a comparison) is one, too: it can turn a command.
_WORD = re.compile(r"-{0,2}[^\W_][\w.:/@%+-]*|[<>=~$]+|(?<=\s)[-+](?=\s)")
_MARKS = re.compile(r"[#*`|>]+|^\s*(?:[-+]|\d+[.)])\s+", re.MULTILINE)
# What may come and go without a change of sense. Every other word counts: not, only, before, two.
_FILLERS = frozenset(
    "a an the please kindly just also then this that these those there here you your we our us is are be been"
    " being was were has have had will it its itself so as".split()
)
_SEED = np.random.default_rng(20).integers(1, 2**62, size=(2, _BANDS * _ROWS), dtype=np.uint64)


def bands(text: str) -> frozenset[int]:
    """Numbers of which texts that look alike have some in common, and others hardly ever."""
    shingles = _shingles(text)
    if not shingles.size:
        return frozenset()
    multipliers, offsets = _SEED | np.uint64(1)
    # One permutation after the other: all at once would take a gigabyte for a book.
    least = [int((shingles * a + b).min()) for a, b in zip(multipliers, offsets, strict=True)]
    found = set()
    for band in range(_BANDS):
        rows = ",".join(map(str, least[band * _ROWS : (band + 1) * _ROWS]))
        digest = hashlib.blake2b(f"{band}:{rows}".encode(), digest_size=8).digest()
        found.add(int.from_bytes(digest, "big", signed=True))
    return frozenset(found)


def likeness(a: str, b: str) -> float:
    """Jaccard's: the share of their shingles that both have."""
    said, other = _shingles(a), _shingles(b)
    common = np.intersect1d(said, other, assume_unique=True).size
    either = said.size + other.size - common
    return common / either if either else 1.0


def say_the_same(a: str, b: str) -> bool:
    """Whoever reads one needs not read the other: every word but fillers is the same, in the same order.

    Not less: two runbooks that differ in a port, a name or a "not" look alike, and must both be found.
    """
    return list(_telling(a)) == list(_telling(b))


def _shingles(text: str) -> NDArray[np.uint64]:
    """Each run of words as a number; a text shorter than one is a run."""
    words = np.fromiter((_number(stem(word)) for word in _words(text)), dtype=np.uint64)
    if not words.size:
        return words
    width = min(_SHINGLE, words.size)
    runs = np.zeros(words.size - width + 1, dtype=np.uint64)
    for place in range(width):
        runs = runs * np.uint64(0x9E3779B97F4A7C15) + words[place : place + runs.size]
        runs ^= runs >> np.uint64(29)
    return np.unique(runs)


@lru_cache(maxsize=65_536)
def _number(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "big")


def _words(text: str) -> Iterator[str]:
    """In lower case, without the marks of Markdown: the same text as PDF and as HTML is the same."""
    for found in _WORD.finditer(_MARKS.sub(" ", text)):
        yield found.group().rstrip(".:-").lower()


def _telling(text: str) -> Iterator[str]:
    return (stem(word) for word in _words(text) if word not in _FILLERS)

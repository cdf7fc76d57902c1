"""Words that turn an answer when one stands where the other stood, and words that may stand for one
another."""

import re
from functools import lru_cache
from pathlib import Path

from brain.domain.ranking import stem

# Install and uninstall, visible and invisible.
_NEGATING = re.compile(r"un|in|im|il|ir|dis|de|non|mis|anti|a|re")
# Encode and decode, inbound and outbound.
_PREFIXES = tuple(
    tuple(group.split())
    for group in (
        "up down", "in out", "in ex", "im ex", "en de", "en dis", "over under", "pre post", "on off",
        "inter intra", "intro extro", "hyper hypo", "macro micro", "uni multi broad", "mono multi",
        "single multi", "maxi mini", "fore back", "as des", "ac de", "in de", "sub super", "sym asym",
        "black white", "north south", "east west",
    )
)  # fmt: skip
_LEAST_REST = 3


@lru_cache(maxsize=16_384)
def opposed(one: str, other: str) -> bool:
    """Whether the answer turns when one stands where the other stood."""
    if stem(one) == stem(other):
        return False
    if stem(other) in opposites_of(stem(one)):
        return True
    # To resolve is no opposite of to solve.
    return stem(other) not in synonyms_of(stem(one)) and (_prefixed(one, other) or _suffixed(one, other))


def opposites_of(term: str) -> frozenset[str]:
    return _opposites().get(term, frozenset())


def synonyms_of(term: str) -> frozenset[str]:
    return _synonyms().get(term, frozenset())


def _prefixed(one: str, other: str) -> bool:
    shorter, longer = sorted((one, other), key=len)
    if len(shorter) >= _LEAST_REST and longer.endswith(shorter):
        return _NEGATING.fullmatch(longer[: -len(shorter)]) is not None
    return any(
        _rest(one, before) == _rest(other, after) is not None
        for group in _PREFIXES
        for before in group
        for after in group
        if before != after
    )


def _rest(word: str, prefix: str) -> str | None:
    rest = word.removeprefix(prefix)
    return stem(rest) if rest != word and len(rest) >= _LEAST_REST else None


def _suffixed(one: str, other: str) -> bool:
    """Stateful and stateless."""
    return any(
        full.endswith("ful") and less.endswith("less") and full[:-3] == less[:-4]
        for full, less in ((one, other), (other, one))
    )


@lru_cache(maxsize=1)
def listed() -> frozenset[str]:
    """Every word that has an opposite or a synonym here."""
    lines = [*_lines("opposites.txt"), *_lines("synonyms.txt")]
    return frozenset(word for line in lines for word in line.replace("|", " ").split())


@lru_cache(maxsize=1)
def _synonyms() -> dict[str, frozenset[str]]:
    """Each stem with those that may stand for it. Not transitive: a fee is a cost, a cost no charge."""
    found: dict[str, set[str]] = {}
    for line in _lines("synonyms.txt"):
        group = {stem(word) for word in line.split()}
        for one in group:
            found.setdefault(one, set()).update(group - {one})
    return {one: frozenset(others) for one, others in found.items()}


@lru_cache(maxsize=1)
def _opposites() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for line in _lines("opposites.txt"):
        sides = [{stem(word) for word in side.split()} for side in line.split("|")]
        for place, side in enumerate(sides):
            others = set[str]().union(*sides[:place], *sides[place + 1 :])
            for one in side:
                found.setdefault(one, set()).update(others - {one})
    return {one: frozenset(others) for one, others in found.items()}


def _lines(name: str) -> list[str]:
    content = Path(__file__).with_name(name).read_text(encoding="utf-8")
    return [line for line in content.splitlines() if line and not line.startswith("#")]

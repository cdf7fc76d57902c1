"""Whether an answer approved for one question may be served for another. Serving the wrong one is far worse
than asking a person again, so likeness is not enough: whatever could turn the answer must agree."""

import re
from collections import Counter
from collections.abc import Sequence

from brain.domain.opposites import opposed, opposites_of
from brain.domain.pairing import Paired, Word, paired
from brain.domain.wanted import wanted
from brain.domain.wording import lowered

# Cosine from which two questions are one, if nothing turns the answer: where every word has its counterpart
# (slips of the pen cost a vector most of its likeness); where they ask for the same kind of answer; and where
# that cannot be told. Chosen on public pairs: docs/quality.md.
SAME_WORDS = 0.4
LEAST_SIMILARITY = 0.84
UNSURE_SIMILARITY = 0.92
# Up to so many words without a counterpart, one question is a copy of the other with a change in it.
NEAR_COPY = 5
# An encoder reads so much, more or less: how near longer ones are is not known. And each word of one is
# compared with each of the other, while everybody waits.
LONGEST = 1_000
# Words further apart did not just change places.
_REACH = 6

_PLAIN = re.compile(r"[\w./:@#+<>=!%&|*~^$€£\\-]+")
_VAGUE = frozenset(("what", "whether"))
# Between two nouns in either order they say the same: the password of Redis, the Redis password.
_LINKING = frozenset(
    "a an the of for in and or as that which is are was be on i my you your we our it its this".split()
)
_PASSIVE = frozenset("be is are was were been being get gets got".split())


def same_question(a: str, b: str, similarity: float) -> bool:
    """`similarity` is the cosine of the two."""
    if _plain(a) == _plain(b):
        return True
    if similarity < SAME_WORDS or max(len(a), len(b)) > LONGEST:
        return False
    sure = _same_want(a, b)
    if sure is False or (sure is None and similarity < UNSURE_SIMILARITY):
        return False
    pair = paired(a, b)
    return (similarity >= LEAST_SIMILARITY or _same_words(pair)) and not turned(pair)


def _plain(text: str) -> str:
    """Without capitals that say nothing, quotes and the marks at the ends of words."""
    return " ".join(filter(None, (word.rstrip(".!:") for word in _PLAIN.findall(lowered(text)))))


def _same_want(a: str, b: str) -> bool | None:
    """Who, when, why and whether are different questions about one thing. None where it cannot be told."""
    one, other = wanted(a), wanted(b)
    if one == other or (one and one <= other) or (other and other <= one):
        return True
    if not one or not other or one & other or one | other <= _VAGUE:
        return None
    return False


def _same_words(pair: Paired) -> bool:
    telling = sum(not word.free for word in pair.a)
    return telling > 1 and not _telling([*pair.only_a, *pair.only_b])


def turned(pair: Paired) -> bool:
    """Whether something that decides on the answer stands on one side only, or differently on the two."""
    left_a, left_b = pair.only_a, pair.only_b
    alone = [*left_a, *left_b]
    near = len(_telling(alone)) <= NEAR_COPY
    return (
        any(word.number or word.name or word.negates for word in alone)
        or any(_against(one, other, near=near) for one in left_a for other in left_b)
        or _exchanged(left_a, left_b)
        or (near and any(word.operates for word in alone))
        or _goes_further(left_a, left_b)
        or _goes_further(left_b, left_a)
        or any(_moved(pair.a[one], pair.b[other]) for one, other in pair.pairs)
        or _swapped(pair)
    )


def _telling(words: list[Word]) -> list[Word]:
    return [word for word in words if not word.free]


def _goes_further(more: list[Word], less: list[Word]) -> bool:
    """Whether one question is the other with something done besides."""
    extra = _telling(more)
    return len(extra) <= NEAR_COPY and not _telling(less) and any(opposites_of(word.stem) for word in extra)


def _against(one: Word, other: Word, *, near: bool) -> bool:
    """Of two that share little else, little words say nothing."""
    if one.free and other.free and not near:
        return False
    # Where to and from stand by themselves says nothing: what they stand before is compared.
    return {one.text, other.text} != {"to", "from"} and opposed(one.text, other.text)


def _exchanged(left_a: list[Word], left_b: list[Word]) -> bool:
    """All that differs is one word for another that is no synonym: whatever the word, it is what is asked."""
    return len(_telling(left_a)) == 1 and len(_telling(left_b)) == 1


def _moved(one: Word, other: Word) -> bool:
    """Whether the same word is the source here, and the target there."""
    behind, facing = one.preposition, other.preposition
    return not one.free and bool(behind and facing) and opposed(behind, facing)


def _swapped(pair: Paired) -> bool:
    """Whether two words have changed places around a third: from here to there, from there to here."""
    said_a, said_b = Counter(word.stem for word in pair.a), Counter(word.stem for word in pair.b)
    once = [
        (one, other)
        for one, other in pair.pairs
        if said_a[pair.a[one].stem] == 1 == said_b[pair.b[other].stem]
        # A synonym of a word that is said, too, might be paired otherwise.
        and (
            pair.a[one].stem == pair.b[other].stem
            or not (said_a[pair.b[other].stem] or said_b[pair.a[one].stem])
        )
    ]
    return any(
        _around(pair, once, first, last)
        for number, first in enumerate(once)
        for last in once[number + 1 :]
        if last[0] - first[0] <= _REACH and 0 < first[1] - last[1] <= _REACH
    )


def _around(pair: Paired, once: list[tuple[int, int]], first: tuple[int, int], last: tuple[int, int]) -> bool:
    if pair.a[first[0]].free or pair.a[last[0]].free:
        return False
    return any(
        first[0] < one < last[0]
        and last[1] < other < first[1]
        and pair.a[one].text not in _LINKING
        and _passive(pair.a, one) == _passive(pair.b, other)
        for one, other in once
    )


def _passive(words: Sequence[Word], number: int) -> bool:
    """A may cause B, and B may be caused by A."""
    before = words[number - 1].text if number else ""
    after = words[number + 1].text if number + 1 < len(words) else ""
    return before in _PASSIVE or after == "by"

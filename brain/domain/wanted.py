"""What a question asks for: who, when, why, how often, whether. Two about one thing may still ask different
things."""

import re
from enum import StrEnum
from functools import lru_cache

from brain.domain.asking import Asked, kinds_asked


class Wanted(StrEnum):
    """Besides what `asking.Asked` tells by the shape of an answer."""

    WHY = "why"
    WHERE = "where"
    WHAT = "what"
    WHETHER = "whether"
    DEGREE = "how much so"
    SIGN = "how one knows"


# Whoever asks whether they may ask, or whether somebody can tell them, does not ask whether.
_FRAMING = re.compile(
    r"\b(?:can|could|would|will|may|might) (?:you|u|i|we|any(?:one|body)|some(?:one|body))(?: please)?"
    r" (?:know|ask|tell|explain|describe|advise|suggest|recommend|share|educate|help|inform|show|walk|guide"
    r"|give)\b"
    r"|\b(?:i|we)(?:'m| am| was)?(?: just| also)? wonder(?:ing)?\b"
    r"|\b(?:want|need|like|love|curious) to (?:know|ask|understand)\b"
    r"|\bdo you (?:know|think|suggest|recommend)\b|\b(?:if|is) it(?:'s| is)? possible to\b",
    re.IGNORECASE,
)
_STEPS = re.compile(
    r"\b(?:is|are) there (?:an?|any|some)?\s?(?:\w+ ){0,3}(?:ways?|methods?|(?:any|some)\s?thing)\b"
    r"|\b(?:any|some)\s?thing (?:else )?(?:that )?(?:i|we|you|one|he|she|they) (?:can|could|should)\b"
    r"|\bwhat (?:all )?(?:can|could|should|shall|to|must|would|might|may|needs? to|has to)\b"
    r"(?: \w+){0,3}? (?:do|done|try|take|help)\b"
    r"|\bwhat helps?\b|\bhow to\b|\bhow (?:\w+ ){1,5}(?:done|treated|fixed|handled|solved)\b"
    r"|\b(?:any|some) (?:ways?|advice|suggestions?|tips|remed(?:y|ies)|treatments?)\b",
    re.IGNORECASE,
)
_WHY = re.compile(r"\bwhy\b|\b(?:reasons?|causes?|caused|causing)\b", re.IGNORECASE)
_WHEN = re.compile(r"(?:^|[.?!;]\s*)\W*when\b(?!.*\?.*\?)|\bat what (?:age|point|stage)\b", re.IGNORECASE)
_SIGN = re.compile(
    r"\bhow (?:do|does|can|could|would|will|should) (?:i|we|you|one|they) (?:know|tell|recogni[sz]e|be sure)"
    r" (?:that|if|whether|when|which)\b",
    re.IGNORECASE,
)
_DEGREE = re.compile(
    # Those that `asking` knows are left to it.
    r"\bhow (?!(?:to|do|does|did|can|could|should|would|must|is|are|will|may|come|about|i|we|one|my|many|much"
    r"|often|frequently|regularly|long|soon|quickly|fast|big|large|high|deep|wide|far|heavy|full|old)\b)\w+",
    re.IGNORECASE,
)
_CLAUSE = re.compile(r"[^.?!;]+\??")
_QUESTION_WORD = re.compile(r"\b(?:how|what|which|who|whom|whose|when|where|why)\b", re.IGNORECASE)
_AUXILIARY = r"(?:is|are|was|were|does|do|did|am|can|could|may|might|should|must|will|would|has|have)"
_TURNED_ROUND = re.compile(
    rf"(?:^\W*|[,:]\s*|\b(?:and|or|but|so|then|if) ){_AUXILIARY}\b(?! not\b)"
    rf"|\b{_AUXILIARY}(?:n't)? (?:it|this|that|there|i|he|she|they|we|these|those|one)\b",
    re.IGNORECASE,
)


@lru_cache(maxsize=4096)
def wanted(text: str) -> frozenset[str]:
    """Everything that it asks for; nothing where it is an instruction."""
    plain = _FRAMING.sub(" ", text)
    if not _asks(plain):
        return frozenset()
    plain, signs = _SIGN.subn(" ", plain)
    kinds = {
        Asked.TIME.value if kind in (Asked.DAY, Asked.CLOCK) else kind.value for kind in kinds_asked(plain)
    }
    patterns = ((_STEPS, Asked.STEPS), (_WHY, Wanted.WHY), (_WHEN, Asked.TIME), (_DEGREE, Wanted.DEGREE))
    kinds |= {kind.value for pattern, kind in patterns if pattern.search(plain)}
    said = {word.lower() for word in _QUESTION_WORD.findall(plain)}
    if "where" in said:
        kinds.add(Wanted.WHERE.value)
    if not said.isdisjoint(("what", "which")):
        kinds.add(Wanted.WHAT.value)
    if signs:
        kinds.add(Wanted.SIGN.value)
    if any(_turned_round(clause) for clause in _CLAUSE.findall(plain)) or not kinds:
        kinds.add(Wanted.WHETHER.value)
    return frozenset(kinds)


def _asks(text: str) -> bool:
    return "?" in text or _QUESTION_WORD.match(text.strip()) is not None or _turned_round(text)


def _turned_round(clause: str) -> bool:
    """Whether verb and subject have changed places without a question word that asks for more."""
    match = _TURNED_ROUND.search(clause)
    return match is not None and _QUESTION_WORD.search(clause[: match.start()]) is None

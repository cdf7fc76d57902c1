"""What shape of answer a question asks for, and whether a text has it."""

import re
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache

from brain.domain.attachment import parted
from brain.domain.ranking import terms
from brain.domain.wording import says, term_set


class Asked(StrEnum):
    """What an answer has to contain to be one."""

    STEPS = "steps"
    COUNT = "a number"
    SIZE = "a size or a limit"
    AMOUNT = "an amount of money"
    DURATION = "a length of time"
    FREQUENCY = "how often"
    CLOCK = "a time of day"
    DAY = "a day or date"
    TIME = "a time or date"
    PERSON = "a person or team"
    COMMAND = "a command"
    ANYTHING = "anything"


_COUNTED = r"(?:\d+|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|half|an?|few|several)"
_UNIT = r"(?:ms|s|sec|seconds?|min|minutes?|h|hours?|days?|weeks?|months?|years?|quarters?)"
_DURATION = (
    rf"\b{_COUNTED}\W{{1,4}}(?:working |calendar |business |full |more )?{_UNIT}\b|\d{_UNIT}\b"
    r"|\bimmediate|\bat once\b|\bstraight away\b|\b(?:day|week|month) \d"
)
_CLOCK = r"\b\d{1,2}[:.]\d{2}\b|\b\d{1,2}\s?(?:am|pm)\b|\bmidnight\b|\bnoon\b"
_DAY = (
    r"\b(?:mon|tues|wednes|thurs|fri|satur|sun)days?\b|\b(?:january|february|march|april|may|june|july)\b"
    r"|\b(?:august|september|october|november|december)\b|\b\d{4}-\d{2}-\d{2}\b|\b\d+(?:st|nd|rd|th)\b"
    r"|\bday \d|\b(?:first|last|next) (?:\w+ )?day\b|\b(?:weekdays?|weekends?|daily)\b"
)
_MONEY = (
    r"[€$£]\s?\d|\b(?:EUR|USD|CAD|PLN|GBP)\s?\d|\d\s?(?:€|EUR|USD|CAD|PLN|zł|GBP|dollars?|euros?)\b"
    r"|\d\s?%|\bfree of charge\b|\bno (?:charge|fee|cost)\b|\bcosts? nothing\b|\bin full\b"
)
_WHO = (
    r"\b(?:team|manager|officer|on-call|desk|owner|director|lead|supervisor|partner|commander|department)s?\b"
    r"|\b(?:reception|security|hr|engineer|counsel|administrator|admin|operations|platform|payroll)s?\b"
    r"|\b(?:finance|facilities|sponsor|colleague|doctor|employee|customer|contractor|vendor|user)s?\b|\b(?:review|approv)ers?\b"
    r"|\b(?:anyone|everyone|everybody|nobody|person|people|head|staff|groups?)\b"
    r"|(?-i:\b[A-Z][a-z]+ [A-Z][a-z]+)|\bext\. \d|@\w"
)
_PERIODS = r"(?:seconds|minutes|hours|days|weeks|months|years)"
_DOING = r"(?:do|does|did|is|are|was|were|will|can|may|must|should|has|have|am)"

_WANTS: tuple[tuple[Asked, re.Pattern[str]], ...] = tuple(
    (asked, re.compile(pattern, re.IGNORECASE))
    for asked, pattern in (
        (Asked.FREQUENCY, r"\bhow (?:often|frequently|regularly|many times)\b|\b(?:interval|frequency)\b"),
        (
            Asked.DURATION,
            rf"\bhow (?:long|soon|quickly|fast)\b|\bhow many (?:\w+ )?{_PERIODS}\b"
            r"|\bhow much (?:time|notice)\b|\bhow far (?:ahead|in advance)\b|\b(?:notice|retention) period\b"
            r"|\b(?:what|which) (?:\w+ ){0,3}(?:deadline|duration)\b",
        ),
        (
            Asked.AMOUNT,
            r"\bhow much\b.*\b(?:costs?|pays?|paid|charged?|claim|spend|get|reimbursed?|receive|worth)\b"
            r"|\bhow much (?:money|can\b.*\bearn)\b"
            r"|\b(?:what|which)\b.*\b(?:costs?|price|fee|amount|allowance|budget|diem|bonus|sum|charged)\b",
        ),
        (
            Asked.SIZE,
            r"\bhow (?:much|big|large|high|deep|wide|far|heavy|full)\b|\b(?:size|limit|threshold|capacity)\b",
        ),
        (
            Asked.COUNT,
            r"\bhow (?:many|old)\b"
            r"|\b(?:what|which)\b.{0,40}\b(?:number|port|extension|percentage|version|maximum|minimum)\b",
        ),
        (Asked.CLOCK, r"\b(?:what|which) (?:time|hour)\b|\b(?:opening|closing|core) (?:time|hours)\b"),
        (Asked.DAY, r"\b(?:what|which) (?:week)?(?:day|date)s?\b"),
        (Asked.TIME, rf"\bwhen {_DOING}\b|\b(?:by|until|since) when\b|^\W*when\??$"),
        (Asked.PERSON, r"\bwho(?:m|se)?\b|\b(?:which|what) (?:team|person|people|department|role|contact)\b"),
        (Asked.COMMAND, r"\b(?:what|which)(?:'s| is)? (?:\w+ ){0,3}(?:command|query|script)\b"),
        (
            Asked.STEPS,
            r"\bhow (?:do|does|can|should|could|would|must|to|are|is)\b"
            r"|\b(?:steps?|procedure|process|instructions)\b"
            r"|\b(?:walk|guide|talk) me through\b|\bhelp me\b|\bway to\b|\b(?:fix|what now|what helps)\b"
            r"|\bwhat (?:do|should|must|can|shall) (?:i|we|you|one|they|people|somebody|someone|an?|the)\b"
            r"|\bwhat (?:happens|needs to|has to)\b",
        ),
    )
)

_HAS: Mapping[Asked, re.Pattern[str]] = {
    asked: re.compile(pattern, re.IGNORECASE)
    for asked, pattern in (
        (
            Asked.FREQUENCY,
            r"\b(?:every|each|per|daily|weekly|monthly|quarterly|yearly|annual(?:ly)?|hourly|nightly|once)\b|\btwice\b"
            rf"|\b{_COUNTED} times\b|\btimes a\b",
        ),
        (Asked.DURATION, _DURATION),
        (Asked.AMOUNT, _MONEY),
        (Asked.SIZE, r"\d"),
        (Asked.COUNT, rf"\d|\b{_COUNTED}\b"),
        (Asked.CLOCK, _CLOCK),
        (Asked.DAY, _DAY),
        (Asked.TIME, f"{_CLOCK}|{_DAY}|{_DURATION}"),
        (Asked.PERSON, _WHO),
        (Asked.COMMAND, r"`"),
    )
}
_STEPS = re.compile(r"^\s*\d+[.)]\s|`", re.MULTILINE)
_ACTION = re.compile(
    r"\bhow (?:do|does|can|could|should|would|must) "
    r"(?:i|we|you|one|they|people|someone|somebody|an? \w+|the \w+) (?:safely |best |properly )?(\w+)"
    r"|\bhow to (\w+)|\b(?:steps|procedure|way|process|instructions) to (\w+)",
    re.IGNORECASE,
)
# Verbs that say nothing about what is done.
_EMPTY_VERBS = term_set(
    "get do make put set handle deal go take use find know tell need work give have proceed perform help"
)
_COUNTED_NOUN = re.compile(r"\bhow many ((?:[\w'-]+ ?){1,4})", re.IGNORECASE)
_AFTER_NOUN = re.compile(
    r"\b(?:do|does|did|is|are|was|were|can|may|must|should|will|would|have|has|get|gets|there|per|in|of|on|at|for|off"
    r"|each|from|to|a|an|the)\b.*",
    re.IGNORECASE,
)
# A number with the next words of its sentence, or a column name with the number below it.
_QUANTITY = re.compile(
    rf"(?:(?<![\w.])\d[\d.,]*|\b{_COUNTED})\b(?=((?:[ *-]+[\w'-]+){{1,3}}))"
    rf"|([\w'-]+): ?(?:\d|{_COUNTED}\b)",
    re.IGNORECASE,
)
_MEASURED = re.compile(r"\bhow much (\w+)", re.IGNORECASE)


@lru_cache(maxsize=2048)
def asked(question: str) -> Asked:
    said, _ = parted(question)
    return next((kind for kind, pattern in _WANTS if pattern.search(said)), Asked.ANYTHING)


def kinds_asked(question: str) -> frozenset[Asked]:
    """All of them, where several questions are asked at once or one can be read in several ways."""
    said, _ = parted(question)
    return frozenset(kind for kind, pattern in _WANTS if pattern.search(said))


def fits(question: str, text: str, context: str = "") -> float:
    """0..1: whether the text has what is asked for: a number of the things counted, a name, the action."""
    kind = asked(question)
    if kind is Asked.STEPS:
        does = _action_share(question, f"{text} {context}")
        return does if _STEPS.search(text) else 0.6 * does
    if kind not in _HAS:
        return 1.0
    if not _HAS[kind].search(text):
        return 0.0
    if kind is Asked.SIZE:
        thing = _MEASURED.search(question)
        return (
            1.0 if thing is None or all(says(term, term_set(text)) for term in terms(thing.group(1))) else 0.5
        )
    return _counts_share(question, text) if kind is Asked.COUNT else 1.0


def _action_share(question: str, text: str) -> float:
    """How to create is not answered by how to purge."""
    match = _ACTION.search(question)
    verbs = (
        [term for term in terms(next(filter(None, match.groups()))) if term not in _EMPTY_VERBS]
        if match
        else []
    )
    return 1.0 if all(says(verb, term_set(text)) for verb in verbs) else 0.5


def _counts_share(question: str, text: str) -> float:
    """Whether a number in the text counts the thing asked about."""
    match = _COUNTED_NOUN.search(question)
    nouns = terms(_AFTER_NOUN.sub("", match.group(1))) if match else []
    if not nouns:
        return 1.0
    counted = term_set(" ".join(" ".join(filter(None, found.groups())) for found in _QUANTITY.finditer(text)))
    return 1.0 if any(says(noun, counted) for noun in nouns) else 0.3

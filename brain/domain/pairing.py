"""Pairs the words of two questions: the same word, another form of it, one that stands for it, or a slip of
the pen. What is left without a counterpart is what the two may differ in."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from brain.domain.opposites import listed, opposed, opposites_of, synonyms_of
from brain.domain.ranking import stem
from brain.domain.reading import HEAVIEST, rarity
from brain.domain.wording import lowered, names

_AMERICAN = {"is": "iz", "ys": "yz", "our": "or", "tre": "ter", "ogue": "og", "ll": "l"}
_BRITISH = re.compile(
    r"(?<=[a-z]{3})(?:is|ys)(?=(?:e[drs]?|es|ers|ing|ations?)$)|(?<=[a-z]{2})(?:our)(?=s|ed|ing|$)"
    r"|(?<=[a-z]{2})(?:tre)(?=s?$)|(?<=[a-z]{3})(?:ogue)(?=s?$)|(?<=[a-z]{3})(?:ll)(?=(?:ed|ing|ers?)$)"
)
# Said in several words, or in one.
_PHRASES = tuple(
    (re.compile(rf"\b(?:{pattern})\b"), instead)
    for pattern, instead in (
        (r"can(?:no|['’])t", "can not"),
        (r"won['’]t", "will not"),
        (r"ain['’]t", "is not"),
        (r"(\w+)n['’]t", r"\1 not"),
        (r"(?:dont|doesnt|didnt|isnt|arent|wont)", "do not"),
        (r"i['’](?:m|ve|d|ll)", "i"),
        (r"(?:turn|switch|power)(?:s|ed|ing)? on", "enable"),
        (r"(?:turn|switch|power)(?:s|ed|ing)? off", "disable"),
        (r"(?:turn|switch|power)(?:s|ed|ing)? ((?:[\w-]+ ){1,4}?)on(?= for| in| at|$|\W*$)", r"enable \1"),
        (r"(?:turn|switch|power)(?:s|ed|ing)? ((?:[\w-]+ ){1,4}?)off(?= for| in| at|$|\W*$)", r"disable \1"),
        (r"(?:back(?:s|ed|ing)? up)", "backup"),
        (r"(?:roll(?:s|ed|ing)? back)", "rollback"),
        (r"(?:roll(?:s|ed|ing)? forward)", "rollforward"),
        (r"(?:log|sign)(?:s|ged|ed|ging|ing)? (?:in|on)(?:to)?", "login"),
        (r"(?:log|sign)(?:s|ged|ed|ging|ing)? (?:out|off)", "logout"),
        (r"shut(?:s|ting)? down", "stop"),
        (r"set(?:s|ting)? up", "setup"),
        (r"clean(?:s|ed|ing)? up", "clean"),
        (r"(?:get|gets|getting|got) rid of", "remove"),
        # The month, and not what one may.
        (r"(in|of|until|since|before|after|from|during|next|last|early|late|mid) may", r"\1 may_"),
        (r"(?:find|finds|finding) out", "findout"),
        (r"(?:look|looks|looking|search|searches|searching) (?:for|up)", "search"),
        (r"scal(?:e|es|ed|ing) up", "scaleup"),
        (r"scal(?:e|es|ed|ing) down", "scaledown"),
        (r"check(?:s|ed|ing)? in(?:to)?", "checkin"),
        (r"check(?:s|ed|ing)? out", "checkout"),
        (r"(?:at least|no (?:less|fewer) than|or more)", "atleast"),
        (r"(?:at most|no more than|up to|or less|or fewer)", "atmost"),
        (r"(?:only|just|precisely) (?=\d)", "exactly "),
        (r"(?:on |at |by )?(?:what|which) (?:day|date|time|hour)s?", "when"),
        (r"out of", "outof"),
        (r"file systems?", "filesystem"),
        (r"data bases?", "database"),
        (r"run ?books?", "runbook"),
        (r"sub[- ](?=[a-z])", "sub"),
        (r"re-(?=[a-z])", "re"),
        (r"e-mails?", "email"),
        (r"non[- ]?(?=[a-z]{4})", "not "),
        (r"(?:in order|so as) to", "to"),
        (r"as well as", "and"),
        (r"read[- ]only", "readonly"),
        (r"read[- ]write", "readwrite"),
        (r"on[- ]call", "oncall"),
        (r"ignoring (?:the )?case|case[- ]insensitive(?:ly)?|not case[- ]sensitive(?:ly)?", "anycase"),
        (r"per ?cent", "%"),
    )
)
_TOKEN = re.compile(r"(?:[^\s(),;]|(?<=\d),(?=\d))+")
_EDGES = "\"'`“”‘’()[]{}<>,;:!?|=…"
_QUANTITY = re.compile(r"[~+]?([€$£]?)(\d[\d,]*(?:[.:]\d+)*)-?([a-zµ%€$£]*)")
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:[.:]\d+)*")
_LETTER = re.compile(r"(?<=[a-z0-9,] )A(?![\w'’.-])(?! [a-z]+ (?:of|to|in|for|on)\b)")
# Without those that contractions leave behind.
_LETTERS = frozenset("bcefghjklnopqruvwxyz")
# Without them an answer about IT, or the US, is one about nobody. Who shouts, shouts them, too.
_ABBREVIATED = re.compile(r"(?<![\w/-])(?:IT|US)(?![\w'’/-])")
_FULL_STOP = re.compile(r"(?<=[a-z])\.(?=[A-Z])|\.{2,}|…")
_SIGNS = frozenset("< > = <= >= == != ≤ ≥ + && || >>".split())
_ORDINAL = {"st", "nd", "rd", "th"}
_UNITS = {
    unit: units.split()[0]
    for units in (
        "s sec secs second seconds", "min mins minute minutes", "h hr hrs hour hours", "d day days",
        "week weeks wk wks", "month months", "year years yr yrs yo", "b byte bytes",
        "kb kib k kilobyte kilobytes", "mb mib megabyte megabytes", "gb gib g gigabyte gigabytes",
        "tb tib terabyte terabytes", "% percent", "ms millisecond milliseconds", "€ eur euro euros",
        "$ usd dollar dollars", "£ gbp pound pounds", "mg milligram milligrams",
    )
    for unit in units.split()
}  # fmt: skip
_NUMBERS = {
    word: str(value)
    for value, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
        "sixteen seventeen eighteen nineteen twenty".split()
    )
    if word != "one"  # how one does it counts nothing
} | {
    "thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "seventy": "70", "eighty": "80",
    "ninety": "90", "hundred": "100", "thousand": "1000", "million": "1000000", "billion": "1000000000",
    "twice": "2", "thrice": "3", "second": "2", "third": "3", "fourth": "4", "fifth": "5", "sixth": "6",
    "double": "2", "triple": "3", "half": "0.5", "quarter": "0.25", "dozen": "12",
}  # fmt: skip
PREPOSITIONS = frozenset(
    """
    to from into onto outof off before after since until till during over under above below beneath up down
    with without than between against by via behind on in at inside outside within through across
    """.split()
)
# Words without which a question asks the same.
_FREE = PREPOSITIONS | frozenset(
    """
    a an the of for and or as that which who whom whose what when where why how this these those it its there
    here i me my mine we us our you your they them their one ones he she his her him someone somebody anyone
    is are was were be been being am do does did doing done have has had having can could may might will would
    shall should please help tell want wants wanted wish like know need needs needed get gets got getting give
    let lets way ways step steps procedure process instruction instructions possible able best right proper
    properly correct correctly exactly just simply also so then if such very really actually currently now
    any some all every each everything about thing things something kind sort mean means meaning explain
    describe say says said show hi hello hey thanks thank regards dear sir madam ok okay question wondering
    wonder ask asking happen happens happening go goes going make makes making take takes use uses using used
    look see etc per it's im ive given specific certain particular various whether while been because due
    allowed permitted frequently both only but well too new own much many long often far
    """.split()
)
_NEGATIONS = frozenset(
    """
    not non no never none nobody nothing neither nor without cannot except excluding unless nowhere lack lacks
    lacking
    """.split()
)
# That one of these is said on one side alone changes what is asked.
_OPERATORS = frozenset(
    """
    more less greater fewer larger bigger smaller longer shorter higher lower older newer younger exactly
    atleast atmost first last oldest newest latest earliest largest smallest biggest longest shortest highest
    lowest maximum minimum max min most least second third next previous total average unique duplicate
    outside before after until since empty hidden unused expired inactive
    """.split()
)
# Shorter words differ by a letter without being slips; in longer ones two may be wrong.
_SHORTEST_SLIP = 5
_LONG = 8
# They compare only where a number follows.
_COMPARING = frozenset("over under above below within".split())


@dataclass(frozen=True, slots=True)
class Word:
    """`written` is as it stands there, where `text` mends it; `preposition` is the one that it stands behind,
    `unit` that of a number."""

    text: str
    stem: str
    weight: float
    number: bool = False
    name: bool = False
    preposition: str = ""
    unit: str = ""
    written: str = ""

    @property
    def free(self) -> bool:
        return self.weight == 0.0

    @property
    def negates(self) -> bool:
        return self.text in _NEGATIONS

    @property
    def operates(self) -> bool:
        return self.text in _OPERATORS


@dataclass(frozen=True, slots=True)
class Paired:
    """Positions of counterparts, in the order of `a`; and what has none."""

    a: Sequence[Word]
    b: Sequence[Word]
    pairs: Sequence[tuple[int, int]]

    @property
    def only_a(self) -> list[Word]:
        return _alone(self.a, {one for one, _ in self.pairs})

    @property
    def only_b(self) -> list[Word]:
        return _alone(self.b, {other for _, other in self.pairs})


def _alone(said: Sequence[Word], paired_at: set[int]) -> list[Word]:
    """A name or number that is said twice here and once there is no difference."""
    there = {said[number].stem for number in paired_at}
    return [
        word
        for number, word in enumerate(said)
        if number not in paired_at and not ((word.name or word.number) and word.stem in there)
    ]


def paired(a: str, b: str) -> Paired:
    """Each word has at most one counterpart: its like first, then what may stand for it, then slips."""
    first, second = words(a), words(b)
    pairs: list[tuple[int, int]] = []
    left_a, left_b = set(range(len(first))), set(range(len(second)))
    for counterparts in (_same, _slip, _synonyms):
        for one in sorted(left_a):
            fitting = [other for other in left_b if counterparts(first[one], second[other])]
            if fitting:
                # Of several the one at about the same place.
                place = one * len(second) / len(first)
                other = min(fitting, key=lambda number: (abs(number - place), number))
                pairs.append((one, other))
                left_a.remove(one)
                left_b.remove(other)
    return Paired(first, second, sorted(pairs))


@lru_cache(maxsize=4096)
def words(text: str) -> tuple[Word, ...]:
    named = names(text)
    # Pump A is no pump: a letter that stands for a thing is written large.
    marked = _LETTER.sub("a_", _FULL_STOP.sub(". ", text))
    plain = lowered(marked if text.isupper() else _ABBREVIATED.sub(r"\g<0>_", marked))
    for pattern, instead in _PHRASES:
        plain = pattern.sub(instead, plain)
    tokens = [part for match in _TOKEN.finditer(plain) for part in _parts(match.group())]
    mended = [token if token in named else _corrected(token) for token in tokens]
    return tuple(
        replace(word, written=tokens[number]) if tokens[number] != mended[number] else word
        for number, word in _words(mended, named)
    )


@lru_cache(maxsize=16_384)
def _corrected(token: str) -> str:
    """A slip of the pen must not hide that something is turned."""
    if len(token) < _SHORTEST_SLIP or not token.isalpha() or _is_known(stem(token)):
        return token
    near = (word for word in _vocabulary().get(token[0], ()) if _differ_by(token, word, 1))
    return min(near, key=lambda word: (abs(len(word) - len(token)), word), default=token)


@lru_cache(maxsize=1)
def _vocabulary() -> dict[str, list[str]]:
    """Words that decide on what is asked, and those that do not count, by their first letters."""
    inflected = {f"{word.removesuffix('e')}{end}" for word in listed() for end in ("ing", "ed")}
    every = listed() | inflected | _FREE | _NEGATIONS | _OPERATORS | frozenset(_NUMBERS) | frozenset(_UNITS)
    found: dict[str, list[str]] = {}
    for word in sorted(every):
        if len(word) >= _SHORTEST_SLIP - 1:
            found.setdefault(word[0], []).append(word)
    return found


def _parts(token: str) -> Iterator[str]:
    """Words that a hyphen or a slash joins stand alone; what nobody paraphrases stays whole."""
    if token in _SIGNS:
        yield token
        return
    bare = re.sub(r"['’]s?$", "", token.strip(_EDGES).rstrip("."))
    if not any(letter.isalnum() for letter in bare):
        return
    if re.fullmatch(r"[^\W\d_]+(?:[-/][^\W\d_]+)+", bare):
        yield from (part for part in re.split(r"[-/]", bare) if part)
        return
    bare = bare.lstrip("*.").strip(_EDGES) if not bare.startswith("../") else bare
    if bare := bare.rstrip("/"):
        yield bare


def _words(tokens: Sequence[str], named: frozenset[str]) -> Iterator[tuple[int, Word]]:
    """Each with the number of its token."""
    preposition, since = "", 0
    skip = False
    for number, token in enumerate(tokens):
        if skip:
            skip = False
            continue
        following = tokens[number + 1] if number + 1 < len(tokens) else ""
        behind = preposition if number - since <= 3 else ""
        quantity = _quantity(token, tokens[number - 1] if number else "")
        if quantity is not None:
            value, unit = quantity
            skip = not unit and following in _UNITS
            unit = _UNITS.get(following, "") if skip else _UNITS.get(unit, unit)
            yield number, Word(token, value, HEAVIEST, number=True, preposition=behind, unit=unit)
            continue
        yield number, _word(token, following, behind, named)
        if token in PREPOSITIONS:
            preposition, since = token, number


def _quantity(token: str, before: str) -> tuple[str, str] | None:
    if token in _NUMBERS:
        # Seconds are counted, a second one counts.
        counts = _NUMBERS[token] != _NUMBERS["second"] or not _QUANTITY.fullmatch(before)
        return (_NUMBERS[token], "") if counts else None
    match = _QUANTITY.fullmatch(token)
    if match is None:
        return None
    currency, digits, unit = match.groups()
    if unit and unit not in _UNITS and unit not in _ORDINAL:
        return None
    # Elsewhere a comma is what a point is here.
    value = digits.replace(",", "" if _THOUSANDS.fullmatch(digits) else ".")
    return value, currency or ("" if unit in _ORDINAL else unit)


def _word(token: str, following: str, preposition: str, named: frozenset[str]) -> Word:
    if not token.isalpha():
        # Whoever writes them small means them, too.
        known = token.removesuffix("_") if token in ("it_", "us_") else token
        return Word(token, known, HEAVIEST, name=True, preposition=preposition)
    if token in _COMPARING and _QUANTITY.fullmatch(following):
        return Word(token, token, rarity(stem(token)), preposition=preposition)
    if token in _NEGATIONS or token in _OPERATORS:
        return Word(token, stem(token), max(0.3, rarity(stem(token))), preposition=preposition)
    if token in _FREE:
        return Word(token, stem(token), 0.0, preposition=preposition)
    term = stem(token)
    name = (token in named and rarity(term) == 1.0) or token in _LETTERS
    return Word(token, term, HEAVIEST if name else rarity(term), name=name, preposition=preposition)


def _same(one: Word, other: Word) -> bool:
    if one.number or other.number:
        agree = one.unit == other.unit or not one.unit or not other.unit
        return one.number and other.number and one.stem == other.stem and agree
    return (
        one.stem == other.stem
        or (one.negates and other.negates)
        or _spelled(one.text) == _spelled(other.text)
    )


@lru_cache(maxsize=16_384)
def _spelled(word: str) -> str:
    """As in the United States."""
    return stem(_BRITISH.sub(lambda match: _AMERICAN[match.group()], word))


def _synonyms(one: Word, other: Word) -> bool:
    if one.number or other.number or (one.free and other.free):
        return False
    return other.stem in synonyms_of(one.stem) and not opposed(one.text, other.text)


def _slip(one: Word, other: Word) -> bool:
    """Whether one of them is no word that is known, and nearly the other. Of two that are unknown, short ones
    may be two names."""
    if any(word.number or not word.text.isalpha() for word in (one, other)):
        return False
    if any((word.free or word.operates) and not word.written for word in (one, other)):
        return False
    a, b = one.written or one.text, other.written or other.text
    shorter = min(len(a), len(b))
    known = _is_known(stem(a)) + _is_known(stem(b))
    if a[0] != b[0] or shorter < (_SHORTEST_SLIP if known else _LONG) or known == 2:
        return False
    return _differ_by(a, b, 2 if shorter > _LONG else 1)


def _is_known(term: str) -> bool:
    return rarity(term) < 1.0 or bool(synonyms_of(term)) or bool(opposites_of(term)) or term in _stems()


@lru_cache(maxsize=1)
def _stems() -> frozenset[str]:
    return frozenset(stem(word) for word in _FREE | _NEGATIONS | _OPERATORS | frozenset((*_NUMBERS, *_UNITS)))


def _differ_by(one: str, other: str, most: int) -> bool:
    """Whether so many letters were put in, left out, changed, or swapped with their neighbour."""
    if abs(len(one) - len(other)) > most:
        return False
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        above, before = before, row
        row = [i]
        for j, facing in enumerate(other, 1):
            least = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != facing))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == facing:
                least = min(least, above[j - 2] + 1)
            row.append(least)
        if min(row) > most:
            return False
    return row[-1] <= most

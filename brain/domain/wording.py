"""What in a wording must not change when it is said differently: numbers, names, negation; and which common
words say the same."""

import re
from functools import lru_cache

from brain.domain.ranking import stem, terms

_NUMBER_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen twenty"
).split()
_NUMBER_WORD_VALUES = {word: str(value) for value, word in enumerate(_NUMBER_WORDS)} | {
    "thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "ninety": "90", "hundred": "100",
    "once": "1", "twice": "2", "first": "1", "second": "2", "third": "3", "fourth": "4", "fifth": "5",
}  # fmt: skip
_NUMBER = re.compile(r"(?<![\w.])\d{1,3}(?:,\d{3})+(?![\d,])|(?<![A-Za-z_])\d+(?:[.:]\d+)*")
_WORD = re.compile(r"[A-Za-z]+")
_NEGATION = re.compile(
    r"\b(?:not|never|no|none|nobody|nothing|neither|nor|without|cannot|except|unless)\b|n['’]t\b",
    re.IGNORECASE,
)
_CODE = re.compile(r"(?<!`)`+([^`]+)`+")
_TOKEN = re.compile(r"[\w~./:@#-]*[\w/]")
_FIRST_PERSON = re.compile(r"I(?:['’](?:m|ve|d|ll))?")
_CASED = re.compile(r"((?<![\w-])-[A-Za-z]{1,3}(?![\w-])|\\[A-Za-z](?![A-Za-z]))")
_INNER_CAPITAL = re.compile(r"[a-z][A-Z]|[A-Z]{2}")

# Everyday words of operations and offices that people use for one another. General language only.
_SAME = """
change rotate reset renew replace swap update modify alter
fix repair solve resolve remedy mitigate
remove delete erase drop purge wipe uninstall
start begin launch boot
stop end halt finish terminate
restart reboot bounce
buy purchase order procure
cost price fee charge expense
pay reimburse refund repay
money amount sum budget
salary wage pay
boss manager supervisor lead
employee colleague staff worker
company employer firm
quit resign leave exit depart offboard
join onboard hire
holiday vacation
sick ill sickness illness unwell
absent absence
find locate look
show display list view see
check verify confirm inspect
tell inform notify report contact alert
call phone telephone ring dial
mail email
send submit deliver
get obtain receive
allow permit authorize approve
forbid prohibit ban
maximum max limit cap most
minimum min least
fast quick soon rapid
big large
broken fail failure faulty down fault
error problem issue trouble
lost missing mislaid
stolen theft
computer laptop notebook
password passphrase credential
user account login
access permission right
key token
machine server host node
database db
backup copy snapshot
restore recover recovery
duration length long last
time hour
often frequent frequency
deadline due
document file
form
step procedure instruction process guide
run execute
build compile
release deploy rollout
person people human
store keep retain retention save
choose select pick
need require must
office site location
abroad foreign overseas
country nation
child kid baby
parent
trip travel journey
setup configure install set
enable activate
disable deactivate
connect link
create make add generate
question query
team group
guest visitor
die death dead decease
father mother parent
enlarge extend expand grow increase raise
reduce lower decrease shrink
beside neighbour next adjacent
size large big
sign log
damage corrupt break
newcomer joiner hire
quantity count number
weekday day
permit permission allow may
drive car
plane flight fly
legal law lawful
secret credential password
leak expose
clean clear tidy
exceed above over
begin open
apply request
register enrol enter record
purchase order
exchange swap
newborn birth baby
film footage recording record camera cctv
plug connect
zero 0
filesystem file
percentage percent share
hand give
treat handle
urgent emergency
bank account
laptop device
undo revert rollback roll
skip jump
replay repeat
catch detect find stop
switch change
hand submit
put show display
answer reply respond response
"""


@lru_cache(maxsize=1)
def _concepts() -> dict[str, frozenset[str]]:
    """Each stem with those that may stand for it. Not transitive: a fee is a charge, a charge no order."""
    groups = [frozenset(stem(word) for word in line.split()) for line in _SAME.strip().splitlines()]
    every = {member for group in groups for member in group}
    return {word: frozenset().union(*(group for group in groups if word in group)) for word in every}


def alike(term: str) -> frozenset[str]:
    """The term and those that commonly stand for it."""
    return _concepts().get(term, frozenset()) | {term}


def says(term: str, said: frozenset[str]) -> bool:
    """Whether a set of terms holds this one or a common synonym of it."""
    return term in said or not said.isdisjoint(alike(term))


@lru_cache(maxsize=8192)
def term_set(text: str) -> frozenset[str]:
    return frozenset(terms(text))


@lru_cache(maxsize=8192)
def numbers(text: str) -> frozenset[str]:
    """Every number, whether in digits or in words: `two`, `2`, `2nd` are one."""
    digits = {match.group().replace(",", "") for match in _NUMBER.finditer(text)}
    words = {
        _NUMBER_WORD_VALUES[word]
        for word in map(str.lower, _WORD.findall(text))
        if word in _NUMBER_WORD_VALUES
    }
    return frozenset(digits | words)


def digits(text: str) -> frozenset[str]:
    """Numbers written as digits: words such as `one` and `second` often count nothing."""
    return frozenset(match.group().replace(",", "") for match in _NUMBER.finditer(text))


def lowered(text: str) -> str:
    """In small letters, but for options and escapes: -r is not -R, and \\w the opposite of \\W."""
    parts = _CASED.split(text)
    return "".join(part if number % 2 else part.lower() for number, part in enumerate(parts))


def negated(text: str) -> bool:
    return _NEGATION.search(text) is not None


def negations(text: str) -> list[int]:
    """Where each word that denies ends."""
    return [match.end() for match in _NEGATION.finditer(text)]


@lru_cache(maxsize=8192)
def identifiers(text: str) -> frozenset[str]:
    """Tokens nobody paraphrases: code spans, flags, paths, HR-42, snake_case, CamelCase, addresses."""
    found = {match.group(1).strip().lower() for match in _CODE.finditer(text)}
    for match in _TOKEN.finditer(_CODE.sub(" ", text)):
        token = match.group().strip(".:-#")
        if _is_identifier(token):
            found.add(token.lower())
    return frozenset(found)


def _is_identifier(token: str) -> bool:
    if not any(c.isalpha() for c in token):
        return False
    has_digit = any(c.isdigit() for c in token)
    joined = any(c in "_/@" for c in token) or re.search(r"\w\.\w", token) is not None
    camel = re.search(r"[a-z][A-Z]", token) is not None
    return (has_digit and not re.fullmatch(r"\d+(?:st|nd|rd|th|h|s|m|d|%)", token)) or joined or camel


@lru_cache(maxsize=8192)
def names(text: str) -> frozenset[str]:
    """Lower-cased words that look like names: capitals in mid-sentence or inside the word."""
    found = set()
    at_start = True
    for match in re.finditer(r"[^\W\d_][\w'’-]*|[.!?:;|\n]", text):
        word = match.group()
        if not word[0].isalpha():
            at_start = True
            continue
        capital = word[0].isupper() and not _FIRST_PERSON.fullmatch(word)
        if (capital and not at_start) or _INNER_CAPITAL.search(word):
            found.add(re.sub(r"['’]s?$", "", word).lower())
        at_start = False
    return frozenset(found)

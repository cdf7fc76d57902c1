"""Whether an answer approved for one question may be served for another. Serving the wrong one is far worse
than asking a person again, so likeness is not enough: whatever could turn the answer must agree."""

import re
from collections import Counter
from functools import lru_cache

from brain.domain.asking import Asked, asked
from brain.domain.ranking import stem
from brain.domain.reading import rarity, weights
from brain.domain.wording import digits, identifiers, names, negated, numbers, says, term_set

# Below this cosine two questions are about different things, whatever their words.
LEAST_SIMILARITY = 0.70
# Share of the questions' telling words that must have a counterpart in the other one.
LEAST_SHARED = 0.72
# A word that tells more than this by itself needs its counterpart.
TELLING = 0.62

# Words that turn an answer when one stands where the other stood.
_OPPOSITES = """
enable disable
activate deactivate
add remove delete drop
create delete destroy remove
install uninstall
start stop
open close
allow deny block forbid
grant revoke withdraw
lock unlock
mount unmount
encrypt decrypt
compress decompress extract
increase decrease reduce lower
raise lower
more less fewer
maximum minimum
max min
most least
highest lowest
greater less smaller
larger smaller
longer shorter
first last
oldest newest latest
older newer
early late
before after
ascending descending
up down
upgrade downgrade
scale shrink
push pull
upload download
import export
send receive
read write
backup restore
source target destination
from to
input output
incoming outgoing
inbound outbound
internal external
inside outside
public private
primary replica secondary standby
master slave
leader follower
prod production staging test development
online offline
on off
above below under
over under
include exclude
with without
attach detach
connect disconnect
subscribe unsubscribe
join leave
login logout
hire dismiss
resign dismiss
employee contractor visitor
regular immediate
planned unplanned
automatic manual
synchronous asynchronous
full incremental differential
success failure
pass fail
true false
yes no
all none
any all
left right
north south
east west
same different
every only
morning evening
weekday weekend
arrive depart
buy sell
accept reject
approve reject
commit rollback
hourly daily weekly monthly yearly
user group
file directory folder
linux windows macos
server client
request response
""".strip().splitlines()


_WORD = re.compile(r"[a-z]+")
_TOKEN = re.compile(r"[^\W_][\w.:@/#-]*[^\W_]|[^\W_]")
_OPENING = re.compile(r"\b(?:why|where|what|which|can|may|could|is|are|does|do|am|should|must|will)\b")
_OPENINGS = {"why": "why", "where": "where", "what": "what", "which": "what"}


def same_question(a: str, b: str, similarity: float) -> bool:
    if similarity < LEAST_SIMILARITY:
        return False
    if _plain(a) == _plain(b):
        return True
    return (
        _same_facts(a, b) and not _turned(a, b) and _same_want(a, b) and _same_subject(a.lower(), b.lower())
    )


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[\w./:@#+-]+", text.lower()))


def _same_facts(a: str, b: str) -> bool:
    """Numbers and negation are the same in both; names stand in both, whatever their capitals."""
    if digits(a) != digits(b) or numbers(a) != numbers(b) or negated(a) != negated(b):
        return False
    return _named(a) <= _tokens(b) and _named(b) <= _tokens(a)


def _named(text: str) -> frozenset[str]:
    return frozenset(word for name in names(text) | identifiers(text) for word in _tokens(name))


def _tokens(text: str) -> frozenset[str]:
    return frozenset(_TOKEN.findall(text.lower()))


def _turned(a: str, b: str) -> bool:
    """Whether one question has a word where the other has its opposite."""
    said, other = _words(a), _words(b)
    only_a, only_b = frozenset(said - other), frozenset(other - said)
    return any(only_a & group and only_b & group for group in _opposites())


@lru_cache(maxsize=1)
def _opposites() -> tuple[frozenset[str], ...]:
    return tuple(frozenset(stem(word) for word in line.split()) for line in _OPPOSITES)


def _words(text: str) -> Counter[str]:
    """With repetitions, and with stop words: before and after, with and without are among them."""
    return Counter(stem(word) for word in _WORD.findall(text.lower()))


def _same_want(a: str, b: str) -> bool:
    """Who, when, why and whether are different questions about one thing."""
    return _wanted(a) == _wanted(b)


def _wanted(question: str) -> str:
    kind = asked(question)
    if kind in (Asked.DAY, Asked.CLOCK):
        return Asked.TIME.value
    if kind is not Asked.ANYTHING:
        return kind.value
    match = _OPENING.search(question.lower())
    return _OPENINGS.get(match.group(), "whether") if match else "what"


def _same_subject(a: str, b: str) -> bool:
    """The telling words of each have a counterpart in the other."""
    return _covered(a, b) and _covered(b, a)


def _covered(a: str, b: str) -> bool:
    said = term_set(b)
    weighed = weights(a)
    missing = [term for term in weighed if not says(term, said)]
    if any(rarity(term) > TELLING for term in missing):
        return False
    total = sum(weighed.values())
    return total == 0 or 1 - sum(weighed[term] for term in missing) / total >= LEAST_SHARED

"""Whether a question leaves open what it is about, so that any answer is a guess; and what to ask back."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from brain.domain.knowledge import Found
from brain.domain.question import Turn
from brain.domain.ranking import STOP_WORDS, terms
from brain.domain.reading import outdated, special_terms
from brain.domain.wording import term_set

MOST_CHOICES = 4
# How far behind in meaning (cosine) another document may be; one further behind was found for something else.
# The fused scores are stretched over what was found, so that they do not tell.
NEAR = 0.1

_TOKEN = re.compile(r"[^\W_](?:[\w'’./@#:-]*[\w'’])?|[.?!,;:()]")
# A message or a line of code within the question is what it points at.
_PASTED = re.compile(r"[`\"“”\n]")
_POINTING = frozenset({"this", "that", "these", "those"})
# "They" may be anybody: the company, whoever decides.
_PRONOUNS = frozenset({"it", "them", *_POINTING})
_AUXILIARIES = frozenset(
    "is are was were do does did has have had can could will would shall should may might must".split()
)
# "The problem is that users …": only after these does "that" point at something.
_BEFORE_THAT = frozenset("of in on at for to from with by about into during after before and or".split())
_ENDS = frozenset(".?!,;:")
# "This type of violence" is about violence.
_KIND_OF = frozenset("type types kind kinds sort sorts".split())
# Of these the present one is meant; "this way" or "in this case" mean what was just said.
_PRESENT = term_set(
    "minute hour day week weekend month quarter year morning afternoon evening night time date moment term"
    " way point manner regard respect case reason company office building department team"
)
_MOST_WORDS = 5
# Words that tell something, before a comma or a full stop: enough to point back at.
_TOLD = 2
# A question of no more such words and a pronoun is about nothing in particular.
_BARE = 2


@dataclass(frozen=True, slots=True)
class Unclear:
    """What to ask back. `reference` is the wording that leaves it open. `choices`: passages found that it may
    be about, each of another document; none where nothing says what is meant."""

    reference: str
    choices: tuple[Found, ...] = ()

    def matters(self, *, answered: bool) -> bool:
        """Choices only where one of them may have the answer: elsewhere titles are alike by chance."""
        return answered or not self.choices


def unclear(question: str, history: Sequence[Turn], found: Sequence[Found]) -> Unclear | None:
    """None where it can be answered, or where it was just asked back: nobody is asked back twice."""
    if history and history[-1].asked_back:
        return None
    pointed = next(open_references(question, history), None)
    if pointed is not None:
        return Unclear(pointed)
    if not history and (pronoun := _bare_pronoun(question)):
        return Unclear(pronoun)
    choices = variants(question, history, found)
    return Unclear(_common(choices), choices) if choices else None


def open_references(question: str, history: Sequence[Turn]) -> Iterator[str]:
    """Phrases such as "this mission" of which neither conversation nor question has spoken before."""
    if _PASTED.search(question):
        return
    said = term_set(_said(history))
    tokens = _TOKEN.findall(question)
    for at, token in enumerate(tokens):
        words = _phrase(tokens, at) if token.lower() in _POINTING else ()
        if not words or not _points(tokens, at, words):
            continue
        about = term_set(" ".join(words))
        known = said | term_set(" ".join(tokens[:at]))
        if about and about.isdisjoint(_PRESENT) and 2 * len(about - known) >= len(about):
            yield " ".join((token.lower(), *words))


def _said(history: Sequence[Turn]) -> str:
    return " ".join(f"{turn.question} {turn.answer}" for turn in history)


def _phrase(tokens: Sequence[str], at: int) -> tuple[str, ...]:
    """The words after "this", up to where their phrase ends; none where it stands alone."""
    start = at + 1
    if [token.lower() for token in tokens[start + 1 : start + 2]] == ["of"] and tokens[
        start
    ].lower() in _KIND_OF:
        start += 2
    words: list[str] = []
    for token in tokens[start : start + _MOST_WORDS]:
        if not token[0].isalnum() or token.lower() in STOP_WORDS:
            break
        words.append(token)
    return tuple(words)


def _points(tokens: Sequence[str], at: int, words: Sequence[str]) -> bool:
    before = tokens[at - 1].lower() if at else ""
    if before in _AUXILIARIES and len(words) == 1:
        # "Does this mean …?" speaks of what was said; "does this partner own …?" of a partner.
        return False
    if tokens[at].lower() == "that" and before not in _BEFORE_THAT:
        return False
    return not _told(tokens[:at]) and not _named_after(tokens[at + 1 + len(words) :])


def _told(tokens: Sequence[str]) -> bool:
    """Whether a clause before says something: "a parcel came back open, who pays this loss?"."""
    ends = [at for at, token in enumerate(tokens) if token in _ENDS]
    return bool(ends) and len(terms(" ".join(tokens[: ends[-1]]))) >= _TOLD


def _named_after(tokens: Sequence[str]) -> bool:
    """What this is may follow: "what does this error mean: ORA-01555"."""
    return ":" in tokens or any(word[0].isalnum() and not word.islower() for word in tokens)


def _bare_pronoun(question: str) -> str:
    """The word by which a question without a subject points at nothing: "how do I restart it?"."""
    tokens = _TOKEN.findall(question)
    at = next((at for at, token in enumerate(tokens) if token.lower() in _PRONOUNS), None)
    named = any(not word.islower() and word != "I" for word in tokens[1:] if word[0].isalnum())
    if at is None or named or len(terms(question)) > _BARE or _is_department(tokens, at):
        return ""
    # "Is it allowed to smoke?" speaks of smoking.
    after = {token.lower() for token in tokens[at + 1 :]}
    return tokens[at].lower() if after.isdisjoint({"to", "that", "if", "when"}) else ""


def _is_department(tokens: Sequence[str], at: int) -> bool:
    """Who types in small letters asks IT support: "how do i reach it support?", unlike "does it work?"."""
    after = [token.lower() for token in tokens[at + 1 : at + 2] if token[0].isalnum()]
    inverted = at > 0 and tokens[at - 1].lower() in _AUXILIARIES
    return tokens[at].lower() == "it" and not inverted and bool(after) and after[0] not in STOP_WORDS


def variants(question: str, history: Sequence[Turn], found: Sequence[Found]) -> tuple[Found, ...]:
    """Documents of one name but for a part that the question leaves open, as "VPN (OpenVPN)" and "VPN
    (WireGuard)": one passage of each, the best first. None where only one is near, or where a name or number
    is asked for that none of them has: building 28, while 24 and 25 are described."""
    said = term_set(f"{_said(history)} {question}")
    best: dict[UUID, Found] = {}
    replaced = outdated(found)
    for one in (one for number, one in enumerate(found) if number not in replaced):
        best.setdefault(one.passage.origin, one)
    first, *others = best.values() or (None,)
    if first is None:
        return ()
    near = [one for one in others if one.piece_score >= first.piece_score - NEAR]
    alike = [one for one in near if _differ(_named(first), _named(one), said)]
    titles = frozenset[str]().union(*map(_named, (first, *alike)))
    elsewhere = special_terms(question) - titles
    return (first, *alike)[:MOST_CHOICES] if alike and not elsewhere else ()


def _named(one: Found) -> frozenset[str]:
    """In lower case, as a name counts once: the parts of CamelCase say no more."""
    return term_set(one.passage.title.lower())


def _differ(a: frozenset[str], b: frozenset[str], said: frozenset[str]) -> bool:
    """In what nobody has said, while most of what they share was asked about: the name of a site or a product
    is in many titles. One that only has more words than the other is a special case of it, which is meant
    only where it is said."""
    common, own, other = a & b, a - b, b - a
    if not own or not other or 2 * len(common & said) < len(common):
        return False
    return len(common) >= max(len(own), len(other)) and said.isdisjoint(own | other)


def _common(choices: Sequence[Found]) -> str:
    """The words that all their titles have, as the first one writes them."""
    shared = frozenset.intersection(*map(_named, choices))
    words = _TOKEN.findall(choices[0].passage.title)
    return " ".join(word for word in words if term_set(word) and term_set(word.lower()) <= shared)


def question_back(open_: Unclear) -> str:
    """Names what was found, and nothing else."""
    again = "or ask the same again: then a person looks at it."
    if not open_.choices:
        return f"I cannot tell what “{open_.reference}” refers to. Say it by its name, {again}"
    lines = (f"- {one.passage.title} [{number}]" for number, one in enumerate(open_.choices, start=1))
    listed = "\n".join(lines)
    return f"Which “{open_.reference}” do you mean? I found:\n\n{listed}\n\nSay which, {again}"

"""A follow-up question in a model's words: taken only where it says no more than was said before."""

from collections.abc import Sequence
from dataclasses import dataclass

from brain.domain.question import Turn
from brain.domain.spent import NOTHING_SPENT, Spent
from brain.domain.wording import identifiers, names, negated, numbers, term_set

LONGEST = 400


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A question as it can be understood alone, and what it cost to say it so; `by_rule` where the model that
    should have said it is away."""

    text: str
    spent: Spent = NOTHING_SPENT
    by_rule: bool = False


def says_no_more(said: str, question: str, history: Sequence[Turn]) -> bool:
    """Whether a rewriting keeps the facts of the question, and takes the rest from the conversation."""
    if not said or len(said) > max(LONGEST, 2 * len(question)):
        return False
    spoken = " ".join((question, *(f"{turn.question} {turn.answer}" for turn in history)))
    kept = (
        numbers(question) <= numbers(said) <= numbers(spoken)
        and identifiers(question) <= identifiers(said) <= identifiers(spoken)
        and names(question) <= names(said) | term_set(said)
        and negated(question) == negated(said)
    )
    return kept and term_set(question) & term_set(said) != frozenset() and term_set(said) <= term_set(spoken)

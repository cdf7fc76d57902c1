"""Ask back rather than guess: what becomes of a draft whose question leaves open what it is about."""

from collections.abc import Sequence
from dataclasses import replace

from brain.domain.answer import ASKED_BACK, Answer, AnswerStatus, Citation
from brain.domain.clarity import Unclear, question_back
from brain.domain.knowledge import Found
from brain.domain.question import Question, Turn, insists
from brain.domain.segments import segments

_LONGEST_QUOTE = 200


def rather_ask_back(
    answer: Answer, question: Question, history: Sequence[Turn], unclear: Unclear | None
) -> Answer:
    """The draft itself, where it is clear. Whoever insists on their wording gets a person."""
    if answer.status is AnswerStatus.PUBLISHED and insists(question.text, history):
        return replace(answer, status=AnswerStatus.IN_REVIEW)
    if unclear is None or not unclear.matters(answered=answer.status is not AnswerStatus.ABSTAINED):
        return answer
    scope = frozenset((answer.department,)).union(*(found.scope for found in unclear.choices))
    return replace(
        answer,
        status=AnswerStatus.DRAFT,
        text=question_back(unclear),
        citations=tuple(_choice(number, found) for number, found in enumerate(unclear.choices, start=1)),
        confidence=0.0,
        reasons=("The question leaves open what it is about.",),
        model=ASKED_BACK,
        prompt_hash="",
        scope=scope,
    )


def _choice(number: int, found: Found) -> Citation:
    passage = found.passage
    return Citation(
        number=number,
        passage=passage.id,
        passage_hash=passage.content_hash,
        title=passage.title,
        heading_path=passage.heading_path,
        page=passage.page,
        quote=_opening(passage.text),
        document=passage.document,
        article=passage.article,
    )


def _opening(text: str) -> str:
    """Verbatim, so that it can be found in its passage."""
    first = next(iter(segments(text)), None)
    opening = text[first.start : first.end] if first else text
    return opening[:_LONGEST_QUOTE]

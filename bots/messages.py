"""What the bot says of a question and its answer, as things are now. Pure: the same state, the same words."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from bots.chat_platform import Action, Home, Message, Reference, Style
from bots.texts import Texts
from brain.domain.answer import Answer, AnswerStatus
from brain.domain.ladder import TOLD, Level
from brain.domain.question import Question
from brain.domain.reply import Reply, Standing
from brain.domain.review import ReviewCase

_SHOWN = 300
# Of somebody's reviews, so many are shown with a button each.
_LISTED = 20


def moment(at: datetime, texts: Texts) -> str:
    return texts("moment", at=at)


def date(at: datetime, texts: Texts) -> str:
    return texts("date", at=at)


def percent(share: float) -> int:
    """Never 100 for what nobody has checked."""
    return min(99, int(share * 100))


def about(standing: Standing, texts: Texts, *, private: bool = False, queued: bool = False) -> Message:
    """What is known of the question by now, for the conversation it was asked in.

    `private`: only the one who asked sees it, and may share it. `queued`: it takes longer than usual.
    """
    if queued and standing.reply.answer is None:
        return Message(texts("queued"))
    said = _said(standing, texts, private=private)
    notes = (said.note, _level(standing.reply.answer, texts), _read(standing.reply.question, texts))
    return replace(said, note=" · ".join(filter(None, notes)))


def _level(answer: Answer | None, texts: Texts) -> str:
    """That something was away, and what stood in for it; where nothing did, the text itself says so."""
    if answer is None or answer.asks_back or answer.level_told not in TOLD or not answer.model:
        return ""
    return texts(f"level_{answer.level_told.value}")


def _said(standing: Standing, texts: Texts, *, private: bool) -> Message:
    answer = standing.reply.answer
    if answer is None:
        return Message(texts("looking"))
    if answer.asks_back:
        return Message(answer.text, references=_references(answer, standing))
    if answer.status is AnswerStatus.PUBLISHED:
        return _published(standing, answer, texts, private=private)
    actions = (_alone(answer, texts),) if standing.asker_reads_more and not private else ()
    return Message(_became(standing, answer, texts), note=_number(standing, texts), actions=actions)


def hidden(answer: Answer, texts: Texts) -> Message:
    """Instead of an answer that somebody who reads the conversation by now may not read."""
    return Message(texts("hidden"), actions=(_alone(answer, texts),))


def shared(standing: Standing, texts: Texts) -> Message:
    """What was private, for everybody to read."""
    said = about(standing, texts)
    notes = (said.note, texts("shared_by", person=standing.asker.name))
    asked = cut(standing.reply.question.text)
    return replace(said, asked=asked, note=" · ".join(filter(None, notes)))


def _alone(answer: Answer, texts: Texts) -> Action:
    return Action("ask_privately", texts("ask_privately"), str(answer.question))


def _read(question: Question, texts: Texts) -> str:
    """Which of the attached files were read, and why others were not."""
    read, unread = [], []
    for one in question.attachments:
        if one.problem:
            unread.append(f"{one.name}: {one.problem}")
        elif one.pages:
            read.append(texts("file_pages", name=one.name, pages=one.pages))
        else:
            read.append(texts("file_lines", name=one.name, lines=one.lines))
    said = [texts("read_files", files=", ".join(read))] if read else []
    said += [texts("not_read", files="; ".join(unread))] if unread else []
    return " · ".join(said)


def decided(standing: Standing, texts: Texts, *, mention: str, repeat: bool = False) -> Message:
    """The same, once a person has decided, for those who have waited; `mention` is the one who asked.

    `repeat`: the question is said again, as this stands apart from it.
    """
    said = about(standing, texts)
    return Message(
        text=said.text,
        heading=texts("checked_answer") if repeat else "",
        asked=cut(standing.reply.question.text) if repeat else "",
        references=said.references,
        note=said.note,
        actions=said.actions,
        mentions=(mention,) if mention else (),
    )


def is_decided(standing: Standing) -> bool:
    """Whether a person has had the last word."""
    answer = standing.reply.answer
    return answer is not None and standing.was_reviewed and standing.open_review is None


def _published(standing: Standing, answer: Answer, texts: Texts, *, private: bool) -> Message:
    value = str(answer.question)
    actions = [
        Action("helpful", texts("helpful"), value),
        Action("not_helpful", texts("not_helpful"), value),
    ]
    if answer.approval is None and standing.open_review is None:
        actions.append(Action("ask_person", texts("ask_person"), value))
    actions.append(Action("why", texts("why"), value))
    if private and standing.conversation is not None and standing.conversation.channel:
        actions = [
            Action("share", texts("share"), value, Style.PRIMARY),
            Action("keep", texts("keep"), value),
            *actions,
        ]
    notes = [band(answer, texts)]
    if standing.open_review is not None:
        notes.append(_waiting(standing, texts, "also_asked"))
    return Message(
        answer.text,
        references=_references(answer, standing),
        note=" · ".join(notes),
        actions=tuple(actions),
    )


def _references(answer: Answer, standing: Standing) -> tuple[Reference, ...]:
    return tuple(
        Reference(one.number, one.label, one.quote, standing.links.get(one.number, ""))
        for one in answer.citations
    )


def band(answer: Answer, texts: Texts) -> str:
    """What people are told of how sure the bot is."""
    if answer.approval is not None:
        return texts("band_checked", person=answer.approval.name, date=date(answer.approval.at, texts))
    name = "band_sure" if answer.status is AnswerStatus.PUBLISHED else "band_unsure"
    return texts(name, percent=percent(answer.confidence))


def _became(standing: Standing, answer: Answer, texts: Texts) -> str:
    note = standing.reply.note
    match answer.status:
        case AnswerStatus.IN_REVIEW:
            return _waiting(standing, texts, "held")
        case AnswerStatus.ABSTAINED:
            unsearched = answer.level is Level.NO_SEARCH
            return _waiting(standing, texts, "unsearched" if unsearched else "unknown")
        case AnswerStatus.REJECTED:
            return texts("rejected", reason=note.partition(": ")[2] or note)
        case AnswerStatus.SUSPENDED if not standing.reply.answer or not answer.withdrawn:
            return texts("hidden")
        case AnswerStatus.SUSPENDED | AnswerStatus.RETRACTED:
            return texts("withdrawn", reason=answer.withdrawn)
        case _:
            return note or texts("gone")


def _waiting(standing: Standing, texts: Texts, name: str) -> str:
    due = moment(standing.due_at, texts) if standing.due_at else "?"
    if standing.reviewer:
        return texts(name, person=standing.reviewer, due=due)
    return texts(f"{name}_nobody", department=standing.department, due=due)


def _number(standing: Standing, texts: Texts) -> str:
    if standing.open_review is None:
        return ""
    return texts("review_number", number=standing.open_review, department=standing.department)


def why(reply: Reply, texts: Texts) -> Message:
    """How the answer came about."""
    heading, asked = texts("why_title"), cut(reply.question.text)
    answer = reply.answer
    if answer is None:
        return Message(texts("why_pending"), heading=heading, asked=asked)
    if answer.approval is not None:
        lines = [texts("why_checked", person=answer.approval.name, date=date(answer.approval.at, texts))]
    elif _silent(reply.question, answer):
        lines = [_why_silent(answer, percent(reply.question.overheard or 0), texts)]
    else:
        lines = [texts("why_confidence", percent=percent(answer.confidence))]
    if answer.citations:
        sources = ", ".join(dict.fromkeys(one.title for one in answer.citations))
        lines.append(texts("why_passages", count=len(answer.citations), sources=sources))
    elif answer.status is AnswerStatus.ABSTAINED and reply.question.overheard is None:
        lines.append(texts("why_unsearched" if answer.level is Level.NO_SEARCH else "why_nothing"))
    lines += [f"- {reason}" for reason in answer.reasons]
    return Message("\n".join([lines[0], "", *lines[1:]]), heading=heading, asked=asked)


def _why_silent(answer: Answer, least: int, texts: Texts) -> str:
    sure = percent(answer.confidence)
    if sure >= least:  # enough for the channel, but not for the department that would answer
        return texts("why_silent_department", percent=sure)
    return texts("why_silent", percent=sure, least=least)


def _silent(question: Question, answer: Answer) -> bool:
    return question.overheard is not None and answer.status is AnswerStatus.ABSTAINED


def status(replies: Sequence[Reply], texts: Texts) -> Message:
    """What became of somebody's questions."""
    if not replies:
        return Message(texts("status_none"), heading=texts("status_title"))
    return Message("\n".join(_asked(one, texts) for one in replies), heading=texts("status_title"))


def _asked(reply: Reply, texts: Texts) -> str:
    state = reply.answer.status.value if reply.answer else "pending"
    if reply.answer is not None and _silent(reply.question, reply.answer):
        state = "silent"
    number = f" ({reply.review})" if reply.review else ""
    return f"- “{cut(reply.question.text, 120)}”: {texts(f'status_{state}')}{number}"


def home(
    replies: Sequence[Reply],
    reviews: Sequence[ReviewCase],
    now: datetime,
    learned: Sequence[str],
    texts: Texts,
) -> Home:
    """A member's open questions, their reviews with their age, and what was learned this week."""
    waiting = [one for one in replies if _waits(one)]
    more = len(reviews) - _LISTED
    mine = [_review(one, now, texts) for one in reviews[:_LISTED]]
    if more > 0:
        mine.append(Message(texts("home_more", count=more)))
    return Home(
        (
            _section("home_questions", [_asked(one, texts) for one in waiting], texts),
            Message("" if mine else texts("home_none"), heading=texts("home_reviews")),
            *mine,
            _section("home_learned", [f"- {cut(one, 120)}" for one in learned], texts),
        )
    )


def _waits(reply: Reply) -> bool:
    open_ = (AnswerStatus.IN_REVIEW, AnswerStatus.ABSTAINED, AnswerStatus.SUSPENDED)
    return reply.answer is None or (reply.review is not None and reply.answer.status in open_)


def _section(heading: str, lines: Sequence[str], texts: Texts) -> Message:
    return Message("\n".join(lines) or texts("home_none"), heading=texts(heading))


def _review(case: ReviewCase, now: datetime, texts: Texts) -> Message:
    hours = int((now - case.review.opened_at).total_seconds() // 3600)
    age = texts("home_age", hours=hours, due=moment(case.review.due_at, texts))
    show = Action("show", texts("home_show"), str(case.review.number))
    return Message(f"**{case.review.number}** {cut(case.question, 120)} ({age})", actions=(show,))


def help_text(texts: Texts, *, command: str) -> Message:
    return Message(texts("help", command=command).strip(), heading=texts("help_title"))


def cut(text: str, most: int = _SHOWN) -> str:
    """On one line, and no longer than is needed to know it again."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"

"""A review as its reviewers see it: the card, what is said around it, and the forms. Pure."""

from collections.abc import Sequence

from bots.chat_platform import Action, Entry, Field, Form, Input, Message, Reference, Style
from bots.messages import cut, moment, percent
from bots.texts import Texts
from brain.domain.conversation import Answering, ChannelRules, MayAsk
from brain.domain.identity import Department
from brain.domain.records import Reason
from brain.domain.reply import Card
from brain.domain.review import MoveKind, Occasion, ReviewCase, ReviewStatus, VerdictKind

_PASSED = {MoveKind.HANDED_ON, MoveKind.PASSED, MoveKind.TO_OWNER}


def stamp(case: ReviewCase) -> str:
    """What a button brings back: the review, and what exactly was shown of it."""
    return f"{case.review.number}:{case.review.shown_hash}"


def read_stamp(value: str) -> tuple[int, str]:
    number, _, shown_hash = value.partition(":")
    return int(number), shown_hash


def card(shown: Card, texts: Texts, *, mention: str = "", link: str = "") -> Message:
    """The question, the draft with its sources, how sure the bot is, and the state of the review."""
    case = shown.case
    title = texts("card_title", number=case.review.number, department=shown.department.name)
    parts = [f"**{_asks(case, texts)}**"] if case.asked_by else []
    if case.review.occasion is not Occasion.ANSWER:
        parts.append(texts("card_changed"))
    draft = case.answer.text
    parts.append(f"**{texts('card_draft')}**\n\n{draft}" if draft else texts("card_no_draft"))
    if shown.similar:
        lines = "\n".join(f"- “{cut(one.question, 120)}”: {cut(one.text, 200)}" for one in shown.similar)
        parts.append(f"**{texts('card_similar')}**\n\n{lines}")
    is_open = case.review.status is ReviewStatus.OPEN
    return Message(
        text="\n\n".join(parts),
        heading=title,
        asked=case.question,
        references=_references(shown),
        fields=(
            Field(texts("card_confidence"), f"{percent(case.answer.confidence)} %"),
            Field(texts("card_reasons"), " ".join(case.answer.reasons) or "–"),
            Field(texts("card_clock"), state(case, texts)),
        ),
        links=((texts("card_asked", person=case.asked_by), link),) if link else (),
        note=texts("card_how") if is_open else "",
        actions=_buttons(case, texts) if is_open else (),
        mentions=(mention,) if mention and is_open else (),
    )


def _asks(case: ReviewCase, texts: Texts) -> str:
    others = len(case.askers) - 1
    if others > 0:
        return texts("card_asked_others", person=case.asked_by, others=others)
    return texts("card_asked", person=case.asked_by)


def _references(shown: Card) -> tuple[Reference, ...]:
    return tuple(
        Reference(one.number, one.label, one.quote, shown.links.get(one.number, ""))
        for one in shown.case.answer.citations
    )


def _buttons(case: ReviewCase, texts: Texts) -> tuple[Action, ...]:
    value = stamp(case)
    approve = (Action("approve", texts("approve"), value, Style.PRIMARY),) if case.answer.text else ()
    return (
        *approve,
        Action("edit", texts("edit"), value),
        Action("reject", texts("reject"), value, Style.DANGER),
        Action("not_for_me", texts("not_for_me"), value),
    )


def state(case: ReviewCase, texts: Texts) -> str:
    """How the review stands, and who decided it."""
    verdict = case.verdict
    if verdict is not None:
        date = moment(verdict.decided_at, texts) if verdict.decided_at else ""
        name = {
            VerdictKind.APPROVE: "card_approved",
            VerdictKind.AMEND: "card_amended",
            VerdictKind.REJECT: "card_rejected",
        }[verdict.kind]
        return texts(name, person=case.decided_by or "?", date=date, reason=verdict.reason)
    if case.review.status is not ReviewStatus.OPEN:
        return texts("card_expired")
    due = moment(case.review.due_at, texts)
    if case.assigned_to:
        return texts("card_turn", person=case.assigned_to, due=due)
    return texts("card_turn_nobody", due=due)


def handed_over(case: ReviewCase, texts: Texts) -> Message:
    """What becomes of a card that was one person's, once the review is another's."""
    return Message(
        texts("card_passed", person=case.assigned_to or "?"),
        heading=texts("card_title", number=case.review.number, department=""),
        asked=case.question,
    )


def reminder(case: ReviewCase, texts: Texts, *, mention: str) -> Message:
    due = moment(case.review.due_at, texts)
    return Message(
        texts("remind", number=case.review.number, due=due), mentions=(mention,) if mention else ()
    )


def hand_over(case: ReviewCase, texts: Texts, *, mention: str) -> Message:
    said = texts("handed_on", number=case.review.number, question=cut(case.question))
    return Message(said, mentions=(mention,) if mention else ())


def offer(case: ReviewCase, text: str, texts: Texts, *, delivery: str) -> Message:
    """What somebody wrote in the thread of a review, to be confirmed as the answer."""
    value = f"{stamp(case)}:{delivery}"
    return Message(
        texts("offer_amendment", number=case.review.number),
        asked=text,
        actions=(
            Action("confirm", texts("confirm_amendment"), value, Style.PRIMARY),
            Action("discard", texts("discard"), value),
        ),
    )


def feedback_form(value: str, texts: Texts) -> Form:
    return Form(
        name="feedback",
        title=texts("form_feedback"),
        submit=texts("send"),
        cancel=texts("cancel"),
        value=value,
        entries=(
            Entry(
                "reason",
                texts("form_reason"),
                Input.CHOICE,
                choices=tuple((one.value, texts(f"reason_{one.value}")) for one in Reason),
            ),
            Entry("comment", texts("form_comment"), Input.TEXT, optional=True),
        ),
    )


def edit_form(case: ReviewCase, texts: Texts) -> Form:
    return Form(
        name="edit",
        title=texts("form_edit"),
        submit=texts("approve"),
        cancel=texts("cancel"),
        value=stamp(case),
        text=cut(case.question),
        entries=(Entry("answer", texts("form_answer"), Input.TEXT, value=case.answer.text),),
    )


def reject_form(case: ReviewCase, texts: Texts) -> Form:
    return Form(
        name="reject",
        title=texts("form_reject"),
        submit=texts("reject"),
        cancel=texts("cancel"),
        value=stamp(case),
        text=cut(case.question),
        entries=(Entry("reason", texts("form_reject_reason"), Input.TEXT),),
    )


def setup_form(
    departments: Sequence[Department], rules: ChannelRules | None, texts: Texts, *, channel: str
) -> Form:
    known = rules or ChannelRules(departments[0].id)
    slug = next((one.slug for one in departments if one.id == known.department), departments[0].slug)
    hours = known.talks_in
    quiet = f"{_clock(hours.opens_minute)}-{_clock(hours.closes_minute)} {hours.time_zone}" if hours else ""
    return Form(
        name="setup",
        title=texts("form_setup"),
        submit=texts("save"),
        cancel=texts("cancel"),
        value=channel,
        entries=(
            Entry(
                "department",
                texts("setup_department"),
                Input.CHOICE,
                slug,
                tuple((one.slug, one.name) for one in departments),
            ),
            Entry(
                "answers",
                texts("setup_answers"),
                Input.CHOICE,
                known.answers.value,
                tuple((one.value, texts(f"setup_{one.value}")) for one in Answering),
            ),
            Entry("least", texts("setup_least"), Input.LINE, str(round(known.least_confidence * 100))),
            Entry(
                "may_ask",
                texts("setup_may_ask"),
                Input.CHOICE,
                known.may_ask.value,
                tuple((one.value, texts(f"setup_{one.value}")) for one in MayAsk),
            ),
            Entry(
                "alerts", texts("setup_alerts"), Input.SWITCH, "yes" if known.alerts else "", optional=True
            ),
            Entry(
                "reviews", texts("setup_reviews"), Input.SWITCH, "yes" if known.reviews else "", optional=True
            ),
            Entry("quiet", texts("setup_quiet"), Input.LINE, quiet, optional=True),
        ),
    )


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def was_passed(case: ReviewCase) -> bool:
    return any(move.kind in _PASSED for move in case.history)

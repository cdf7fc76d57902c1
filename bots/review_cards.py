"""A review as its reviewers see it: the card, what is said around it, and the forms. Pure."""

import re
from collections.abc import Sequence

from bots.chat_platform import Action, Entry, Field, Form, Input, Message, Reference, Style
from bots.messages import cut, moment, percent
from bots.texts import Texts
from brain.domain.change import Source
from brain.domain.conversation import Answering, ChannelRules, Conversation, DeliveryId, MayAsk
from brain.domain.identity import Department, MemberId
from brain.domain.records import Reason
from brain.domain.reply import Card
from brain.domain.review import Occasion, ReviewCase, ReviewId, ReviewStatus, VerdictKind

# A diff that is longer is for the console: nobody judges it in a chat.
_DIFF = 1_500


def key(review: ReviewId, member: MemberId | None = None) -> str:
    """Of a member's own card, or what the keys of all that is said of a review begin with."""
    return f"review/{review}/{member}" if member else f"review/{review}"


def channel_key(review: ReviewId, channel: Conversation | None = None) -> str:
    """Of the card in a channel, or what the keys of all such cards begin with: a card stays where it was
    posted, and who reads it there is looked at there."""
    return f"review/{review}/in/{channel.workspace}.{channel.channel}" if channel else f"review/{review}/in/"


def offer_key(review: ReviewId, delivery: DeliveryId) -> str:
    """Of what is said about an answer that somebody wrote in the thread of a card."""
    return f"{offers_key(review)}{delivery}"


def offers_key(review: ReviewId) -> str:
    """What the keys of all offers for a review begin with."""
    return f"review/{review}/offer/"


def stamp(case: ReviewCase) -> str:
    """What a button brings back: the review, and what exactly was shown of it."""
    return f"{case.review.number}:{case.review.shown_hash}"


def card(shown: Card, texts: Texts, *, mention: str = "", link: str = "") -> Message:
    """The question, the draft with its sources, how sure the bot is, and the state of the review."""
    case = shown.case
    title = texts("card_title", number=case.review.number, department=shown.department.name)
    parts = [f"**{_asks(case, texts)}**"] if case.asked_by else []
    if case.review.occasion is not Occasion.ANSWER:
        parts.append(texts(f"occasion_{case.review.occasion.value}"))
    draft = case.answer.text
    parts.append(f"**{texts('card_draft')}**\n\n{draft}" if draft else texts("card_no_draft"))
    if changed := changes(case, texts):
        parts.append(changed)
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
    return (
        *_approvals(case, texts),
        Action("edit", texts("edit"), value),
        Action("reject", texts("reject"), value, Style.DANGER),
        Action("not_for_me", texts("not_for_me"), value),
    )


def _approvals(case: ReviewCase, texts: Texts) -> tuple[Action, ...]:
    """Where a source is not what it was, the draft may still be right, on the word of the reviewer alone."""
    if not case.answer.text:
        return ()
    approve = Action("approve", texts("approve"), stamp(case), Style.PRIMARY)
    if all(source.stands for source in case.sources):
        return (approve,)
    return approve, Action("vouch", texts("vouch"), stamp(case), confirm=texts("vouch_confirm"))


def changes(case: ReviewCase, texts: Texts) -> str:
    """What of the draft's sources is not what was cited any more, line by line; empty where all stand."""
    found = [_change(source, texts) for source in case.sources if not source.stands]
    return "\n\n".join([f"**{texts('card_changes')}**", *found]) if found else ""


def _change(source: Source, texts: Texts) -> str:
    name = f"[{source.citation.number}] {source.citation.label}"
    said = texts(f"source_{source.state.value}", source=name)
    lines = "\n".join(line for line in source.diff.splitlines() if not line.startswith(("---", "+++", "@@")))
    shown = lines if len(lines) <= _DIFF else f"{lines[:_DIFF]}\n…"
    fence = "`" * (max(map(len, re.findall("`+", shown)), default=0) + 3)
    return f"{said}\n\n{fence}\n{shown}\n{fence}"


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


def late(case: ReviewCase, texts: Texts) -> str:
    """To whoever would decide what is over."""
    verdict, number = case.verdict, case.review.number
    if verdict is None or verdict.decided_at is None:
        return f"{texts('card_number', number=number)}: {state(case, texts)}"
    person, date = case.decided_by or "?", moment(verdict.decided_at, texts)
    return texts("already_decided", number=number, person=person, date=date)


def handed_over(case: ReviewCase, texts: Texts) -> Message:
    """What becomes of a card that was one person's, once the review is another's."""
    said = texts("card_passed", person=case.assigned_to or "?", due=moment(case.review.due_at, texts))
    return Message(said, heading=texts("card_number", number=case.review.number), asked=case.question)


def taken_away(case: ReviewCase, texts: Texts) -> Message:
    """What is left of a card where somebody reads it who may not, or may not any more."""
    return Message(texts("card_taken_away"), heading=texts("card_number", number=case.review.number))


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
        "\n\n".join(filter(None, (text, changes(case, texts)))),
        heading=texts("offer_amendment", number=case.review.number),
        note=texts("offer_how"),
        actions=(
            Action("confirm", texts("confirm_amendment"), value, Style.PRIMARY),
            Action("discard", texts("discard"), value),
        ),
    )


def offer_over(case: ReviewCase, texts: Texts) -> Message:
    """What becomes of an offer once the review is decided, with this text or another."""
    return Message(f"{texts('card_number', number=case.review.number)}: {state(case, texts)}")


def offer_dropped(texts: Texts) -> Message:
    return Message(texts("offer_dropped"))


def confirmation(case: ReviewCase, texts: Texts) -> Message:
    """In the thread of a card, to somebody who approves by a word what has changed since it was cited."""
    return Message(
        changes(case, texts),
        heading=texts("approve_changed", number=case.review.number),
        actions=_approvals(case, texts),
    )


def refused_text(problem: str, text: str, texts: Texts) -> Message:
    """Nothing that somebody wrote is lost because it came too late."""
    return Message(f"{problem}\n\n**{texts('your_text')}**\n\n{text}" if text else problem)


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
        entries=(
            Entry(
                "answer",
                texts("form_answer"),
                Input.TEXT,
                value=case.answer.text,
                hint=texts("form_answer_hint"),
            ),
        ),
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

"""What reviewers do in a chat: buttons of a card, forms, and what they write in its thread."""

import re
from enum import Enum, auto
from uuid import UUID

from bots import homes, review_cards
from bots.asking import question_like
from bots.chat_platform import Inbound, Pressed, Said, Submitted, Trigger
from bots.scene import Scene
from brain.client import Judgement
from brain.domain.conversation import DeliveryId
from brain.domain.errors import Conflict, Denied, ExpertError, Missing, Rejected
from brain.domain.identity import Principal
from brain.domain.review import MoveKind, ReviewCase, ReviewId, ReviewStatus, VerdictKind, objection

BUTTONS = frozenset(("approve", "vouch", "edit", "reject", "not_for_me", "confirm", "discard", "show"))
FORMS = frozenset(("edit", "reject"))

_APPROVE = re.compile(r"\W*(?:approved?|lgtm|ok,? approved?)\W*", re.IGNORECASE)
_REJECT = re.compile(r"\W*reject(?:ed)?\W*(?:[:,–-]\s*(?P<reason>.+))?", re.IGNORECASE | re.DOTALL)
_PASS = re.compile(r"\W*not for me\W*", re.IGNORECASE)
# Shorter ones are talk among reviewers.
_ANSWER = 20


class Word(Enum):
    """What somebody wrote in the thread of a card. An offered one is kept until it is taken or dropped."""

    TALK = auto()
    DONE = auto()
    OFFERED = auto()


async def pressed(scene: Scene, principal: Principal, button: Pressed) -> None:
    number, shown_hash, rest = _stamp(button.value)
    match button.action:
        case "approve" | "vouch":
            vouches = button.action == "vouch"
            judgement = Judgement(number, VerdictKind.APPROVE, shown_hash, without_sources=vouches)
            await _judge(scene, principal, judgement)
        case "edit" | "reject":
            case = await _undecided(scene, principal, number, shown_hash)
            form = review_cards.edit_form if button.action == "edit" else review_cards.reject_form
            trigger = Trigger(scene.conversation.workspace, button.trigger)
            await scene.platform.show(trigger, form(case, scene.texts))
        case "not_for_me":
            await _pass_on(scene, principal, number)
        case "confirm":
            await _confirm(scene, principal, Judgement(number, VerdictKind.APPROVE, shown_hash), rest)
        case "show":
            await _show(scene, principal, number)
        case _:
            await _drop(scene, principal, number, DeliveryId(UUID(rest)))


async def submitted(scene: Scene, principal: Principal, form: Submitted) -> None:
    number, shown_hash, _ = _stamp(form.value)
    text, reason = form.fields.get("answer", ""), form.fields.get("reason", "")
    kind = VerdictKind.APPROVE if form.form == "edit" else VerdictKind.REJECT
    try:
        await _judge(scene, principal, Judgement(number, kind, shown_hash, text=text, reason=reason))
    except (Conflict, Denied, Missing, Rejected) as error:
        await scene.whisper(review_cards.refused_text(str(error), text or reason, scene.texts))


async def wrote(scene: Scene, principal: Principal, review: ReviewId, said: Said) -> Word:
    """In the thread of a card, where people may also just talk."""
    case = await scene.brain.case(scene.tenant, review)
    if case is None:
        return Word.TALK
    number = case.review.number
    if _APPROVE.fullmatch(said.text):
        await _approve_by_word(scene, principal, case)
    elif reject := _REJECT.fullmatch(said.text):
        reason = (reject["reason"] or "").strip()
        if not reason:
            raise Rejected(scene.texts("reject_how"))
        judgement = Judgement(number, VerdictKind.REJECT, case.review.shown_hash, reason=reason)
        await _judge(scene, principal, judgement)
    elif _PASS.fullmatch(said.text):
        await _pass_on(scene, principal, number)
    elif _may_be_answer(said.text) and await _may_offer(scene, principal, case):
        await _offer(scene, case, said.text)
        return Word.OFFERED
    else:
        return Word.TALK
    return Word.DONE


async def _approve_by_word(scene: Scene, principal: Principal, case: ReviewCase) -> None:
    """A word says nothing of what was on the screen: what has changed is shown once more."""
    open_ = case.review.status is ReviewStatus.OPEN
    if open_ and case.answer.text and not all(source.stands for source in case.sources):
        await _undecided(scene, principal, case.review.number, case.review.shown_hash)
        await scene.say(review_cards.confirmation(case, scene.texts))
        return
    judgement = Judgement(case.review.number, VerdictKind.APPROVE, case.review.shown_hash)
    await _judge(scene, principal, judgement)


async def _offer(scene: Scene, case: ReviewCase, text: str) -> None:
    async def holds() -> bool:
        """Offers are dropped once, when the review is decided: none may come after."""
        return case == await scene.brain.case(scene.tenant, case.review.id)

    offered = review_cards.offer(case, text, scene.texts, delivery=str(scene.delivery))
    key = review_cards.offer_key(case.review.id, scene.delivery)
    await scene.posting.say(key, scene.conversation, offered, holds=holds)


async def _may_offer(scene: Scene, principal: Principal, case: ReviewCase) -> bool:
    """What those write who are no reviewers is talk."""
    try:
        await scene.brain.review(principal, case.review.number)
    except Missing:
        return False
    return case.review.status is ReviewStatus.OPEN


def _may_be_answer(text: str) -> bool:
    return len(text) >= _ANSWER and not question_like(text)


async def _undecided(scene: Scene, principal: Principal, number: int, shown_hash: str) -> ReviewCase:
    """The review, if this person could decide it now by what they see of it."""
    case = await _seen(scene, principal, number)
    if case.review.status is not ReviewStatus.OPEN:
        raise Conflict(review_cards.late(case, scene.texts))
    departments = await scene.brain.departments(scene.tenant)
    if (why := objection(case, principal.member, departments)) is not None:
        raise Denied(why)
    if shown_hash != case.review.shown_hash:
        await scene.brain.show_again(scene.tenant, case.review.id)
        raise Conflict(scene.texts("shown_again", number=number))
    return case


async def _seen(scene: Scene, principal: Principal, number: int) -> ReviewCase:
    """A verdict is on what its author has seen: the card is on their screen."""
    try:
        return await scene.brain.review(principal, number)
    except Missing as error:
        raise Denied(scene.texts("not_a_reviewer", number=number)) from error


async def _pass_on(scene: Scene, principal: Principal, number: int) -> None:
    case = await _seen(scene, principal, number)
    if case.review.status is not ReviewStatus.OPEN:
        raise Conflict(review_cards.late(case, scene.texts))
    passed = case if _has_passed(case, principal) else await scene.brain.pass_on(principal, number, reason="")
    await scene.whisper(scene.texts("passed_on", number=number, person=passed.assigned_to or "?"))
    await homes.refresh(scene)


def _has_passed(case: ReviewCase, principal: Principal) -> bool:
    """Who passes it on twice, or has their click done again by us, has passed it on once."""
    passed = [move.by for move in case.history if move.kind is MoveKind.PASSED]
    member = principal.member.id
    return case.review.assignee != member and passed[-1:] == [member]


async def _confirm(scene: Scene, principal: Principal, judgement: Judgement, delivery: str) -> None:
    """The text is what was delivered to us, not what a button brings back."""
    kept = await scene.brain.delivery(scene.tenant, DeliveryId(UUID(delivery)))
    offered = Inbound.from_json(kept.payload).what if kept else None
    if isinstance(offered, Said):
        said = Judgement(judgement.number, judgement.kind, judgement.shown_hash, text=offered.text)
        await _judge(scene, principal, said)
        return
    await _undecided(scene, principal, judgement.number, judgement.shown_hash)
    raise Conflict(scene.texts("offer_dropped"))


async def _drop(scene: Scene, principal: Principal, number: int, delivery: DeliveryId) -> None:
    case = await _seen(scene, principal, number)
    key = review_cards.offer_key(case.review.id, delivery)
    await scene.posting.say(key, scene.conversation, review_cards.offer_dropped(scene.texts))
    await scene.brain.dealt_with(scene.tenant, delivery)


async def _show(scene: Scene, principal: Principal, number: int) -> None:
    """The card, to whoever asks for it, alone; it is kept up to date like every other one."""
    case = await _seen(scene, principal, number)
    card = await scene.brain.card(scene.tenant, case.review.id)
    if card is None:
        raise Missing(scene.texts("not_a_reviewer", number=number))
    people = scene.platform.people
    direct = await people.direct(scene.conversation.workspace, scene.inbound.author)
    link = await people.address(card.asked_in) if card.asked_in else ""
    key = review_cards.key(case.review.id, principal.member.id)
    await scene.posting.say(key, direct, review_cards.card(card, scene.texts, link=link))
    await homes.refresh(scene)


async def _judge(scene: Scene, principal: Principal, judgement: Judgement) -> None:
    number = judgement.number
    try:
        case = await scene.brain.review(principal, number)
    except Missing:
        case = None
    try:
        decided = await scene.brain.judge(principal, judgement)
    except Missing as error:
        raise Denied(scene.texts("not_a_reviewer", number=number)) from error
    except Conflict as error:
        decided = await _conflict(scene, principal, judgement, case, error)
    kind = decided.verdict.kind if decided.verdict else judgement.kind
    await scene.whisper(scene.texts("decided", number=number, what=scene.texts(f"decided_{kind.value}")))
    await homes.refresh(scene)


async def _conflict(
    scene: Scene, principal: Principal, judgement: Judgement, case: ReviewCase | None, error: ExpertError
) -> ReviewCase:
    """Who decides twice, or has their click done again by us, has decided once; who judges what is not there
    any more is shown what is."""
    now = await scene.brain.case(scene.tenant, case.review.id) if case else None
    if now is None:
        raise error
    if now.verdict is not None and now.verdict.member == principal.member.id:
        rejected = now.verdict.kind is VerdictKind.REJECT
        if rejected == (judgement.kind is VerdictKind.REJECT):
            return now
    if now.review.status is ReviewStatus.OPEN and now.review.shown_hash != judgement.shown_hash:
        await scene.brain.show_again(scene.tenant, now.review.id)
        raise Conflict(scene.texts("shown_again", number=now.review.number)) from error
    raise error


def _stamp(value: str) -> tuple[int, str, str]:
    number, shown_hash, *rest = [*value.split(":"), ""]
    return int(number), shown_hash, rest[0] if rest else ""

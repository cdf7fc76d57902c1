"""What reviewers do in a chat: buttons of a card, forms, and what they write in its thread."""

import re
from uuid import UUID

from bots import review_cards
from bots.asking import question_like
from bots.chat_platform import Inbound, Pressed, Said, Submitted, Trigger
from bots.scene import Scene
from brain.client import Judgement
from brain.domain.conversation import DeliveryId
from brain.domain.errors import Conflict, Missing
from brain.domain.identity import Principal
from brain.domain.review import ReviewId, ReviewStatus, VerdictKind

BUTTONS = frozenset(("approve", "edit", "reject", "not_for_me", "confirm", "discard"))
FORMS = frozenset(("edit", "reject"))

_APPROVE = re.compile(r"\W*(?:approved?|lgtm|ok,? approved?)\W*", re.IGNORECASE)
_REJECT = re.compile(r"\W*reject(?:ed)?\W*[:,–-]\s*(?P<reason>.+)", re.IGNORECASE | re.DOTALL)
_PASS = re.compile(r"\W*not for me\W*", re.IGNORECASE)
# Shorter ones are talk among reviewers.
_ANSWER = 20


async def pressed(scene: Scene, principal: Principal, button: Pressed) -> None:
    number, shown_hash, rest = _stamp(button.value)
    match button.action:
        case "approve":
            # A verdict is on what its author has seen: the card is on their screen.
            await scene.brain.review(principal, number)
            await _judge(scene, principal, Judgement(number, VerdictKind.APPROVE, shown_hash))
        case "edit" | "reject":
            case = await scene.brain.review(principal, number)
            if case.review.status is not ReviewStatus.OPEN:
                raise Conflict(review_cards.state(case, scene.texts))
            form = review_cards.edit_form if button.action == "edit" else review_cards.reject_form
            trigger = Trigger(scene.conversation.workspace, button.trigger)
            await scene.platform.show(trigger, form(case, scene.texts))
        case "not_for_me":
            passed = await scene.brain.pass_on(principal, number, reason="")
            person = passed.assigned_to or "?"
            await scene.whisper(scene.texts("passed_on", number=number, person=person))
        case "confirm":
            await _confirm(scene, principal, Judgement(number, VerdictKind.APPROVE, shown_hash), rest)
        case _:
            await scene.brain.dealt_with(scene.tenant, DeliveryId(UUID(rest)))
            await scene.whisper(scene.texts("thanks"))


async def submitted(scene: Scene, principal: Principal, form: Submitted) -> None:
    number, shown_hash, _ = _stamp(form.value)
    if form.form == "edit":
        judgement = Judgement(number, VerdictKind.APPROVE, shown_hash, text=form.fields.get("answer", ""))
    else:
        reason = form.fields.get("reason", "")
        judgement = Judgement(number, VerdictKind.REJECT, shown_hash, reason=reason)
    await _judge(scene, principal, judgement)


async def wrote(scene: Scene, principal: Principal, review: ReviewId, said: Said) -> bool:
    """In the thread of a card. False where it is no word about the review: people may talk there."""
    case = await scene.brain.case(scene.tenant, review)
    if case is None:
        return False
    try:
        case = await scene.brain.review(principal, case.review.number)
    except Missing:
        return False  # not a reviewer: what they say there is talk
    number, shown_hash = case.review.number, case.review.shown_hash
    if _APPROVE.fullmatch(said.text):
        await _judge(scene, principal, Judgement(number, VerdictKind.APPROVE, shown_hash))
    elif reject := _REJECT.fullmatch(said.text):
        reason = reject["reason"].strip()
        await _judge(scene, principal, Judgement(number, VerdictKind.REJECT, shown_hash, reason=reason))
    elif _PASS.fullmatch(said.text):
        passed = await scene.brain.pass_on(principal, number, reason="")
        await scene.whisper(scene.texts("passed_on", number=number, person=passed.assigned_to or "?"))
    elif case.review.status is ReviewStatus.OPEN and _may_be_answer(said.text):
        offered = review_cards.offer(case, said.text, scene.texts, delivery=str(scene.delivery))
        await scene.say(offered)
        return False  # what was written is kept until it is confirmed
    return True


def _may_be_answer(text: str) -> bool:
    return len(text) >= _ANSWER and not question_like(text)


async def _confirm(scene: Scene, principal: Principal, judgement: Judgement, delivery: str) -> None:
    """The text is what was delivered to us, not what a button brings back."""
    kept = await scene.brain.delivery(scene.tenant, DeliveryId(UUID(delivery)))
    offered = Inbound.from_json(kept.payload).what if kept else None
    if not isinstance(offered, Said):
        raise Conflict("This text was dealt with already.")
    await scene.brain.review(principal, judgement.number)
    await _judge(
        scene,
        principal,
        Judgement(judgement.number, judgement.kind, judgement.shown_hash, text=offered.text),
    )
    await scene.brain.dealt_with(scene.tenant, DeliveryId(UUID(delivery)))


async def _judge(scene: Scene, principal: Principal, judgement: Judgement) -> None:
    case = await scene.brain.judge(principal, judgement)
    kind = case.verdict.kind if case.verdict else judgement.kind
    what = scene.texts(f"decided_{kind.value}")
    await scene.whisper(scene.texts("decided", number=judgement.number, what=what))


def _stamp(value: str) -> tuple[int, str, str]:
    number, shown_hash, *rest = value.split(":")
    return int(number), shown_hash, rest[0] if rest else ""

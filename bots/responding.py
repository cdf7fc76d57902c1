"""What people do with an answer that they got: share it, judge it, look why, ask it again alone."""

from dataclasses import replace
from uuid import UUID

from bots import messages, present, review_cards
from bots.chat_platform import Pressed, Submitted, Trigger
from bots.scene import Scene
from brain.client import MAX_CHARACTERS, Asking, shared_as
from brain.domain.answer import AnswerStatus
from brain.domain.errors import Denied, Missing, Rejected
from brain.domain.identity import Principal
from brain.domain.question import QuestionId
from brain.domain.records import Reason
from brain.domain.reply import Standing

FORMS = frozenset(("feedback",))


async def pressed(scene: Scene, principal: Principal, button: Pressed) -> None:
    if button.action == "why_message":
        await _why_message(scene, principal, button)
        return
    question = QuestionId(UUID(button.value))
    match button.action:
        case "helpful":
            await _seen(scene, principal, question)
            await scene.brain.feedback(principal, question, here=scene.conversation)
            await scene.whisper(scene.texts("thanks"))
        case "not_helpful":
            await _seen(scene, principal, question)
            trigger = Trigger(scene.conversation.workspace, button.trigger)
            value = f"{question}/{scene.conversation.channel}"
            await scene.platform.show(trigger, review_cards.feedback_form(value, scene.texts))
        case "ask_person":
            await _ask_person(scene, principal, question)
        case "ask_privately":
            await _ask_privately(scene, question, button)
        case "share":
            await _share(scene, principal, question)
        case "keep":
            await scene.whisper(scene.texts("kept"))
        case "why":
            await why(scene, principal, question)
        case _:
            raise Rejected(f"There is no button {button.action!r}.")


async def submitted(scene: Scene, form: Submitted) -> None:
    """Feedback that says what was wrong, on an answer that was read in the channel that the form names."""
    question, _, channel = form.value.partition("/")
    here = replace(scene.conversation, channel=channel)
    principal = await present.asker(scene, await scene.brain.rules(scene.tenant, here))
    if principal is None:
        raise Denied(scene.texts("not_a_member"))
    reason, comment = Reason(form.fields["reason"]), form.fields.get("comment", "")
    await scene.brain.feedback(
        principal, QuestionId(UUID(question)), here=here, reason=reason, comment=comment
    )
    await scene.whisper(scene.texts("thanks_wrong"))


async def why(scene: Scene, principal: Principal, question: QuestionId) -> None:
    known = await _seen(scene, principal, question)
    await scene.whisper(messages.why(known.reply, scene.texts))


async def why_here(scene: Scene, principal: Principal) -> None:
    """Of the last question in this thread; of one's last question, where it is none or has none."""
    if scene.conversation.thread:
        thread = await scene.brain.thread(scene.tenant, replace(scene.conversation, reader=""))
        if thread.question is not None:
            await why(scene, principal, thread.question)
            return
    reply = await scene.brain.last_asked(principal, here=scene.conversation)
    await scene.whisper(messages.why(reply, scene.texts) if reply else scene.texts("why_none"))


async def _why_message(scene: Scene, principal: Principal, button: Pressed) -> None:
    key = await scene.brain.key_of(scene.tenant, scene.conversation, id_=button.message)
    if key is not None and key.startswith("question/"):
        await why(scene, principal, QuestionId(UUID(key.split("/")[1])))
    else:
        await why_here(scene, principal)


async def _ask_person(scene: Scene, principal: Principal, question: QuestionId) -> None:
    try:
        number = await scene.brain.ask_person(principal, question)
    except Missing as error:
        raise Denied(scene.texts("not_your_question")) from error
    await scene.whisper(scene.texts("asked_person", number=number))


async def _ask_privately(scene: Scene, question: QuestionId, button: Pressed) -> None:
    """What not everybody here may read, whoever presses it may: the same question, theirs alone."""
    if scene.principal is None:
        raise Denied(scene.texts("not_a_member"))
    await _seen(scene, scene.principal, question)
    meant = await scene.brain.restated(scene.tenant, question)
    if meant is None:
        raise Missing(scene.texts("why_none"))
    await scene.whisper(scene.texts("asking_privately"))
    asking = Asking(
        text=meant.text[:MAX_CHARACTERS],
        attachments=meant.attachments,
        idempotency_key=scene.inbound.delivery,
        place=replace(scene.conversation, reader=scene.inbound.author),
        reply_to=button.reply_to,
    )
    await scene.brain.ask(scene.principal, asking)


async def _share(scene: Scene, principal: Principal, question: QuestionId) -> None:
    """What was for the asker alone, for the channel: where everybody there may read what it rests on."""
    standing = await scene.brain.standing(scene.tenant, question)
    answer = standing.reply.answer if standing else None
    asked_in = standing.conversation if standing else None
    if standing is None or answer is None or asked_in is None or standing.asker.id != principal.member.id:
        raise Missing(scene.texts("why_none"))
    if answer.status is not AnswerStatus.PUBLISHED:
        raise Denied(scene.texts("gone"))
    where = replace(asked_in, reader="")

    async def holds() -> bool:
        """What was withdrawn meanwhile would never be taken back."""
        return standing == await scene.brain.standing(scene.tenant, question)

    try:
        allowed = await present.readable(scene.brain, scene.platform, scene.tenant, where)
        if not answer.scope <= allowed:
            await scene.whisper(scene.texts("hidden"))
            return
        said = messages.shared(standing, scene.texts)
        await scene.posting.say(shared_as(question), where, said, holds=holds)
    except Rejected as error:
        raise Rejected(scene.texts("not_in_channel")) from error
    await scene.whisper(scene.texts("shared"))


async def _seen(scene: Scene, principal: Principal, question: QuestionId) -> Standing:
    try:
        return await scene.brain.seen(principal, question, here=scene.conversation)
    except Missing as error:
        raise Missing(scene.texts("why_none")) from error

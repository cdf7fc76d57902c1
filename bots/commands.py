"""What people can do with the bot on any platform: ask, follow up, judge, say what they think, look why."""

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

from bots import messages, review_cards, reviewing
from bots.asking import question_like
from bots.chat_platform import (
    ChatPlatform,
    Heard,
    Inbound,
    Message,
    Opened,
    Place,
    Pressed,
    Prompts,
    Removed,
    Said,
    Submitted,
    Trigger,
)
from bots.reading import read_files
from bots.scene import Scene
from bots.setting_up import read_rules
from bots.texts import texts_for
from brain.client import Asking, Brain
from brain.domain.clock import WorkingHours, moment_after
from brain.domain.conversation import (
    Answering,
    ChannelRules,
    Conversation,
    DeliveryId,
    Identity,
    MayAsk,
)
from brain.domain.errors import Conflict, Denied, Missing, Rejected
from brain.domain.identity import Audience, Principal, TenantId
from brain.domain.question import QuestionId
from brain.domain.records import Reason
from brain.domain.review import ReviewId

_LISTED = 5
_WORDS = ("help", "why", "status", "setup")


@dataclass(frozen=True, slots=True)
class Commands:
    """`command` is what people type before a word of theirs."""

    brain: Brain
    platform: ChatPlatform
    tenant: TenantId
    command: str = "/expert"

    async def hear(self, delivery: DeliveryId, inbound: Inbound) -> bool:
        """Do what is to be done about it; safe to repeat. False where what was said is still needed.

        What is wrong with it, the one who did it is told.
        """
        if isinstance(inbound.what, Removed):
            where = inbound.conversation
            await self.brain.leave(self.tenant, where.platform, workspace=where.workspace)
            return True
        scene = await self._scene(delivery, inbound)
        try:
            return await self._do(scene)
        except (Denied, Conflict, Missing, Rejected) as error:
            await scene.whisper(str(error))
            return True

    async def _scene(self, delivery: DeliveryId, inbound: Inbound) -> Scene:
        workspace = inbound.author_workspace or inbound.conversation.workspace
        identity = Identity(inbound.conversation.platform, workspace, inbound.author, bot=True)
        if not inbound.bot:
            identity = await self.platform.people.person(inbound.conversation.workspace, inbound.author)
        principal = await self.brain.recognise(self.tenant, identity)
        return Scene(
            self.brain,
            self.platform,
            self.tenant,
            delivery,
            inbound,
            identity,
            principal,
            texts_for(identity.locale),
        )

    async def _do(self, scene: Scene) -> bool:
        what = scene.inbound.what
        if isinstance(what, Said):
            return await self._said(scene, what)
        if scene.principal is None:
            await scene.whisper(scene.texts("not_a_member"))
        elif isinstance(what, Opened):
            await self._greet(scene, scene.principal, what.place)
        elif isinstance(what, Pressed):
            await self._pressed(scene, scene.principal, what)
        elif isinstance(what, Submitted):
            await self._submitted(scene, scene.principal, what)
        return True

    # What people say.

    async def _said(self, scene: Scene, said: Said) -> bool:
        if said.heard is Heard.OVERHEARD:
            return await self._overheard(scene, said)
        word, text = _command(said)
        if word != "ask":
            await self._word(scene, word, said)
        elif not text and not said.files:
            await scene.whisper(scene.texts("empty_question"))
        else:
            if scene.conversation.thread:
                await self.brain.step_back(self.tenant, scene.conversation, back=False)
            await self._ask(scene, replace(said, text=text), await self._rules(scene))
        return True

    async def _overheard(self, scene: Scene, said: Said) -> bool:
        """What nobody said to the bot may be a word about a review, a follow-up, or a question for all."""
        where = scene.conversation
        if said.message != where.thread:
            key = await self.brain.key_of(self.tenant, where, id_=where.thread)
            if key is not None and key.startswith("review/"):
                if scene.principal is None or scene.inbound.bot:
                    return True
                review = ReviewId(UUID(key.split("/")[1]))
                return await reviewing.wrote(scene, scene.principal, review, said)
            await self._in_thread(scene, said)
            return True
        rules = await self._rules(scene)
        if rules is not None and _wants_answer(rules, scene, said):
            await self._ask(scene, said, rules, overheard=rules.least_confidence)
        return True

    async def _in_thread(self, scene: Scene, said: Said) -> None:
        """A follow-up needs no mention; once a person has taken over, the bot keeps out of it."""
        thread = await self.brain.thread(self.tenant, scene.conversation)
        if not thread.askers or thread.stepped_back or scene.inbound.bot:
            return
        own = scene.principal is not None and scene.principal.member.id in thread.askers
        if (own and thread.asked_back) or question_like(said.text, addressed=bool(said.mentions)):
            await self._ask(scene, said, await self._rules(scene))
        elif not own and await self.brain.step_back(self.tenant, scene.conversation, back=True):
            await scene.say(Message(scene.texts("took_over")))

    async def _ask(
        self, scene: Scene, said: Said, rules: ChannelRules | None, *, overheard: float | None = None
    ) -> None:
        asker = await self._asker(scene, rules)
        if asker is None:
            if overheard is None:
                name = "not_a_member" if rules is None else "not_for_guests"
                await scene.whisper(scene.texts(name))
            return
        audience = await self._audience(scene, asker, rules)
        if audience.outsiders and not audience.departments:
            if overheard is None:
                await scene.whisper(scene.texts("outsiders_here"))
            return
        departments = await self.brain.departments(self.tenant)
        of_channel = next((one for one in departments if rules and one.id == rules.department), None)
        await self.brain.ask(
            asker,
            Asking(
                text=said.text,
                department=of_channel.slug if of_channel and audience.reads(of_channel) else None,
                idempotency_key=scene.inbound.twin or scene.inbound.delivery,
                place=scene.conversation,
                audience=audience,
                overheard=overheard,
                reply_to=said.reply_to,
                attachments=await read_files(scene, said),
            ),
        )

    async def _asker(self, scene: Scene, rules: ChannelRules | None) -> Principal | None:
        """Members, and whom the channel's rules let ask."""
        if scene.principal is not None:
            return scene.principal
        everyone = rules is not None and rules.may_ask is MayAsk.EVERYONE
        alert = rules is not None and rules.alerts and scene.inbound.bot
        if everyone or alert:
            return await self.brain.welcome(self.tenant, scene.identity)
        return None

    async def _audience(self, scene: Scene, asker: Principal, rules: ChannelRules | None) -> Audience:
        where = scene.conversation
        if scene.principal is not None and (scene.inbound.direct or where.reader):
            return asker.audience
        readers = [scene.identity] if where.reader else await self.platform.people.readers(where)
        return await self.brain.audience(self.tenant, readers, rules)

    async def _rules(self, scene: Scene) -> ChannelRules | None:
        return await self.brain.rules(self.tenant, scene.conversation)

    async def _word(self, scene: Scene, word: str, said: Said) -> None:
        if word == "help":
            await scene.whisper(messages.help_text(scene.texts, command=self.command))
        elif scene.principal is None:
            await scene.whisper(scene.texts("not_a_member"))
        elif word == "setup":
            await self._set_up(scene, scene.principal, said)
        else:
            replies = await self.brain.replies(scene.principal, limit=_LISTED)
            if word == "status":
                await scene.whisper(messages.status(replies, scene.texts))
            elif replies:
                await scene.whisper(messages.why(replies[0], scene.texts))
            else:
                await scene.whisper(scene.texts("why_none"))

    async def _set_up(self, scene: Scene, principal: Principal, said: Said) -> None:
        departments = await self.brain.administered(principal)
        if not departments:
            raise Denied(scene.texts("set_up_denied"))
        rules = await self._rules(scene)
        where = scene.conversation
        form = review_cards.setup_form(departments, rules, scene.texts, channel=where.channel)
        await self.platform.show(Trigger(where.workspace, said.trigger), form)

    # What people press and fill in.

    async def _pressed(self, scene: Scene, principal: Principal, button: Pressed) -> None:
        if button.action in reviewing.BUTTONS:
            await reviewing.pressed(scene, principal, button)
            return
        if button.action == "why_message":
            await self._why_message(scene, principal, button)
            return
        question = QuestionId(UUID(button.value))
        match button.action:
            case "helpful":
                await self.brain.feedback(principal, question, helpful=True)
                await scene.whisper(scene.texts("thanks"))
            case "not_helpful":
                trigger = Trigger(scene.conversation.workspace, button.trigger)
                form = review_cards.feedback_form(button.value, scene.texts)
                await self.platform.show(trigger, form)
            case "ask_person":
                number = await self.brain.ask_person(principal, question)
                await scene.whisper(scene.texts("asked_person", number=number))
            case "share":
                await self._share(scene, principal, question)
            case "keep":
                await scene.whisper(scene.texts("kept"))
            case "why":
                await self._why(scene, principal, question)
            case _:
                raise Rejected(f"There is no button {button.action!r}.")

    async def _why_message(self, scene: Scene, principal: Principal, button: Pressed) -> None:
        """Of the message it was pressed at; of one's last question, where that is none of ours."""
        key = await self.brain.key_of(self.tenant, scene.conversation, id_=button.message)
        if key is not None and key.startswith("question/"):
            await self._why(scene, principal, QuestionId(UUID(key.split("/")[1])))
        else:
            await self._word(scene, "why", Said("", Heard.COMMAND))

    async def _why(self, scene: Scene, principal: Principal, question: QuestionId) -> None:
        standing = await self.brain.standing(self.tenant, question)
        if standing is None:
            raise Missing(scene.texts("why_none"))
        own = standing.asker.id == principal.member.id
        if not own and (standing.conversation is None or standing.conversation.reader):
            raise Missing(scene.texts("why_none"))
        await scene.whisper(messages.why(standing.reply, scene.texts))

    async def _share(self, scene: Scene, principal: Principal, question: QuestionId) -> None:
        """What was for the asker alone, for the channel: where everybody there may read what it rests on."""
        standing = await self.brain.standing(self.tenant, question)
        answer = standing.reply.answer if standing else None
        if standing is None or answer is None or standing.asker.id != principal.member.id:
            raise Missing(scene.texts("why_none"))
        where = Conversation(
            scene.conversation.platform, scene.conversation.workspace, scene.conversation.channel
        )
        readers = await self.platform.people.readers(where)
        audience = await self.brain.audience(self.tenant, readers, await self._rules(scene))
        departments = await self.brain.departments(self.tenant)
        if not answer.scope <= {one.id for one in departments if audience.reads(one)}:
            raise Denied(scene.texts("hidden"))
        shared = messages.about(standing, scene.texts)
        note = f"{shared.note} · {scene.texts('shared_by', person=standing.asker.name)}"
        asked = messages.cut(standing.reply.question.text)
        await scene.posting.say(f"question/{question}/shared", where, replace(shared, asked=asked, note=note))
        await scene.whisper(scene.texts("shared"))

    async def _submitted(self, scene: Scene, principal: Principal, form: Submitted) -> None:
        if form.form in reviewing.FORMS:
            await reviewing.submitted(scene, principal, form)
        elif form.form == "feedback":
            await self.brain.feedback(
                principal,
                QuestionId(UUID(form.value)),
                helpful=False,
                reason=Reason(form.fields["reason"]),
                comment=form.fields.get("comment", ""),
            )
            await scene.whisper(scene.texts("thanks_wrong"))
        elif form.form == "setup":
            departments = await self.brain.administered(principal)
            rules = read_rules(form.fields, departments, scene.texts)
            where = replace(scene.conversation, channel=form.value, thread="", reader="")
            await self.brain.set_up(principal, where, rules)
            name = next(one.name for one in departments if one.id == rules.department)
            said = scene.texts(f"setup_{rules.answers.value}")
            await scene.whisper(scene.texts("set_up_done", department=name, rules=said))
        else:
            raise Rejected(f"There is no form {form.form!r}.")

    async def _greet(self, scene: Scene, principal: Principal, place: Place) -> None:
        if place is Place.HOME:
            await self.show_home(scene, principal)
            return
        texts = scene.texts
        prompts = tuple(
            (texts(f"prompt_{one}"), texts(f"prompt_{one}_text")) for one in ("how", "who", "error")
        )
        await self.platform.show(scene.conversation, Prompts(texts("prompts_title"), prompts))

    async def show_home(self, scene: Scene, principal: Principal) -> None:
        replies = await self.brain.replies(principal, limit=20)
        mine = [
            one for one in await self.brain.reviews(principal) if one.review.assignee == principal.member.id
        ]
        learned = await self.brain.learned(principal)
        home = messages.home(replies, mine, datetime.now(UTC), learned, scene.texts)
        await self.platform.show(replace(scene.conversation, reader=scene.inbound.author), home)


def _wants_answer(rules: ChannelRules, scene: Scene, said: Said) -> bool:
    """Whether the bot may speak where nobody spoke to it."""
    if scene.inbound.bot:
        return rules.alerts and bool(said.text)
    asked = question_like(said.text, addressed=bool(said.mentions))
    return rules.answers is Answering.QUESTIONS and asked and _awake(rules.talks_in)


def _awake(hours: WorkingHours | None) -> bool:
    now = datetime.now(UTC)
    return hours is None or moment_after(now, now - now, hours) == now


def _command(said: Said) -> tuple[str, str]:
    """The word of a command with the rest; what begins with none of them is asked."""
    first, _, rest = said.text.strip().partition(" ")
    word = re.sub(r"\W", "", first).lower()
    if said.heard is Heard.COMMAND and not said.text.strip() and not said.files:
        return "help", ""
    if word in _WORDS and not rest.strip():
        return word, ""
    if said.heard is Heard.COMMAND and word == "ask":
        return "ask", rest.strip()
    return "ask", said.text.strip()

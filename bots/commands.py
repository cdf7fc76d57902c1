"""What people can do with the bot on any platform: ask, follow up, judge, say what they think, look why."""

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import ceil
from uuid import UUID

from bots import homes, messages, present, responding, review_cards, reviewing
from bots.asking import question_like, takes_over
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
    TooLate,
    Trigger,
)
from bots.reading import read_files
from bots.scene import Scene
from bots.setting_up import read_rules
from bots.texts import texts_for
from brain.client import MAX_CHARACTERS, Asking, Brain
from brain.domain.clock import WorkingHours, moment_after
from brain.domain.conversation import (
    Answering,
    ChannelRules,
    DeliveryId,
    Identity,
)
from brain.domain.errors import Denied, Rejected, TooFast
from brain.domain.identity import Audience, Department, Principal, TenantId
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
            where, at = inbound.conversation, inbound.what.at
            # What was installed within that second goes too.
            before = datetime.fromtimestamp(at + 1, UTC) if at else None
            await self.brain.leave(self.tenant, where.platform, workspace=where.workspace, before=before)
            return True
        if not await self._concerns(inbound):
            return True
        scene = await self._scene(delivery, inbound)
        try:
            return await self._do(scene)
        except TooLate:
            await scene.whisper(scene.texts("too_late_form"))
        except (Denied, Rejected) as error:
            await scene.reply(str(error))
        return True

    async def _concerns(self, inbound: Inbound) -> bool:
        """Most of what is not said to the bot is nothing for it: found out before who said it."""
        said, where = inbound.what, inbound.conversation
        if not isinstance(said, Said) or said.heard is not Heard.OVERHEARD:
            return True
        if said.message != where.thread:
            return await self.brain.takes_part(self.tenant, where)
        rules = await self.brain.rules(self.tenant, where)
        return rules is not None and _wants_answer(rules, inbound, said)

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
        if isinstance(what, Pressed):
            await self._pressed(scene, what)
        elif isinstance(what, Submitted):
            await self._submitted(scene, what)
        elif isinstance(what, Opened):
            await self._greet(scene, what.place)
        return True

    # What people say.

    async def _said(self, scene: Scene, said: Said) -> bool:
        review = await self._review(scene, said)
        if review is not None and scene.principal is not None:
            try:
                about = await reviewing.wrote(scene, scene.principal, review, said)
            except (Denied, Rejected) as error:
                await scene.whisper(str(error))
                return True
            if about is not reviewing.Word.TALK:
                return about is reviewing.Word.DONE
        if said.heard is Heard.OVERHEARD:
            if review is None:
                await self._overheard(scene, said)
            return True
        word, text = _command(said)
        if word != "ask":
            await self._word(scene, word, said)
        elif not text and not said.files:
            await scene.reply(scene.texts("empty_question"))
        else:
            if scene.conversation.thread:
                await self.brain.step_back(self.tenant, scene.conversation, back=False)
            await self._ask(scene, replace(said, text=text), await self._rules(scene))
        return True

    async def _review(self, scene: Scene, said: Said) -> ReviewId | None:
        """The one in the thread of whose card that was said."""
        thread = scene.conversation.thread
        # What a shortcut brings are somebody else's words.
        asked = said.heard in (Heard.COMMAND, Heard.SHORTCUT)
        if scene.inbound.bot or asked or thread in ("", said.message):
            return None
        key = await self.brain.key_of(self.tenant, scene.conversation, id_=thread)
        return ReviewId(UUID(key.split("/")[1])) if key and key.startswith("review/") else None

    async def _overheard(self, scene: Scene, said: Said) -> None:
        """What nobody said to the bot may be a follow-up, or a question for all."""
        if said.message != scene.conversation.thread:
            await self._in_thread(scene, said)
            return
        rules = await self._rules(scene)
        if rules is not None and _wants_answer(rules, scene.inbound, said):
            await self._ask(scene, said, rules, overheard=rules.least_confidence)

    async def _in_thread(self, scene: Scene, said: Said) -> None:
        """A follow-up needs no mention; once a person has taken over, the bot keeps out of it."""
        thread = await self.brain.thread(self.tenant, scene.conversation)
        if not thread.askers or thread.stepped_back or scene.inbound.bot:
            return
        rules = await self._rules(scene)
        own = scene.principal is not None and scene.principal.member.id in thread.askers
        if (own and thread.asked_back) or question_like(said.text, addressed=bool(said.mentions)):
            if await present.asker(scene, rules) is not None:
                await self._ask(scene, said, rules)
        elif not own and takes_over(said.text):
            took_over = Message(scene.texts("took_over"))
            key = f"question/{thread.question}/stepped_back"
            await scene.posting.say(key, scene.conversation, took_over)
            await self.brain.step_back(self.tenant, scene.conversation, back=True)

    async def _ask(
        self, scene: Scene, said: Said, rules: ChannelRules | None, *, overheard: float | None = None
    ) -> None:
        asker = await present.asker(scene, rules)
        audience = await present.audience(scene, asker, rules) if asker else None
        if asker is None or audience is None:
            guest = rules is not None and scene.identity.guest
            problem = scene.texts("not_for_guests" if guest else "not_a_member")
        elif audience.outsiders and not audience.departments:
            problem = scene.texts("outsiders_here")
        elif len(said.text) > MAX_CHARACTERS:
            problem = scene.texts("too_long", characters=len(said.text), most=MAX_CHARACTERS)
        else:
            department = await self._department(rules, audience)
            asking = Asking(
                text=said.text,
                department=department.slug if department else None,
                idempotency_key=scene.inbound.twin or scene.inbound.delivery,
                place=scene.conversation,
                audience=audience,
                overheard=overheard,
                reply_to=said.reply_to,
                attachments=await read_files(scene, said),
            )
            try:
                await self.brain.ask(asker, asking)
            except TooFast as error:
                problem = scene.texts("too_fast", seconds=ceil(error.retry_after_s))
            else:
                return
        if overheard is None:
            await scene.reply(problem)

    async def _department(self, rules: ChannelRules | None, audience: Audience) -> Department | None:
        """The channel's, where those who read the answer may read what it knows."""
        departments = await self.brain.departments(self.tenant) if rules else []
        of_channel = next((one for one in departments if rules and one.id == rules.department), None)
        return of_channel if of_channel and audience.reads(of_channel) else None

    async def _rules(self, scene: Scene) -> ChannelRules | None:
        return await self.brain.rules(self.tenant, scene.conversation)

    async def _word(self, scene: Scene, word: str, said: Said) -> None:
        principal = await present.asker(scene, await self._rules(scene))
        if word == "help":
            await scene.whisper(messages.help_text(scene.texts, command=self.command))
        elif principal is None:
            await scene.whisper(scene.texts("not_a_member"))
        elif word == "setup":
            await self._set_up(scene, principal, said)
        elif word == "why":
            await responding.why_here(scene, principal)
        else:
            replies = await self.brain.replies(principal, limit=_LISTED)
            await scene.whisper(messages.status(replies, scene.texts))

    async def _set_up(self, scene: Scene, principal: Principal, said: Said) -> None:
        departments = await self.brain.administered(principal)
        if not departments:
            raise Denied(scene.texts("set_up_denied"))
        where = scene.conversation
        if not said.trigger or not where.channel:
            await scene.whisper(scene.texts("set_up_where", command=self.command))
            return
        form = review_cards.setup_form(
            departments, await self._rules(scene), scene.texts, channel=where.channel
        )
        await self.platform.show(Trigger(where.workspace, said.trigger), form)

    # What people press and fill in.

    async def _pressed(self, scene: Scene, button: Pressed) -> None:
        principal = await present.asker(scene, await self._rules(scene))
        if principal is None:
            raise Denied(scene.texts("not_a_member"))
        if button.action in reviewing.BUTTONS:
            await reviewing.pressed(scene, principal, button)
        else:
            await responding.pressed(scene, principal, button)

    async def _submitted(self, scene: Scene, form: Submitted) -> None:
        if form.form in responding.FORMS:
            await responding.submitted(scene, form)
        elif scene.principal is None:
            raise Denied(scene.texts("not_a_member"))
        elif form.form in reviewing.FORMS:
            await reviewing.submitted(scene, scene.principal, form)
        elif form.form == "setup":
            await self._save_rules(scene, scene.principal, form)
        else:
            raise Rejected(f"There is no form {form.form!r}.")

    async def _save_rules(self, scene: Scene, principal: Principal, form: Submitted) -> None:
        departments = await self.brain.administered(principal)
        rules = read_rules(form.fields, departments, scene.texts)
        where = replace(scene.conversation, channel=form.value, thread="", reader="")
        await self.brain.set_up(principal, where, rules)
        name = next(one.name for one in departments if one.id == rules.department)
        said = scene.texts(f"setup_{rules.answers.value}")
        await scene.whisper(scene.texts("set_up_done", department=name, rules=said))

    async def _greet(self, scene: Scene, place: Place) -> None:
        """Strangers find the reason where others find their questions; in the assistant, once they ask."""
        if place is Place.HOME:
            await homes.show(scene)
            return
        if scene.principal is None:
            return
        texts = scene.texts
        prompts = tuple(
            (texts(f"prompt_{one}"), texts(f"prompt_{one}_text")) for one in ("how", "who", "error")
        )
        await self.platform.show(scene.conversation, Prompts(texts("prompts_title"), prompts))


def may_concern(inbound: Inbound) -> bool:
    """Whether anything could come of it, as far as can be told from itself: of what people begin to talk
    about with each other, only a question could be for the bot."""
    said = inbound.what
    if not isinstance(said, Said) or said.heard is not Heard.OVERHEARD or inbound.bot:
        return True
    begins = said.message == inbound.conversation.thread
    return not begins or question_like(said.text, addressed=bool(said.mentions))


def _wants_answer(rules: ChannelRules, inbound: Inbound, said: Said) -> bool:
    """Whether the bot may speak where nobody spoke to it."""
    if not _awake(rules.talks_in):
        return False
    if inbound.bot:
        return rules.alerts and bool(said.text)
    asked = question_like(said.text, addressed=bool(said.mentions))
    return rules.answers is Answering.QUESTIONS and asked


def _awake(hours: WorkingHours | None) -> bool:
    now = datetime.now(UTC)
    return hours is None or moment_after(now, now - now, hours) == now


def asks(text: str) -> bool:
    """Whether what was typed after the command is a question, and no word of ours."""
    word, asked = _command(Said(text, Heard.COMMAND))
    return word == "ask" and bool(asked)


def _command(said: Said) -> tuple[str, str]:
    """The word of a command with the rest; what begins with none of them is asked."""
    text = said.text.strip()
    first, _, rest = text.partition(" ")
    word = re.sub(r"\W", "", first).lower()
    if said.heard is Heard.SHORTCUT:
        return "ask", text
    if said.heard is Heard.COMMAND and not text and not said.files:
        return "help", ""
    if word in _WORDS and not rest.strip():
        return word, ""
    if said.heard is Heard.COMMAND and word == "ask":
        return "ask", rest.strip()
    return "ask", text

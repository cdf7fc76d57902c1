"""People at their screens: what each of them does, and what each of them sees."""

import asyncio
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from demo.fake_slack import events, forms, views_api
from demo.fake_slack.content import checked_view
from demo.fake_slack.delivery import Attempt, Deliveries, Delivery, Kind
from demo.fake_slack.hooks import Hooks
from demo.fake_slack.reading import seen_text, typed, typed_blocks
from demo.fake_slack.records import (
    AssistantThread,
    Channel,
    Json,
    Message,
    StoredFile,
    User,
    View,
    Workspace,
)
from demo.fake_slack.refusal import Refused
from demo.fake_slack.screen import Said, Seen, message_of
from demo.fake_slack.web_api import WebApi
from demo.fake_slack.world import World

File = tuple[str, bytes, str]
Acknowledged = Callable[[Attempt], None]


@dataclass
class Stage:
    """What people act on."""

    world: World
    deliveries: Deliveries
    hooks: Hooks
    api: WebApi


class Person:
    """Somebody of a workspace. `errors` are what the last form said was wrong with it."""

    def __init__(self, stage: Stage, user: User) -> None:
        self._stage = stage
        self._world = stage.world
        self.user = user
        self.errors: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"Person({self.user.real_name!r})"

    @property
    def id(self) -> str:
        return self.user.id

    @property
    def mention(self) -> str:
        return self.user.mention

    @property
    def workspace(self) -> Workspace:
        """Where the app is that they talk to: strangers come to somebody else's."""
        return self._world.workspaces.get(self.user.team) or next(iter(self._world.workspaces.values()))

    @property
    def dm(self) -> Channel:
        return self._world.direct(self.workspace, self.user)

    # ---- what they say

    def says(
        self, channel: Channel, text: str, *, thread: Said | str | None = None, files: Sequence[File] = ()
    ) -> Message:
        """`@handle` in the text is a mention; `files` are each a name, the content and a media type."""
        handles = {one.name: one.id for one in self._world.users.values()}
        wire = typed(text, handles)
        message = Message(
            ts=self._world.ts(),
            channel=channel.id,
            team=self.user.team,
            user=self.user.id,
            text=wire,
            blocks=typed_blocks(wire) if wire else [],
            files=[self._stored(one) for one in files],
            client_msg_id=str(uuid.uuid4()),
            subtype="file_share" if files else "",
        )
        if thread is not None:
            message.thread_ts = thread if isinstance(thread, str) else message_of(thread).root
        if self.user.is_bot:
            message.bot_id, message.app_id, message.client_msg_id = self.user.bot_id, f"A{self.user.id}", ""
        return self._world.post(message)

    def _stored(self, file: File) -> StoredFile:
        name, content, media_type = file
        file_id = self._world.fresh("F")
        url = f"{self._world.base}/files-pri/{self.user.team}-{file_id}/{name}"
        created = int(self._world.now())
        stored = StoredFile(file_id, name, media_type, content, self.user.id, self.user.team, url, created)
        self._world.files[file_id] = stored
        return stored

    def edits(self, message: Message, text: str) -> None:
        before = message.to_slack()
        message.text = typed(text, {one.name: one.id for one in self._world.users.values()})
        message.blocks = typed_blocks(message.text)
        self._world.change(message, by=self.user.id, before=before)

    def deletes(self, message: Message) -> None:
        self._world.delete(message)

    def joins(self, channel: Channel) -> None:
        self._world.join(channel, self.user)

    def leaves(self, channel: Channel) -> None:
        self._world.leave(channel, self.user)

    def invites_bot(self, channel: Channel) -> None:
        self._world.join(channel, self.workspace.bot, inviter=self.user.id)

    def removes_bot(self, channel: Channel) -> None:
        self._world.leave(channel, self.workspace.bot)

    def stops(self, said: Said) -> None:
        """Presses the button that ends an answer which is still being written."""
        message = message_of(said)
        message.streaming, message.stopped = False, True
        self._world.touched()

    # ---- what they press

    def commands(self, command: str, text: str, channel: Channel) -> Delivery:
        """A slash command. Wait for what is returned to have it acknowledged."""
        if self.user.team != self.workspace.id:
            raise PermissionError("strangers have no commands of this workspace's apps")
        self._world.note_for(self.user, "command", channel.label, f"{command} {text}".strip())
        url = self._world.response_url("commands", self.workspace, channel, self.user)
        payload = events.command(self._world.app, self.workspace, self.user, channel) | {
            "command": command,
            "text": text,
            "response_url": url,
            "trigger_id": self._world.trigger(self.workspace, self.user),
        }

        def acknowledged(attempt: Attempt) -> None:
            if attempt.failure:
                failed = f"{command} failed because the app did not respond. ({attempt.failure})"
                self._world.note_for(self.user, "failure", channel.label, failed)
            else:
                self._stage.hooks.acknowledged(url, attempt.body)

        return self._deliver("slash_commands", payload, acknowledged)

    def clicks(self, on: Said | View, action_id: str, *, value: forms.Value | None = None) -> Delivery:
        """Presses a button, named by its action or label, or picks `value` in a menu."""
        block, element = forms.find(on.blocks, action_id, value)
        where = on.source["type"] if isinstance(on, View) else self._channel(on).label
        self._world.note_for(self.user, "click", where, element.get("text", {}).get("text") or str(value))
        if "confirm" in element:
            self._world.note_for(self.user, "confirm", where, element["confirm"]["text"]["text"])
        payload = self._interaction("block_actions") | {
            "actions": [forms.action(block, element, value, self._world.ts())],
        }
        if isinstance(on, View):
            payload |= {
                "view": on.to_slack(forms.state(on.blocks, {})),
                "container": events.view_container(on),
            }
            payload["trigger_id"] = self._world.trigger(self.workspace, self.user, on.id)
        else:
            payload |= self._acted_on(message_of(on), "actions")
            payload["container"] = events.container(self._channel(on), message_of(on))
            payload["state"] = {"values": forms.state(on.blocks, {})}
            if message_of(on).only_for:
                payload.pop("message")
        return self._deliver("interactive", payload, self._trouble)

    def shortcut(self, callback_id: str, on: Said | None = None) -> Delivery:
        """A shortcut on a message, or one from the menu."""
        where = self._channel(on).label if on else ""
        self._world.note_for(self.user, "shortcut", where, callback_id)
        more: Json = {"callback_id": callback_id, "action_ts": self._world.ts()}
        if on is None:
            return self._deliver("interactive", self._interaction("shortcut") | more, self._trouble)
        message = message_of(on)
        payload = self._interaction("message_action") | more | self._acted_on(message, "app")
        return self._deliver("interactive", payload | {"message_ts": message.ts}, self._trouble)

    def _interaction(self, kind: str) -> Json:
        trigger = self._world.trigger(self.workspace, self.user)
        return events.interaction(self._world.app, self.workspace, self.user, kind) | {"trigger_id": trigger}

    def _acted_on(self, message: Message, kind: str) -> Json:
        channel = self._world.channels[message.channel]
        url = self._world.response_url(kind, self.workspace, channel, self.user, message.ts)
        return {"channel": events.place(channel), "message": message.to_slack(), "response_url": url}

    def _channel(self, said: Said) -> Channel:
        return self._world.channels[message_of(said).channel]

    def _trouble(self, attempt: Attempt) -> None:
        if attempt.failure:
            self._world.note_for(self.user, "failure", "", "This app is not responding.")

    def _deliver(self, kind: Kind, payload: Json, acknowledged: Acknowledged) -> Delivery:
        delivery = self._stage.deliveries.deliver(kind, payload)

        def done(attempt: asyncio.Future[Attempt]) -> None:
            if not attempt.cancelled():
                acknowledged(attempt.result())

        delivery.done.add_done_callback(done)
        return delivery

    # ---- forms

    async def submits(self, view: View, values: Mapping[str, forms.Value]) -> dict[str, str]:
        """Fills in the form that is open, by block, action or label, and sends it: what was wrong with it."""
        state = forms.state(view.blocks, values)
        if wrong := [*forms.left_empty(view.blocks, state), *forms.too_long(view.blocks, state)]:
            raise LookupError(f"Slack does not send the form: {wrong}")
        self._world.note_for(self.user, "submit", "modal", str(dict(values)))
        payload = self._interaction("view_submission") | {"view": view.to_slack(state), "response_urls": []}
        payload["trigger_id"] = self._world.trigger(self.workspace, self.user, view.id)
        attempt = await self._deliver("interactive", payload, self._trouble)
        self.errors = {}
        if not attempt.failure:
            try:
                self._answered(view, attempt.body or {})
            except Refused as refused:
                problem = " ".join([refused.error, *refused.problems])
                self._stage.api.violate("view_submission", problem, attempt.body)
        return self.errors

    def _answered(self, view: View, body: Json) -> None:
        stack = self._world.views.setdefault(self.user.id, [])
        match body.get("response_action"):
            case None:
                if view in stack:
                    stack.remove(view)
            case "clear":
                stack.clear()
            case "errors":
                known = {one["block_id"] for one in view.blocks if one["type"] == "input"}
                if not body["errors"] or body["errors"].keys() - known:
                    raise Refused("invalid_errors", str(body["errors"]))
                self.errors = view.errors = body["errors"]
                self._world.note_for(self.user, "errors", "modal", "; ".join(self.errors.values()))
            case "update":
                source = checked_view(body["view"], "modal", self._world.fresh("b"))
                views_api.replace_view(self._world, view, source)
            case "push":
                source = checked_view(body["view"], "modal", self._world.fresh("b"))
                pushed = views_api.new_view(self._world, self.workspace.id, self.user.id, source)
                pushed.root, pushed.previous = view.root or view.id, view.id
                stack.append(pushed)
                views_api.show(self._world, pushed, "modal")
            case other:
                raise Refused("invalid_response_action", str(other))

    def closes(self, view: View) -> Delivery | None:
        """Cancels a form; the app is told where it asked for that."""
        self._world.views[self.user.id].remove(view)
        if not view.source.get("notify_on_close"):
            return None
        payload = self._interaction("view_closed") | {"view": view.to_slack(), "is_cleared": False}
        payload.pop("trigger_id")
        return self._deliver("interactive", payload, self._trouble)

    @property
    def view(self) -> View | None:
        """The form that is open, the uppermost of several."""
        stack = self._world.views.get(self.user.id, [])
        return stack[-1] if stack else None

    # ---- places

    def opens_home(self, tab: str = "home") -> Channel:
        event: Json = {"type": "app_home_opened", "user": self.user.id, "channel": self.dm.id, "tab": tab}
        event["event_ts"] = self._world.ts()
        if tab == "home" and self.home is not None:
            event["view"] = self.home.to_slack()
        self._world.tell_workspace(self.workspace, event)
        return self.dm

    @property
    def home(self) -> View | None:
        return self._world.homes.get((self.workspace.id, self.user.id))

    def opens_assistant(self, beside: Channel | None = None) -> AssistantThread:
        """Opens the assistant container, `beside` the channel that is on the screen."""
        bot = self.workspace.bot
        root = Message(
            self._world.ts(), self.dm.id, bot.team, bot.id, "New Assistant Thread", bot_id=bot.bot_id
        )
        root.subtype = "assistant_app_thread"
        root.thread_ts = root.ts
        self.dm.add(root)
        thread = AssistantThread(self.dm.id, root.ts, self.user.id)
        self._world.assistants.append(thread)
        self._tell_assistant("assistant_thread_started", thread, beside)
        return thread

    def turns_to(self, channel: Channel, thread: AssistantThread) -> None:
        """Looks at another channel while the assistant container is open."""
        self._tell_assistant("assistant_thread_context_changed", thread, channel)

    def _tell_assistant(self, kind: str, thread: AssistantThread, beside: Channel | None) -> None:
        context: Json = {}
        if beside is not None:
            context = {"channel_id": beside.id, "team_id": self.workspace.id, "enterprise_id": None}
        told = {
            "user_id": self.user.id,
            "context": context,
            "channel_id": thread.channel,
            "thread_ts": thread.ts,
        }
        event = {"type": kind, "assistant_thread": told, "event_ts": self._world.ts()}
        self._world.tell_workspace(self.workspace, event)

    # ---- what they see

    def sees(self, channel: Channel, *, thread: Said | str | None = None) -> list[Seen]:
        """What a channel shows to this person, in order; or the part of it that is one thread."""
        root = "" if thread is None else thread if isinstance(thread, str) else message_of(thread).root
        return [
            self._seen(one)
            for one in channel.messages
            if not one.deleted and self._world.sees(self.user, channel, one) and root in {"", one.root}
        ]

    async def hears(self, words: str, channel: Channel | None = None, *, timeout_s: float = 10.0) -> Seen:
        """Waits for a message with these words, in that channel or anywhere, and gives the newest."""

        def heard() -> Seen | None:
            places = [channel] if channel else self._world.channels.values()
            seen = [one for place in places if self.id in place.members for one in self.sees(place)]
            return next((one for one in reversed(seen) if words in one.text), None)

        return await self._world.until(heard, timeout_s)

    def _seen(self, one: Message) -> Seen:
        return Seen(
            ts=one.ts,
            thread_ts=one.thread_ts,
            author=self._world.name(one.user),
            text=self._world.reading(one),
            ephemeral=bool(one.only_for),
            edited=one.edited is not None,
            blocks=one.blocks,
            message=one,
        )

    def reads(self, view: View | None) -> str:
        """What a form or the Home shows."""
        return seen_text("", view.blocks, self._world.name) if view else ""

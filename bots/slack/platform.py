"""Slack as one of our chat platforms: posts, edits, forms and files."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakValueDictionary

from bots.chat_platform import (
    Capability,
    File,
    Form,
    Home,
    Message,
    Prompts,
    Status,
    TooLate,
    Trigger,
    Unknown,
)
from bots.slack import streams, views
from bots.slack.blocks import Part, parts
from bots.slack.calls import Calls, Refused
from bots.slack.people import SlackPeople
from brain.domain.conversation import Conversation, MessageRef
from brain.domain.errors import ExpertError, Rejected, Unavailable

_EVENT = "expert_message"
_LARGEST_FILE = 20 * 2**20
# What is looked for was posted a moment ago.
_PAGES = 5
_DAY_S = 86400.0
_REPLIES = 3
_GONE = ("message_not_found", "cant_delete_message")
_TOO_LATE = ("expired_trigger_id", "exchanged_trigger_id", "invalid_trigger_id")


@dataclass(slots=True)
class SlackPlatform:
    calls: Calls
    people: SlackPeople = field(init=False)
    name: str = "slack"
    can: Capability = (
        Capability.THREADS
        | Capability.BUTTONS
        | Capability.FORMS
        | Capability.EDIT
        | Capability.EPHEMERAL
        | Capability.STREAM
        | Capability.FILES
        | Capability.HOME
    )
    # One at a time in each thread, so that what is said first is read first.
    _turns: WeakValueDictionary[Conversation, asyncio.Lock] = field(default_factory=WeakValueDictionary)

    def __post_init__(self) -> None:
        self.people = SlackPeople(self.calls)

    async def post(
        self, to: Conversation, message: Message, *, key: str, reply_to: str = ""
    ) -> Sequence[MessageRef]:
        pieces = parts(message)
        if reply_to:
            return await self._reply(to, pieces, key=key, address=reply_to)
        return await self._post(to, pieces, key=key, first=0)

    async def find(self, to: Conversation, *, key: str) -> Sequence[MessageRef]:
        """By the metadata that every message of ours has."""
        found: dict[int, str] = {}
        method = "conversations.replies" if to.thread else "conversations.history"
        # A thread is told from its beginning, however long it is.
        more: dict[str, Any] = {"ts": to.thread, "oldest": f"{time.time() - _DAY_S:.6f}"} if to.thread else {}
        for _ in range(_PAGES):
            page = await self.calls.call(
                to.workspace, method, channel=to.channel, include_all_metadata=True, limit=100, **more
            )
            for message in page.get("messages", []):
                payload = _ours(message)
                if payload.get("key") == key:
                    found[int(payload.get("part", 0))] = message["ts"]
            begun = streams.begun(page.get("messages", [])) if _streams(to) and not found else None
            if begun is not None:
                await streams.end(self.calls, MessageRef(to.workspace, to.channel, begun))
                found[0] = begun
            cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor or (found and not to.thread):
                break
            more["cursor"] = cursor
        return [MessageRef(to.workspace, to.channel, found[part]) for part in sorted(found)]

    async def edit(
        self, refs: Sequence[MessageRef], to: Conversation, message: Message, *, key: str
    ) -> Sequence[MessageRef]:
        """What has become longer goes on in new messages; what has become shorter leaves none behind."""
        pieces = parts(message)
        for number, (ref, piece) in enumerate(zip(refs, pieces, strict=False)):
            try:
                await streams.finish(self.calls, ref, piece, metadata=_metadata(key, number))
            except Refused as error:
                if error.code not in _GONE:
                    raise
        for ref in refs[len(pieces) :]:
            await self._take_away(ref)
        new = await self._post(to, pieces[len(refs) :], key=key, first=len(refs))
        return [*refs[: len(pieces)], *new]

    async def show(self, to: Conversation | Trigger, what: Form | Home | Prompts | Status) -> None:
        match to, what:
            case Trigger(), Form():
                await self._open(to, what)
            case Conversation(), Home():
                await self.calls.call(to.workspace, "views.publish", user_id=to.reader, view=views.home(what))
            case Conversation(), Prompts():
                await self.calls.call(
                    to.workspace,
                    "assistant.threads.setSuggestedPrompts",
                    channel_id=to.channel,
                    thread_ts=to.thread,
                    **views.prompts(what),
                )
            case Conversation(), Status() if _streams(to):
                await self.calls.call(
                    to.workspace,
                    "assistant.threads.setStatus",
                    channel_id=to.channel,
                    thread_ts=to.thread,
                    status=what.text,
                )
            case _:
                raise Rejected("This cannot be shown there.")

    async def fetch_file(self, workspace: str, file: File) -> bytes:
        if file.size > _LARGEST_FILE:
            raise Rejected(f"{file.name} is larger than {_LARGEST_FILE // 2**20} MB.")
        known = await self.calls.call(workspace, "files.info", file=file.id)
        found = known.get("file") or {}
        address = found.get("url_private_download") or found.get("url_private") or ""
        return await self.calls.download(workspace, address, most=_LARGEST_FILE)

    async def _post(
        self, to: Conversation, pieces: Sequence[Part], *, key: str, first: int
    ) -> list[MessageRef]:
        posted: list[MessageRef] = []
        place = Conversation(to.platform, to.workspace, to.channel, to.thread)
        async with self._turns.setdefault(place, asyncio.Lock()):
            for number, piece in enumerate(pieces, start=first):
                try:
                    posted.append(await self._begin(to, piece, metadata=_metadata(key, number)))
                except ExpertError as error:
                    if posted:  # some of it is there: look before anything is posted again
                        raise Unknown(str(error), getattr(error, "retry_after_s", 0.5)) from error
                    raise
        return posted

    async def _begin(self, to: Conversation, piece: Part, *, metadata: dict[str, Any]) -> MessageRef:
        """As a stream where that is possible."""
        if _streams(to):
            try:
                return await streams.stream(self.calls, to, piece, metadata=metadata)
            except streams.Unfinished as error:
                raise Unknown(str(error)) from error
            except (Refused, Unavailable):
                pass  # no stream there, or not now: an ordinary message
        return await self._post_one(to, piece, metadata=metadata)

    async def _post_one(self, to: Conversation, piece: Part, *, metadata: dict[str, Any]) -> MessageRef:
        thread = {"thread_ts": to.thread} if to.thread else {}
        done = await self.calls.call(
            to.workspace,
            "chat.postMessage",
            channel=to.channel,
            text=piece.text,
            blocks=piece.blocks,
            metadata=metadata,
            unfurl_links=False,
            unfurl_media=False,
            **thread,
        )
        return MessageRef(to.workspace, done["channel"], done["ts"])

    async def _reply(
        self, to: Conversation, pieces: Sequence[Part], *, key: str, address: str
    ) -> list[MessageRef]:
        if len(pieces) > _REPLIES:
            raise Rejected("This is too long for a private reply.")
        for number, piece in enumerate(pieces):
            body = {
                "response_type": "ephemeral",
                "replace_original": False,
                "text": piece.text,
                "blocks": piece.blocks,
            }
            try:
                await self.calls.respond(address, body)
            except ExpertError as error:
                if number:  # some of it is there
                    raise Unknown(str(error), getattr(error, "retry_after_s", 0.5)) from error
                raise
        return [MessageRef(to.workspace, to.channel, f"private/{key}", private=True)]

    async def _take_away(self, ref: MessageRef) -> None:
        try:
            await self.calls.call(ref.workspace, "chat.delete", channel=ref.channel, ts=ref.id)
        except Refused as error:
            # A person has taken it away: there is nothing left to correct.
            if error.code not in _GONE:
                raise

    async def _open(self, trigger: Trigger, form: Form) -> None:
        opening = {"trigger_id": trigger.token, "view": views.modal(form)}
        perhaps = False
        try:
            try:
                await self.calls.call(trigger.workspace, "views.open", **opening)
            except Unknown:
                # Asked once more at once: a trigger that was used by then has opened the form.
                perhaps = True
                await self.calls.call(trigger.workspace, "views.open", **opening)
        except Refused as error:
            if perhaps and error.code == "exchanged_trigger_id":
                return
            if error.code not in _TOO_LATE:
                raise
            raise TooLate from error
        except Unknown as error:
            raise TooLate from error


def _streams(to: Conversation) -> bool:
    """In the threads of a direct message, where the assistant talks: elsewhere a stream is for one reader."""
    return bool(to.thread) and to.channel.startswith("D")


def _metadata(key: str, part: int) -> dict[str, Any]:
    return {"event_type": _EVENT, "event_payload": {"key": key, "part": part}}


def _ours(message: dict[str, Any]) -> dict[str, Any]:
    metadata = message.get("metadata") or {}
    return (metadata.get("event_payload") or {}) if metadata.get("event_type") == _EVENT else {}

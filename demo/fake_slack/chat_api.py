"""The methods `chat.*` and `reactions.*`: what the bot says, changes and takes back."""

from collections.abc import Callable
from typing import Any

from demo.fake_slack.caller import Caller, truth
from demo.fake_slack.content import (
    MARKDOWN_TEXT,
    POST_TEXT,
    UPDATE_TEXT,
    checked_blocks,
    checked_body,
    checked_metadata,
)
from demo.fake_slack.records import Channel, Json, Message
from demo.fake_slack.refusal import Refused, gone
from demo.fake_slack.world import STREAM_LASTS_S

Handler = Callable[[Caller, Json], Json]


def by_bot(caller: Caller, channel: Channel, text: str, blocks: list[Json]) -> Message:
    """A message of the bot's, not yet posted."""
    return Message(
        ts=caller.world.ts(),
        channel=channel.id,
        team=caller.workspace.id,
        user=caller.bot.id,
        text=text,
        blocks=blocks,
        bot_id=caller.bot.bot_id,
        app_id=caller.world.app.id,
    )


def post_message(caller: Caller, arguments: Json) -> Json:
    channel = caller.open(arguments["channel"])
    text, blocks, attachments = checked_body(arguments, caller.world.fresh("b"))
    if len(text) > POST_TEXT:
        caller.remarks.append(f"text of {len(text)} characters is cut at {POST_TEXT}")
    metadata = checked_metadata(arguments.get("metadata"))
    thread = caller.thread(channel, arguments)
    message = by_bot(caller, channel, text[:POST_TEXT], blocks)
    message.attachments, message.metadata, message.thread_ts = attachments, metadata, thread
    message.unfurls = any(truth(arguments.get(name, True)) for name in ("unfurl_links", "unfurl_media"))
    if thread and truth(arguments.get("reply_broadcast")):
        message.broadcast, message.subtype = True, "thread_broadcast"
    _clear_status(caller, channel, thread)
    caller.world.post(message)
    return {"channel": channel.id, "ts": message.ts, "message": message.to_slack(metadata=True)}


def _clear_status(caller: Caller, channel: Channel, thread: str) -> None:
    """A status goes when the bot says something."""
    for one in caller.world.assistants:
        if (one.channel, one.ts) == (channel.id, thread):
            one.status = ""


def update(caller: Caller, arguments: Json) -> Json:
    channel = caller.open(arguments["channel"])
    message = caller.own(channel, str(arguments["ts"]), error="cant_update_message")
    if message.streaming:
        raise Refused("streaming_state_conflict", wrong=_is_streaming(caller, message))
    given = {name for name in ("text", "blocks", "attachments", "markdown_text") if name in arguments}
    metadata = checked_metadata(arguments.get("metadata"))
    if not given and "metadata" not in arguments:
        raise Refused("no_text")
    before = message.to_slack()
    if given:
        text, blocks, attachments = checked_body(arguments, caller.world.fresh("b"))
        if len(arguments.get("text") or "") > UPDATE_TEXT:
            raise Refused("msg_too_long")
        # Text without blocks takes the old blocks away.
        message.text, message.blocks = text, blocks
        message.attachments = attachments if "attachments" in arguments else message.attachments
    if "metadata" in arguments:
        message.metadata = metadata
    caller.world.change(message, by=caller.bot.id, before=before)
    return {"channel": channel.id, "ts": message.ts, "text": message.text, "message": message.to_slack()}


def delete(caller: Caller, arguments: Json) -> Json:
    channel = caller.open(arguments["channel"])
    message = caller.own(channel, str(arguments["ts"]), error="cant_delete_message")
    caller.world.delete(message)
    return {"channel": channel.id, "ts": message.ts}


def post_ephemeral(caller: Caller, arguments: Json) -> Json:
    channel = caller.open(arguments["channel"])
    text, blocks, attachments = checked_body(arguments, caller.world.fresh("b"))
    if len(text) > POST_TEXT:
        raise Refused("msg_too_long")
    thread = caller.thread(channel, arguments)
    if arguments["user"] not in channel.members:
        raise gone("user_not_in_channel")
    message = by_bot(caller, channel, text, blocks)
    message.attachments, message.thread_ts, message.only_for = attachments, thread, arguments["user"]
    caller.world.post(message)
    return {"message_ts": message.ts}


def permalink(caller: Caller, arguments: Json) -> Json:
    channel = caller.channel(arguments["channel"])
    message = channel.find(str(arguments["message_ts"]))
    if message is None or message.deleted or message.only_for:
        raise gone("message_not_found")
    address = (
        f"https://{caller.workspace.domain}.slack.com/archives/{channel.id}/p{message.ts.replace('.', '')}"
    )
    more = f"?thread_ts={message.thread_ts}&cid={channel.id}" if message.is_reply else ""
    return {"channel": channel.id, "permalink": address + more}


# ---- streaming: https://docs.slack.dev/reference/methods/chat.startStream


def start_stream(caller: Caller, arguments: Json) -> Json:
    channel = caller.open(arguments["channel"])
    if channel.kind != "im":
        for name in ("recipient_team_id", "recipient_user_id"):
            if not arguments.get(name):
                raise Refused(f"missing_{name}")
        caller.user(arguments["recipient_user_id"])
    thread = caller.thread(channel, arguments)
    message = by_bot(caller, channel, "", [])
    message.thread_ts, message.streaming, message.streamed_at = thread, True, caller.world.now()
    _append(caller, message, arguments, needed=False)
    _clear_status(caller, channel, thread)
    caller.world.post(message)
    return {"channel": channel.id, "ts": message.ts}


def append_stream(caller: Caller, arguments: Json) -> Json:
    message = _streamed(caller, arguments)
    _append(caller, message, arguments, needed=True)
    message.streamed_at = caller.world.now()
    caller.world.note("edit", caller.world.channels[message.channel], message)
    return {"channel": message.channel, "ts": message.ts}


def stop_stream(caller: Caller, arguments: Json) -> Json:
    message = _streamed(caller, arguments)
    metadata = checked_metadata(arguments.get("metadata"))
    added = checked_blocks(arguments.get("blocks") or [], caller.world.fresh("b"))
    before = message.to_slack()
    _append(caller, message, arguments, needed=False)
    message.streaming = False
    message.metadata = metadata or message.metadata
    message.blocks = [*message.blocks, *added]
    caller.world.change(message, by=caller.bot.id, before=before)
    return {"channel": message.channel, "ts": message.ts, "message": message.to_slack()}


def _is_streaming(caller: Caller, message: Message) -> bool:
    """A stream that nobody has written to for long is over, whether it was stopped or not."""
    if message.streaming and caller.world.now() > message.streamed_at + STREAM_LASTS_S:
        message.streaming = False
    return message.streaming


def _streamed(caller: Caller, arguments: Json) -> Message:
    channel = caller.open(arguments["channel"])
    message = caller.own(channel, str(arguments["ts"]), error="message_not_owned_by_app")
    if message.stopped:
        raise gone("stopped_by_user")
    if not _is_streaming(caller, message):
        raise gone("message_not_in_streaming_state")
    return message


def _append(caller: Caller, message: Message, arguments: Json, *, needed: bool) -> None:
    markdown = arguments.get("markdown_text") or ""
    chunks = arguments.get("chunks") or []
    if needed and not markdown and not chunks:
        raise Refused("no_text")
    if not isinstance(chunks, list):
        raise Refused("invalid_chunks")
    pieces = [markdown, *(_chunk_text(one) for one in chunks)]
    if any(len(piece) > MARKDOWN_TEXT for piece in pieces):
        raise Refused("msg_too_long", "markdown_text")
    message.text += "".join(pieces)
    # The text so far is one block; blocks that came in chunks follow it.
    others = [one for one in message.blocks if one["type"] != "markdown"]
    for chunk in chunks:
        if chunk["type"] == "blocks":
            others += checked_blocks(chunk["blocks"], caller.world.fresh("b"))
    written: list[Json] = (
        [{"type": "markdown", "text": message.text, "block_id": "streamed"}] if message.text else []
    )
    message.blocks = [*written, *others]


def _chunk_text(chunk: Any) -> str:
    needed = {
        "markdown_text": ("text",),
        "task_update": ("id", "title", "status"),
        "plan_update": ("title",),
        "blocks": ("blocks",),
    }
    kind = chunk.get("type") if isinstance(chunk, dict) else None
    if kind not in needed or any(name not in chunk for name in needed[kind]):
        raise Refused("invalid_chunks", str(chunk)[:200])
    return str(chunk["text"]) if kind == "markdown_text" else ""


# ---- reactions


def react(caller: Caller, arguments: Json) -> Json:
    _, users = _reaction(caller, arguments)
    if caller.bot.id in users:
        raise gone("already_reacted")
    users.append(caller.bot.id)
    caller.world.touched()
    return {}


def unreact(caller: Caller, arguments: Json) -> Json:
    _, users = _reaction(caller, arguments)
    if caller.bot.id not in users:
        raise gone("no_reaction")
    users.remove(caller.bot.id)
    caller.world.touched()
    return {}


def _reaction(caller: Caller, arguments: Json) -> tuple[Message, list[str]]:
    message = caller.joined(arguments["channel"]).find(str(arguments["timestamp"]))
    if message is None or message.deleted or message.only_for:
        raise gone("message_not_found")
    return message, message.reactions.setdefault(arguments["name"].strip(":"), [])


HANDLERS: dict[str, Handler] = {
    "chat.appendStream": append_stream,
    "chat.delete": delete,
    "chat.getPermalink": permalink,
    "chat.postEphemeral": post_ephemeral,
    "chat.postMessage": post_message,
    "chat.startStream": start_stream,
    "chat.stopStream": stop_stream,
    "chat.update": update,
    "reactions.add": react,
    "reactions.remove": unreact,
}

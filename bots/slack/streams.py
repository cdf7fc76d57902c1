"""A message that grows while it is read, where Slack can show one: https://docs.slack.dev/reference/methods/chat.startStream

What is streamed is an answer that was checked as a whole: nobody sees a draft.
"""

from collections.abc import Sequence
from typing import Any

from bots.chat_platform import Unknown
from bots.slack.blocks import Part
from bots.slack.calls import Calls, Refused
from brain.domain.conversation import Conversation, MessageRef
from brain.domain.errors import ExpertError

Json = dict[str, Any]

# The stream is over, by time or by the reader's will; the message is there, and can be changed as others.
_OVER = ("message_not_in_streaming_state", "stopped_by_user")


class Unfinished(Exception):
    """The message is there, in part; its id says where."""

    def __init__(self, ref: MessageRef) -> None:
        super().__init__(f"The message {ref.id} was not finished.")
        self.ref = ref


async def stream(calls: Calls, to: Conversation, piece: Part, *, metadata: Json) -> MessageRef:
    """Raises as `call` where it has not begun, `Refused` where nothing can be streamed there, `Unfinished`
    where it has begun and did not come to its end."""
    text = [block for block in piece.blocks if block["type"] == "rich_text"]
    bottom = piece.blocks[len(text) :] if piece.blocks[: len(text)] == text else []
    first, *rest = text if bottom or len(text) == len(piece.blocks) else piece.blocks
    started = await calls.call(
        to.workspace, "chat.startStream", channel=to.channel, thread_ts=to.thread, chunks=[_chunk([first])]
    )
    ref = MessageRef(to.workspace, to.channel, started["ts"])
    where: Json = {"channel": ref.channel, "ts": ref.id}
    try:
        try:
            for block in rest:
                await calls.call(to.workspace, "chat.appendStream", **where, chunks=[_chunk([block])])
            ending: Json = {"blocks": bottom} if bottom else {}
            await calls.call(to.workspace, "chat.stopStream", **where, metadata=metadata, **ending)
        except Refused as error:
            if error.code not in _OVER:
                raise
            await finish(calls, ref, piece, metadata=metadata)
    except (ExpertError, Unknown) as error:
        raise Unfinished(ref) from error
    return ref


async def finish(calls: Calls, ref: MessageRef, piece: Part, *, metadata: Json) -> None:
    """Have a message say the whole, whose stream is over."""
    whole: Json = {"text": piece.text, "blocks": piece.blocks, "metadata": metadata}
    await calls.call(ref.workspace, "chat.update", channel=ref.channel, ts=ref.id, **whole)


async def end(calls: Calls, ref: MessageRef) -> None:
    """Of a stream that somebody began and did not bring to its end: only then can the message be changed."""
    try:
        await calls.call(ref.workspace, "chat.stopStream", channel=ref.channel, ts=ref.id)
    except Refused as error:
        if error.code not in _OVER:
            raise


def begun(messages: Sequence[Json]) -> str | None:
    """Of what we alone can have posted in a thread, the stream that has no end yet, and so no metadata."""
    return next(
        (
            str(one["ts"])
            for one in reversed(messages)
            if one.get("bot_id") and not one.get("metadata") and one.get("ts") != one.get("thread_ts")
        ),
        None,
    )


def _chunk(blocks: Sequence[Json]) -> Json:
    return {"type": "blocks", "blocks": list(blocks)}

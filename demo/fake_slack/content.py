"""The checks of what is said in a message, wherever it is sent: texts, blocks, metadata and their limits.

https://docs.slack.dev/reference/methods/chat.postMessage#errors
"""

import json
from typing import Any

from demo.fake_slack.blocks import assign_ids, block_problems, is_too_large, total_problems
from demo.fake_slack.blocks import view_problems as problems_of_view
from demo.fake_slack.records import Json
from demo.fake_slack.refusal import Refused

POST_TEXT = 40_000
UPDATE_TEXT = 4_000
MARKDOWN_TEXT = 12_000
METADATA_BYTES = 8_000
ATTACHMENTS = 100


def checked_blocks(blocks: Any, fresh: str) -> list[Json]:
    """The blocks as they are kept, each with an id."""
    if not isinstance(blocks, list):
        raise Refused("invalid_blocks_format", "must be an array [json-pointer:/blocks]")
    if problems := block_problems(blocks):
        errors = [f"{one} [json-pointer]" for one in problems]
        raise Refused("invalid_blocks", *problems, errors=errors)
    if problems := total_problems(blocks):
        raise Refused("msg_blocks_too_long", *problems)
    return assign_ids(blocks, fresh)


def checked_body(arguments: Json, fresh: str) -> tuple[str, list[Json], list[Json]]:
    """Text, blocks and attachments of something to be said."""
    text = arguments.get("text") or ""
    markdown = arguments.get("markdown_text") or ""
    blocks = arguments.get("blocks") or []
    attachments = arguments.get("attachments") or []
    if markdown and (text or blocks):
        raise Refused("markdown_text_conflict")
    if len(markdown) > MARKDOWN_TEXT:
        raise Refused("msg_too_long", f"markdown_text has {len(markdown)} characters")
    if not (text or markdown or blocks or attachments):
        raise Refused("no_text")
    if not isinstance(text, str):
        raise Refused("invalid_arguments", "text must be a string")
    if len(attachments) > ATTACHMENTS:
        raise Refused("too_many_attachments")
    if markdown:
        blocks = [{"type": "markdown", "text": markdown}]
    return text or markdown, checked_blocks(blocks, fresh) if blocks else [], attachments


def checked_metadata(metadata: Any) -> Json | None:
    """https://docs.slack.dev/messaging/message-metadata"""
    if not metadata:
        return None
    good = (
        isinstance(metadata, dict) and isinstance(metadata.get("event_type"), str) and metadata["event_type"]
    )
    if not good or not isinstance(metadata.get("event_payload"), dict):
        raise Refused("invalid_metadata_format", "needs event_type and event_payload")
    if unknown := metadata.keys() - {"event_type", "event_payload", "entities"}:
        raise Refused("invalid_metadata_format", f"unknown: {sorted(unknown)}")
    if len(json.dumps(metadata)) > METADATA_BYTES:
        raise Refused("metadata_too_large")
    found: Json = metadata
    return found


def checked_view(view: Any, kind: str, fresh: str) -> Json:
    """The view as it is kept."""
    if isinstance(view, dict) and view.get("type") != kind:
        raise Refused("invalid_arguments", f"must be a view of type {kind} [json-pointer:/view/type]")
    if problems := problems_of_view(view):
        raise Refused("invalid_arguments", *problems)
    if is_too_large(view):
        raise Refused("view_too_large")
    return {**view, "blocks": assign_ids(view["blocks"], fresh)}

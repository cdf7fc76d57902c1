"""Everybody's own place at the bot: brought up to date when they come, and when they have decided."""

from dataclasses import replace
from datetime import UTC, datetime

from bots import messages
from bots.chat_platform import Capability, Home, Message
from bots.scene import Scene
from brain.domain.errors import Rejected, Unavailable

_QUESTIONS = 20


async def show(scene: Scene) -> None:
    """Strangers find the reason where others find their questions."""
    principal, where = scene.principal, replace(scene.conversation, reader=scene.inbound.author)
    if principal is None:
        await scene.platform.show(where, Home((Message(scene.texts("not_a_member")),)))
        return
    replies = await scene.brain.replies(principal, limit=_QUESTIONS)
    mine = [one for one in await scene.brain.reviews(principal) if one.review.assignee == principal.member.id]
    learned = await scene.brain.learned(principal)
    await scene.platform.show(where, messages.home(replies, mine, datetime.now(UTC), learned, scene.texts))


async def refresh(scene: Scene) -> None:
    """Where there is such a place; what led here is done in any case."""
    if Capability.HOME in scene.platform.can:
        try:
            await show(scene)
        except (Rejected, Unavailable):
            return  # the workspace has it switched off, or it is shown when they come to it

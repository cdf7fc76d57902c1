"""A message as it looks to somebody."""

from dataclasses import dataclass, field

from demo.fake_slack.blocks import elements_of
from demo.fake_slack.reading import Live, live_in
from demo.fake_slack.records import Json, Message


@dataclass(frozen=True)
class Seen:
    """A message as somebody sees it at that moment: what is on it can be pressed even later."""

    ts: str
    thread_ts: str
    author: str
    text: str
    ephemeral: bool
    edited: bool
    blocks: list[Json] = field(repr=False)
    message: Message = field(repr=False)

    @property
    def buttons(self) -> list[str]:
        """Labels of what can be pressed."""
        elements = [one for block in self.blocks for one in elements_of(block)]
        return [one["text"]["text"] for one in elements if one["type"] == "button"]

    @property
    def live(self) -> Live:
        """Mentions and links that do something."""
        return live_in(self.message.text, self.blocks)


Said = Message | Seen


def message_of(said: Said) -> Message:
    return said.message if isinstance(said, Seen) else said

"""What a language model is told: Markdown files known by their hash, passages and talk set in as data."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template

from brain.domain.knowledge import Passage
from brain.domain.question import Turn

_FOLDER = Path(__file__).parents[1] / "prompts"
_FENCE = str.maketrans("⟦⟧", "[]")
# Servers that render a chat template read these as the end of a message, wherever they stand.
_TEMPLATE_TOKEN = re.compile(
    r"<(?=[|｜][^<>\n]{1,40}[|｜]>|/?s>|/?think>|(?:start|end)_of_turn>|<SYS>>|</SYS>>)|\[(?=/?INST\])",
    re.IGNORECASE,
)
_CODE = re.compile(r"(^[ \t]*```.*?(?:^[ \t]*```[ \t]*$|\Z)|`[^`\n]+`)", re.MULTILINE | re.DOTALL)
_FOOTNOTE = re.compile(r"[ \t]*\[\d{1,3}\](?![(:\w])")


@dataclass(frozen=True, slots=True)
class Message:
    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """`system` is the same for all questions of a department, which a server can cache."""

    system: Template
    request: Template
    hash: str

    def messages(self, *, system: Mapping[str, str], request: Mapping[str, str]) -> tuple[Message, Message]:
        """Values for the `$names` of each part."""
        return (
            Message("system", self.system.substitute(system).strip()),
            Message("user", self.request.substitute(request).strip()),
        )


def load_prompt(name: str) -> Prompt:
    """The file `brain/prompts/<name>.md`: the system's part, a line `---`, the request's part."""
    content = (_FOLDER / f"{name}.md").read_text(encoding="utf-8")
    system, _, request = content.partition("\n---\n")
    return Prompt(Template(system), Template(request), hashlib.sha256(content.encode()).hexdigest())


def fenced_passage(number: int, passage: Passage, text: str, *, marker: str) -> str:
    """`text` is what of the passage there is room for; `marker` is random for each request, so that nobody
    who wrote a passage can have known it."""
    place = " ".join(data(" › ".join((passage.title, *passage.heading_path))).split())
    return f"⟦passage {number} · {marker}⟧\n{place}\n\n{data(without_footnotes(text))}\n⟦end · {marker}⟧"


def fenced_turn(turn: Turn, *, marker: str) -> str:
    answer = data(without_footnotes(turn.answer)) or "(no answer)"
    return f"⟦earlier · {marker}⟧\nAsked: {data(turn.question)}\nAnswered: {answer}\n⟦end · {marker}⟧"


def data(text: str) -> str:
    """Text that can neither open or close a fence nor pass for a part of the server's chat template."""
    return _TEMPLATE_TOKEN.sub(lambda match: f"{match.group()} ", text.translate(_FENCE)).strip()


def without_footnotes(text: str) -> str:
    """A document's own `[1]` would read as a citation; in code it is an index, and stays."""
    parts = _CODE.split(text)
    parts[::2] = (_FOOTNOTE.sub("", part) for part in parts[::2])
    return "".join(parts)

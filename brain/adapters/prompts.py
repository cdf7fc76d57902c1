"""The prompt of an answer, a Markdown file known by its hash, with passages and talk set in as data; and how
to read the reply to it."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

from brain.domain.knowledge import Found
from brain.domain.question import Turn

# What the prompt asks the model to say where the passages do not answer.
NO_ANSWER = "NO_ANSWER"
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

    def messages(
        self,
        question: str,
        *,
        passages: Sequence[Found],
        history: Sequence[Turn],
        instructions: str,
        marker: str,
    ) -> tuple[Message, Message]:
        """`marker` is random for each request: nobody who wrote a passage can have known it."""
        fenced = (_passage(number, found, marker) for number, found in enumerate(passages, start=1))
        request = self.request.substitute(
            marker=marker,
            passages="\n\n".join(fenced),
            history="\n\n".join(_turn(turn, marker) for turn in history)
            or "There is no earlier conversation.",
            question=_data(question),
        )
        system = self.system.substitute(instructions=instructions.strip() or "(nothing)")
        return Message("system", system.strip()), Message("user", request.strip())


def load_prompt(name: str) -> Prompt:
    """The file `brain/prompts/<name>.md`: the system's part, a line `---`, the request's part."""
    content = (_FOLDER / f"{name}.md").read_text(encoding="utf-8")
    system, _, request = content.partition("\n---\n")
    return Prompt(Template(system), Template(request), hashlib.sha256(content.encode()).hexdigest())


def _passage(number: int, found: Found, marker: str) -> str:
    passage = found.passage
    place = " ".join(_data(" › ".join((passage.title, *passage.heading_path))).split())
    text = _data(_without_footnotes(passage.text))
    return f"⟦passage {number} · {marker}⟧\n{place}\n\n{text}\n⟦end · {marker}⟧"


def _turn(turn: Turn, marker: str) -> str:
    answer = _data(_without_footnotes(turn.answer)) or "(no answer)"
    return f"⟦earlier · {marker}⟧\nAsked: {_data(turn.question)}\nAnswered: {answer}\n⟦end · {marker}⟧"


def _data(text: str) -> str:
    """Text that can neither open or close a fence nor pass for a part of the server's chat template."""
    return _TEMPLATE_TOKEN.sub(lambda match: f"{match.group()} ", text.translate(_FENCE)).strip()


def _without_footnotes(text: str) -> str:
    """A document's own `[1]` would read as a citation; in code it is an index, and stays."""
    parts = _CODE.split(text)
    parts[::2] = (_FOOTNOTE.sub("", part) for part in parts[::2])
    return "".join(parts)


def whole(reply: str) -> str:
    """What a finished reply says; nothing where one of its lines is the agreed word for no answer."""
    said = _spoken(reply).strip()
    return "" if any(_bare(line) == NO_ANSWER for line in said.splitlines()) else said


def visible(reply: str) -> str:
    """What of an unfinished reply may be shown: nothing while it may still become the word for no answer."""
    said = _spoken(reply).strip()
    first, *more = said.split("\n", 1)
    bare = _bare(first)
    undecided = NO_ANSWER.startswith(bare) and (not more or bare == NO_ANSWER)
    return "" if undecided else said


def _spoken(reply: str) -> str:
    """Without the thoughts that some servers leave at the head of the reply."""
    text = reply.lstrip()
    if not text.startswith("<think>"):
        return "" if "<think>".startswith(text) else text
    return text.partition("</think>")[2]


def _bare(line: str) -> str:
    """The words of a line without its marks, emphasis and punctuation."""
    return _FOOTNOTE.sub("", line).strip(" \t*_`\"'.:#-")

"""Terminal output. What documents and people wrote is text here, never markup, never an escape sequence."""

import json
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.text import Text

# Control characters but newline and tab, and the marks that turn the direction of what follows.
_UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")

_STYLES = {"bold": 1, "dim": 2, "red": 31, "green": 32, "yellow": 33, "cyan": 36}


def clean(value: object) -> str:
    return "" if value is None else _UNSAFE.sub("", str(value))


def one_line(value: object) -> str:
    return " ".join(clean(value).split())


def say(text: object = "", *, style: str = "") -> None:
    """A line as it is: not wrapped, so that commands in an answer can be copied.

    Without Rich, which an answer would have to wait for.
    """
    coloured = style and text and sys.stdout.isatty() and "NO_COLOR" not in os.environ
    print(f"\x1b[{_STYLES[style]}m{clean(text)}\x1b[0m" if coloured else clean(text))


def complain(text: object) -> None:
    print(clean(text), file=sys.stderr)


def show_json(value: object) -> None:
    text = json.dumps(value, ensure_ascii=False, indent=2)
    print(re.sub(r"[\x7f-\x9f\u202a-\u202e\u2066-\u2069]", lambda found: f"\\u{ord(found[0]):04x}", text))


def show_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str) -> None:
    from rich.console import Console
    from rich.table import Table

    rows = list(rows)
    if not rows:
        say(empty)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        # Numbers and ids are what people type next: they are not to be cut or broken.
        table.add_column(column, no_wrap=column in ("Review", "Id", "Question id", "Answer"), overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    Console(highlight=False, emoji=False, width=None if sys.stdout.isatty() else 160).print(table)


def show_answer(answer: Mapping[str, Any]) -> None:
    """Text, numbered citations, how sure and why; the same for askers and reviewers."""
    for line, style in _styled(str(answer.get("text") or answer.get("draft") or "")):
        say(line, style=style)
    if answer.get("degraded"):
        say()
        say(one_line(answer["degraded"]), style="yellow")
    citations = answer.get("citations") or []
    if citations:
        say()
        say("Sources", style="bold")
    for citation in citations:
        say(f"[{citation['number']}] {place(citation)}")
        if citation.get("quote"):
            say(f"    “{one_line(citation['quote'])}”", style="dim")
    if answer.get("confidence") is not None:
        reasons = " ".join(one_line(reason) for reason in answer.get("reasons") or [])
        say()
        say(f"Confidence {percent(answer['confidence'])}" + (f": {reasons}" if reasons else ""))


def place(citation: Mapping[str, Any]) -> str:
    """Title › heading path, page."""
    if citation.get("label"):
        return one_line(citation["label"])
    path = citation.get("heading_path") or []
    headings = [path] if isinstance(path, str) else path
    page = f" (page {citation['page']})" if citation.get("page") else ""
    return " › ".join(one_line(part) for part in (citation["title"], *headings)) + page


def percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def when(moment: str | None) -> str:
    """A time of the API in the clock of this machine, to the minute."""
    return datetime.fromisoformat(moment).astimezone().strftime("%Y-%m-%d %H:%M") if moment else ""


def span(length: timedelta) -> str:
    """How long, in the two largest units that matter."""
    minutes = int(length.total_seconds() // 60)
    if minutes < 0:
        return "over"
    days, hours = minutes // 1440, minutes // 60 % 24
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"


def _cell(value: object) -> "Text":
    from rich.text import Text

    if isinstance(value, list):
        value = ", ".join(map(str, value))
    return Text(one_line(value))


def _styled(markdown: str) -> Iterable[tuple[str, str]]:
    """Markdown reads well as it is; headings and code only get their own colour."""
    fenced = False
    for line in markdown.strip().splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
            yield line, "dim"
        elif fenced:
            yield line, "cyan"
        else:
            yield line, "bold" if re.match(r"#{1,6} ", line) else ""

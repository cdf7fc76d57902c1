"""Markdown and plain text."""

import re

import yaml

from brain.adapters.documents.encoding import decode
from brain.adapters.documents.failures import DAMAGED
from brain.domain.knowledge import ParsedDocument
from brain.domain.markdown import first_heading

_FRONT_MATTER = re.compile(r"---[ \t]*\n(.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|$)", re.DOTALL)
_FENCED = re.compile(
    r"^([ \t]*)(`{3,}|~{3,})[^\n]*\n.*?(?:^[ \t]*\2[`~]*[ \t]*$|\Z)", re.DOTALL | re.MULTILINE
)
_UNDERLINED = re.compile(
    r"^(?![ \t]*(?:[-*+>|#]|\d+[.)]))[ \t]*(\S[^\n]*)\n {0,3}(=+|-{2,})[ \t]*$", re.MULTILINE
)
_RULE = re.compile(r"^ {0,3}(?:(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,})$", re.MULTILINE)


def read_markdown(content: bytes) -> ParsedDocument:
    text = decode(content)
    title = ""
    front = _FRONT_MATTER.match(text)
    if front:
        title = _title(front[1])
        text = text[front.end() :]
    markdown = _outside_code(text)
    return ParsedDocument(title or first_heading(markdown), markdown)


def read_text(content: bytes) -> ParsedDocument:
    markdown = _outside_code(decode(content))
    return ParsedDocument(first_heading(markdown), markdown)


def _title(front_matter: str) -> str:
    try:
        fields = yaml.safe_load(front_matter)
    except (yaml.YAMLError, *DAMAGED):
        # Templates put braces there, people the 30th of February: a title is a courtesy, the text is what
        # was asked for.
        return ""
    title = fields.get("title") if isinstance(fields, dict) else None
    return title if isinstance(title, str) else ""


def _outside_code(text: str) -> str:
    parts = []
    at = 0
    for code in _FENCED.finditer(text):
        parts += [_tidy(text[at : code.start()]), code[0]]
        at = code.end()
    parts.append(_tidy(text[at:]))
    return "".join(parts).strip("\n").rstrip()


def _tidy(text: str) -> str:
    """Underlined headings become `#` ones; comments, which no reader sees, and rules go."""
    text = _without_comments(text)
    text = _UNDERLINED.sub(lambda found: f"{'#' if found[2][0] == '=' else '##'} {found[1].strip()}", text)
    text = _RULE.sub("", text)
    return re.sub(r"\n{3,}", "\n\n", text)


def _without_comments(text: str) -> str:
    """By hand: a pattern would look for the end of each comment anew, which takes minutes where none ends."""
    kept = []
    at = 0
    while (start := text.find("<!--", at)) >= 0 and (end := text.find("-->", start + 4)) >= 0:
        kept.append(text[at:start])
        at = end + 3
    kept.append(text[at:])
    return "".join(kept)

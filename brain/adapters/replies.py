"""How to read what a language model replied: its answer, its having none, and what it must not say."""

import base64
import binascii
import re

from brain.adapters.prompts import without_footnotes

# What the prompt asks the model to say where the passages do not answer.
NO_ANSWER = "NO_ANSWER"
_ENCODED = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")


def spoken(reply: str) -> str:
    """Without the thoughts that some servers leave at the head of the reply."""
    text = reply.strip()
    return text.partition("</think>")[2].strip() if text.startswith("<think>") else text


def has_no_answer(said: str) -> bool:
    """Whether one of its lines is the agreed word."""
    return any(_bare(line) == NO_ANSWER for line in said.splitlines())


def leaks(reply: str, canary: str) -> bool:
    """Whether the reply holds the canary: as it is, spaced out, backwards, in hexadecimal or in base 64."""
    wanted = (canary, canary[::-1], canary.encode().hex())
    letters = re.sub(r"[\W_]", "", reply).lower()
    if any(one in letters for one in wanted):
        return True
    return any(canary in _decoded(match.group()) for match in _ENCODED.finditer(reply))


def _bare(line: str) -> str:
    """The words of a line without its marks, emphasis and punctuation."""
    return without_footnotes(line).strip(" \t*_`\"'.:#-")


def _decoded(token: str) -> str:
    body = token.rstrip("=")
    try:
        return base64.b64decode(
            body + "=" * (-len(body) % 4), altchars=b"-_" if "-" in body else None
        ).decode("latin-1")
    except binascii.Error:
        return ""

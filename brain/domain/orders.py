"""Whether a text tells a machine what to say or be, as documents and questions for people do not.

This is no boundary: whoever knows the patterns can write around them. It keeps the usual attacks from being
read at all; what gets through still has to pass the check of every claim against its source (evidence.py).
"""

import re
import unicodedata
from functools import lru_cache
from pathlib import Path

# Nothing readable repeats itself like that; it is meant to push the rules out of a model's view.
FLOOD_WORDS = 60
FLOOD_DISTINCT = 0.15
# Letters that only a machine reads, and marks that turn the direction of what follows.
_HIDDEN = re.compile(r"[\U000e0000-\U000e007f\u202a-\u202e\u2066-\u2069]")
_INVISIBLE = re.compile(r"[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]")
_DEFINITION = re.compile(r"([A-Z]+) = ")


@lru_cache(maxsize=8192)
def gives_orders(text: str) -> bool:
    if _HIDDEN.search(text):
        return True
    plain = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))
    return _orders().search(plain) is not None or _floods(plain)


@lru_cache(maxsize=1)
def _orders() -> re.Pattern[str]:
    """The expressions of orders.txt, which says how it is written."""
    content = Path(__file__).with_name("orders.txt").read_text(encoding="utf-8")
    known: dict[str, str] = {}
    patterns: list[str] = []
    for written in content.replace("\n ", "").splitlines():
        line = written
        for name, words in known.items():
            line = line.replace(f"~{name}~", words)
        if definition := _DEFINITION.match(line):
            known[definition.group(1)] = line[definition.end() :]
        elif line and not line.startswith("#"):
            patterns.append(line)
    return re.compile("|".join(patterns), re.IGNORECASE)


def _floods(text: str) -> bool:
    words = text.lower().split()
    return len(words) >= FLOOD_WORDS and len(set(words)) < FLOOD_DISTINCT * len(words)

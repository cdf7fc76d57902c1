"""What is in a vendor's JSON, whatever shape it turns out to have. Nothing here raises."""

from collections.abc import Mapping
from typing import Any

Json = Mapping[str, Any]


def object_of(found: Any) -> Json:
    return found if isinstance(found, Mapping) else {}


def objects_of(found: Any) -> list[Json]:
    return [object_of(one) for one in found] if isinstance(found, list) else []


def string_at(found: Json, name: str) -> str:
    """Without what no database takes: NUL, and halves of characters."""
    value = found.get(name)
    text = value if isinstance(value, str) else ""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def number_at(found: Json, name: str) -> int:
    value = found.get(name)
    return value if isinstance(value, int) else 0

"""How a rule about JSON is written: small checks that say what is wrong, and where."""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

Check = Callable[[Any, str], Iterator[str]]


def string(maximum: int | None = None, *, minimum: int = 1) -> Check:
    def check(value: Any, where: str) -> Iterator[str]:
        if not isinstance(value, str):
            yield f"{where}: must be a string"
        elif maximum is not None and len(value) > maximum:
            yield f"{where}: must be less than {maximum + 1} characters"
        elif len(value) < minimum:
            yield f"{where}: must be more than {minimum - 1} characters"

    return check


def flag(value: Any, where: str) -> Iterator[str]:
    if not isinstance(value, bool):
        yield f"{where}: must be a boolean"


def number(value: Any, where: str) -> Iterator[str]:
    if isinstance(value, bool) or not isinstance(value, int):
        yield f"{where}: must be an integer"


def between(low: int, high: int) -> Check:
    def check(value: Any, where: str) -> Iterator[str]:
        yield from number(value, where)
        if isinstance(value, int) and not low <= value <= high:
            yield f"{where}: must be between {low} and {high}"

    return check


def anything(_value: Any, _where: str) -> Iterator[str]:
    yield from ()


def choice(*allowed: str) -> Check:
    def check(value: Any, where: str) -> Iterator[str]:
        if value not in allowed:
            yield f"{where}: must be one of {', '.join(allowed)}"

    return check


def items(one: Check, maximum: int | None = None, *, minimum: int = 1) -> Check:
    def check(value: Any, where: str) -> Iterator[str]:
        if not isinstance(value, list):
            yield f"{where}: must be an array"
            return
        if maximum is not None and len(value) > maximum:
            yield f"{where}: no more than {maximum} items allowed"
        if len(value) < minimum:
            yield f"{where}: must have at least {minimum} items"
        for index, item in enumerate(value):
            yield from one(item, f"{where}/{index}")

    return check


def shape(required: Mapping[str, Check], optional: Mapping[str, Check] | None = None) -> Check:
    """An object with these keys and no others; `type` is taken as read."""
    known = {**required, **(optional or {})}

    def check(value: Any, where: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield f"{where}: must be an object"
            return
        for name in required:
            if name not in value:
                yield f"{where}: missing required field: {name}"
        for name, part in value.items():
            if name in known:
                yield from known[name](part, f"{where}/{name}")
            elif name != "type":
                yield f"{where}: unknown field: {name}"

    return check


def by_type(kinds: Mapping[str, Check], allowed: Collection[str] | None = None) -> Check:
    """One of several objects, told apart by their `type`."""

    def check(value: Any, where: str) -> Iterator[str]:
        kind = value.get("type") if isinstance(value, dict) else None
        if not isinstance(kind, str) or kind not in kinds or (allowed is not None and kind not in allowed):
            yield f"{where}: unsupported type: {kind}"
        else:
            yield from kinds[kind](value, where)

    return check


def both(*checks: Check) -> Check:
    def check(value: Any, where: str) -> Iterator[str]:
        for one in checks:
            yield from one(value, where)

    return check

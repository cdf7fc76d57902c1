"""Reads the form in which an admin says how the bot behaves in a channel. Pure."""

import re
from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bots.texts import Texts
from brain.domain.clock import WorkingHours
from brain.domain.conversation import Answering, ChannelRules, MayAsk
from brain.domain.errors import Rejected
from brain.domain.identity import Department

_HOURS = re.compile(r"\s*([01]?\d|2[0-3]):([0-5]\d)\s*[-–]\s*([01]?\d|2[0-4]):([0-5]\d)\s+(\S+)\s*")
_EVERY_DAY = frozenset(range(7))


def wrong(fields: Mapping[str, str], texts: Texts) -> dict[str, str]:
    """What cannot be understood, by entry."""
    found = {}
    for name, read in (("least", _share), ("quiet", _hours)):
        try:
            read(fields.get(name, ""), texts)
        except Rejected as error:
            found[name] = str(error)
    return found


def read_rules(fields: Mapping[str, str], departments: Sequence[Department], texts: Texts) -> ChannelRules:
    """Raises `Rejected` saying which entry cannot be understood."""
    department = next((one for one in departments if one.slug == fields.get("department")), None)
    if department is None:
        raise Rejected(texts("set_up_denied"))
    if mistakes := wrong(fields, texts):
        raise Rejected(" ".join(f"{texts(f'setup_{name}')}: {said}" for name, said in mistakes.items()))
    return ChannelRules(
        department=department.id,
        answers=Answering(fields.get("answers") or Answering.MENTIONS),
        may_ask=MayAsk(fields.get("may_ask") or MayAsk.MEMBERS),
        least_confidence=_share(fields.get("least", ""), texts),
        alerts=fields.get("alerts") == "yes",
        talks_in=_hours(fields.get("quiet", ""), texts),
        reviews=fields.get("reviews") == "yes",
    )


def _share(text: str, texts: Texts) -> float:
    number = text.strip().rstrip("%").strip()
    if not number:
        return 0.85
    if not number.isdigit() or not 1 <= int(number) <= 100:
        raise Rejected(texts("setup_bad_percent"))
    return int(number) / 100


def _hours(text: str, texts: Texts) -> WorkingHours | None:
    if not text.strip():
        return None
    found = _HOURS.fullmatch(text)
    opens, closes = (
        (int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])) if found else (0, 0)
    )
    if found is None or not opens < closes <= 24 * 60:
        raise Rejected(texts("setup_bad_hours"))
    try:
        ZoneInfo(found[5])
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise Rejected(texts("setup_bad_hours")) from error
    return WorkingHours(found[5], opens, closes, _EVERY_DAY)

"""Which work goes in which lane. Each has places of its own, so that long work never delays an answer."""

from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum


class Lane(StrEnum):
    INTERACTIVE = "interactive"
    REVIEW = "review"
    INDEX = "index"
    BULK = "bulk"
    TRAINING = "training"


# Every handler of `relay.SUBSCRIPTIONS` has its line. Nothing is subscribed to bulk and training work yet.
LANES: Mapping[str, Lane] = {
    "hear": Lane.INTERACTIVE,
    "answer": Lane.INTERACTIVE,
    "deliver": Lane.INTERACTIVE,
    "show_review": Lane.REVIEW,
    "tell_reviewer": Lane.REVIEW,
    "keep_time": Lane.REVIEW,
    "renew": Lane.REVIEW,
    "replicate": Lane.INDEX,
    "read_parted": Lane.INDEX,
}

# Places per process; as many as the installation says for the lane in which somebody waits for an answer.
_PLACES: Mapping[Lane, int] = {Lane.REVIEW: 2, Lane.INDEX: 1, Lane.BULK: 1, Lane.TRAINING: 1}

# What takes seconds leaves a place of its lane to what takes moments: people are heard, and told that they
# have to wait, however many answers are being written.
_LONG = "answer"


def places(lanes: Collection[Lane], *, interactive: int) -> Mapping[Lane, int]:
    """How many tasks of each lane one process runs at a time."""
    return {lane: _PLACES.get(lane, interactive) for lane in lanes}


def open_to(handlers: Collection[str], *, held: Iterable[str], of: int) -> tuple[list[str], int]:
    """Of a lane with `of` places, which of its handlers may have more, and how many of them; none where all
    are taken. Asked again once those are taken, there may be more for others."""
    taken = list(held)
    free, room = of - len(taken), max(1, of - 1) - taken.count(_LONG)
    if free <= 0:
        return [], 0
    if _LONG not in handlers or of == 1:
        return list(handlers), free
    if room <= 0:
        return [one for one in handlers if one != _LONG], free
    return list(handlers), min(free, room)

"""Which work goes in which lane. Each has places of its own, so that long work never delays an answer."""

from collections.abc import Collection, Mapping
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


def places(lanes: Collection[Lane], *, interactive: int) -> Mapping[Lane, int]:
    """How many tasks of each lane one process runs at a time."""
    return {lane: _PLACES.get(lane, interactive) for lane in lanes}

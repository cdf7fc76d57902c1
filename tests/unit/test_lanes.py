"""Every handler has its lane, and every lane its places."""

from workers.lanes import LANES, Lane, open_to, places
from workers.relay import SUBSCRIPTIONS


def test_every_handler_has_its_lane() -> None:
    assert set(LANES) == {handler for handlers in SUBSCRIPTIONS.values() for handler in handlers}


def test_nobody_waits_behind_anything_but_questions_and_messages() -> None:
    assert {handler for handler, lane in LANES.items() if lane is Lane.INTERACTIVE} == {
        "hear",
        "answer",
        "deliver",
    }


def test_every_lane_has_places_of_its_own() -> None:
    known = places(tuple(Lane), interactive=7)
    assert set(known) == set(Lane)
    assert min(known.values()) > 0
    assert known[Lane.INTERACTIVE] == 7


def test_answers_leave_a_place_to_those_who_are_to_be_heard_and_told() -> None:
    handlers = ["hear", "answer", "deliver"]
    assert open_to(handlers, held=(), of=4) == (handlers, 3)
    assert open_to(handlers, held=["answer"] * 2, of=4) == (handlers, 1)
    assert open_to(handlers, held=["answer"] * 3, of=4) == (["hear", "deliver"], 1)
    assert open_to(handlers, held=["hear"] * 3, of=4) == (handlers, 1)
    assert open_to(handlers, held=["hear"], of=1) == ([], 0)
    assert open_to(handlers, held=(), of=1) == (handlers, 1)
    assert open_to(["replicate"], held=(), of=2) == (["replicate"], 2)

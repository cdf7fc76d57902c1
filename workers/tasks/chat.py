"""Everything that is done because of chat platforms, by the names under which it is subscribed to."""

from collections.abc import Mapping, Sequence

from brain.client import Brain
from workers.executor import Handler
from workers.tasks.deliver import deliver, deliver_directly
from workers.tasks.hear import apologise, hear
from workers.tasks.reach import Reach
from workers.tasks.show_review import show_review, tell_reviewer


def chat_handlers(brain: Brain, reaches: Sequence[Reach]) -> Mapping[str, Handler]:
    return {
        "hear": hear(brain, reaches),
        "deliver": deliver(brain, reaches),
        "show_review": show_review(brain, reaches),
        "tell_reviewer": tell_reviewer(brain, reaches),
    }


def chat_last_resorts(brain: Brain, reaches: Sequence[Reach]) -> Mapping[str, Handler]:
    return {"hear": apologise(brain, reaches), "deliver": deliver_directly(brain, reaches)}

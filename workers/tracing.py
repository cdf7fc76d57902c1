"""A task's attempt as a span of the trace that its event belongs to."""

from collections.abc import Iterator
from contextlib import contextmanager

from brain.adapters.postgres.queue import ClaimedTask
from brain.domain import tracing
from workers.lanes import LANES


@contextmanager
def attempted(task: ClaimedTask) -> Iterator[None]:
    """https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/"""
    facts: dict[str, str | int | float | bool] = {
        "messaging.system": "postgresql",
        "messaging.destination.name": LANES.get(task.handler, "none"),
        "messaging.message.id": str(task.id),
        "expert.tenant": str(task.tenant),
        "expert.event": task.event_name,
        "expert.attempt": task.attempts,
    }
    facts |= {f"expert.{name}": id_ for name, id_ in task.payload.items()}
    parent = task.origin.traceparent
    tracing.past(f"wait {task.handler}", seconds=task.waited_s, facts=facts, parent=parent)
    facts |= {"messaging.operation.type": "process", "messaging.operation.name": task.handler}
    with (
        tracing.following(task.origin),
        tracing.span(f"process {task.handler}", kind=tracing.Kind.CONSUMER, facts=facts, parent=parent),
    ):
        yield

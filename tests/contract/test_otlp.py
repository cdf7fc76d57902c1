"""Traces are sent where the setting says, to where we may connect, and never hold anybody up."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("opentelemetry.sdk", reason="the extra `otel` is not installed")

from brain.adapters.addresses import AllowedHosts
from brain.adapters.outbound import Gate
from brain.domain import tracing
from brain.domain.errors import Rejected
from config.otlp import traced
from tests.otlp_receiver import receiving

OPEN = Gate(AllowedHosts.parse(("127.0.0.1",)))


async def test_spans_hang_together_over_a_process_border() -> None:
    with receiving() as receiver:
        async with traced(receiver.url, OPEN, version="1", every_s=0.01):
            with tracing.span("first", facts={"expert.attempt": 1}):
                carried = tracing.origin().traceparent
            with tracing.span("second", parent=carried):
                tracing.past("step", seconds=0.5)
    [first], [second], [step] = (receiver.named(name) for name in ("first", "second", "step"))
    assert first.facts == {"expert.attempt": "1"}
    assert (second.trace, second.parent) == (first.trace, first.id)
    assert (step.trace, step.parent) == (first.trace, second.id)


async def test_of_an_error_its_kind_is_told_and_no_words() -> None:
    with receiving() as receiver:
        async with traced(receiver.url, OPEN, version="1"):
            with pytest.raises(ValueError, match="salary"), tracing.span("work"):
                raise ValueError("the salary of the director")
    [work] = receiver.named("work")
    assert work.error
    assert work.facts == {"error.type": "ValueError"}
    assert not any(b"salary" in body for body in receiver.bodies)


async def test_a_traceparent_that_is_none_begins_a_trace() -> None:
    with receiving() as receiver:
        async with traced(receiver.url, OPEN, version="1"):
            with tracing.span("outer"), tracing.span("inner", parent="00-nothing"):
                pass
    [outer], [inner] = receiver.named("outer"), receiver.named("inner")
    assert inner.parent == ""
    assert inner.trace != outer.trace


async def test_a_receiver_that_refuses_costs_spans_only() -> None:
    with receiving() as receiver:
        receiver.status = 503
        async with traced(receiver.url, OPEN, version="1", every_s=0.01):
            with tracing.span("lost"):
                pass
            await asyncio.sleep(0.1)
            receiver.status = 200
            with tracing.span("sent"):
                pass
    assert receiver.named("sent")


async def test_traces_go_nowhere_that_was_not_opened() -> None:
    with receiving() as receiver:
        closed = Gate(AllowedHosts.parse(()))
        with pytest.raises(Rejected, match="EXPERT_OTLP_ENDPOINT"):
            async with traced(receiver.url, closed, version="1"):
                pass
    assert receiver.bodies == []


def test_without_a_tracer_nothing_is_carried() -> None:
    with tracing.span("work"):
        assert tracing.origin() == tracing.UNKNOWN


def test_without_the_setting_nothing_of_opentelemetry_is_imported() -> None:
    # Libraries of ours import its API where it is installed, and find that nobody listens.
    code = (
        "import sys, config.cli, config.serve, config.wiring;"
        "theirs = ('opentelemetry.sdk', 'opentelemetry.exporter');"
        "sys.exit(any(name.startswith(theirs) for name in sys.modules))"
    )
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0

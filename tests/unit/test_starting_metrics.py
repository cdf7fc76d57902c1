"""What `/metrics` says before the product is whole: only what is known."""

import re
from random import Random

import httpx
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from brain.api.metrics import Metrics
from brain.api.services import Readiness
from brain.api.starting import create_starting_app
from brain.domain.circuit import Circuit
from brain.domain.ladder import Level, Rung


async def _measured(level: Level, *, metrics: Metrics | None = None) -> str:
    async def ready() -> Readiness:
        return Readiness(False, (), Rung(level))

    def nowhere(_: FastAPI) -> None:
        """No platform delivers here."""

    held = Circuit("The database", clock=lambda: 0.0, jitter=Random(0).random, held="It is starting.")
    app = create_starting_app(
        ready,
        metrics=metrics or Metrics(CollectorRegistry()),
        circuits=[held],
        version="1.2.3",
        take_in_at=nowhere,
    )
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://starting") as http:
        return (await http.get("/metrics")).text


async def test_nothing_is_said_of_a_database_that_nobody_has_asked() -> None:
    """What rings where it is away, or keeps failing, does not ring at each start."""
    text = await _measured(Level.FULL)
    assert not re.search("^expert_store_up", text, re.MULTILINE)
    assert 'backend="The database"' not in text
    assert "expert_ladder_level 0.0" in text


async def test_a_database_that_is_away_is_told_of_in_a_start_too() -> None:
    text = await _measured(Level.NO_DATABASE)
    assert "expert_store_up 0.0" in text
    assert 'backend="The database"' not in text, "it was not asked through its circuit"


async def test_a_start_that_is_done_again_forgets_how_things_stood() -> None:
    metrics = Metrics(CollectorRegistry())
    circuit = Circuit("The database", clock=lambda: 0.0, jitter=Random(0).random)
    whole = metrics.render({"ready": 2}, [circuit]).decode()
    assert "expert_store_up 1.0" in whole
    assert 'expert_circuit_open{backend="The database"} 0.0' in whole
    text = await _measured(Level.FULL, metrics=metrics)
    assert not re.search("^expert_store_up", text, re.MULTILINE)
    assert 'backend="The database"' not in text
    assert "expert_tasks{" not in text

"""What a worker shows of itself, over HTTP, whether its database answers or not."""

from collections.abc import Mapping
from random import Random

import httpx
from prometheus_client.parser import text_string_to_metric_families

from brain.api.probes import Shown, Worker, probes
from brain.domain.circuit import Circuit
from brain.domain.errors import Unavailable
from brain.domain.ladder import Level, Rung
from config.measures import Hint, Measures, Role


def reaching(shown: Shown) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(probes(shown, version="1.2.3"))
    return httpx.AsyncClient(transport=transport, base_url="http://worker")


async def told_by(worker: Worker) -> tuple[httpx.Response, dict[str, float]]:
    shown = Shown()
    shown.show(worker)
    async with reaching(shown) as http:
        alive = await http.get("/health")
        told = await http.get("/metrics")
        assert (await http.get("/v1/questions")).status_code == 404
    assert told.status_code == 200
    samples = [one for family in text_string_to_metric_families(told.text) for one in family.samples]
    return alive, {one.name + "".join(sorted(one.labels.values())): one.value for one in samples}


async def test_a_worker_tells_what_the_server_tells() -> None:
    async def counts() -> Mapping[str, float]:
        return {"ready": 3, "oldest_due_s": 1.5}

    measures, circuit = Measures(), Circuit("a model", clock=lambda: 0.0, jitter=Random(0).random)
    measures.role = Role.WORKER
    measures.broker(lambda: True, {Hint.HEARD: lambda: 7})
    worker = Worker(measures.registry, counts, (circuit,), lambda away: Rung(Level.FULL))
    alive, told = await told_by(worker)
    assert alive.json() == {"status": "alive", "version": "1.2.3"}
    assert told["expert_store_up"] == 1
    assert told["expert_tasksready"] == 3
    assert told["expert_circuit_opena model"] == 0
    assert told["expert_processworker"] == 1
    assert told["expert_broker_up"] == 1
    assert told["expert_broker_hints_totalheard"] == 7


async def test_it_lives_while_its_database_does_not_answer() -> None:
    async def counts() -> Mapping[str, float]:
        raise Unavailable("away")

    levels = {"": Level.FULL, "away": Level.NO_DATABASE}
    worker = Worker(Measures().registry, counts, (), lambda away: Rung(levels[away]))
    alive, told = await told_by(worker)
    assert alive.status_code == 200
    assert told["expert_store_up"] == 0
    assert told["expert_ladder_level"] == Level.NO_DATABASE.value
    assert "expert_broker_up" not in told, "it has nothing to do with one"


async def test_it_lives_before_it_has_a_database() -> None:
    async with reaching(Shown()) as http:
        assert (await http.get("/health")).status_code == 200
        assert (await http.get("/metrics")).status_code == 503

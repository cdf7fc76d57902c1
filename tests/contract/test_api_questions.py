"""Asking over HTTP: at once, later, twice, while something is broken, and watched."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID, uuid4

import pytest

from brain.api.services import Services
from brain.domain.answer import Generation, Piece
from brain.domain.errors import Unavailable
from brain.domain.identity import Thresholds
from brain.domain.knowledge import Found
from brain.domain.question import QuestionId, Turn
from tests.conftest import World
from tests.contract.conftest import Api, served

REDIS = "How do I rotate the Redis password?"
NOWHERE = "How do I book the roof terrace for a party?"


RUNBOOK = """# Redis operations

## Rotate the Redis password

To rotate the Redis password, generate a new one with `pass generate redis/prod` and restart the replicas.

## Restart Redis

Restart the replicas before the primary, one every ten minutes.
"""


@pytest.fixture(autouse=True)
async def runbook(world: World) -> None:
    await world.reads("redis.md", RUNBOOK)


@dataclass(slots=True)
class Model:
    """Fails where told to, and waits until it is let go."""

    error: Exception | None = None
    name: str = "test"
    go: asyncio.Event = field(default_factory=asyncio.Event)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    calls: int = 0

    async def generate(
        self, question: str, *, passages: Sequence[Found], history: Sequence[Turn], instructions: str
    ) -> AsyncIterator[Piece | Generation]:
        self.calls += 1
        self.begun.set()
        await self.go.wait()
        if self.error is not None:
            raise self.error
        sentence = passages[0].passage.text.strip().splitlines()[0]
        yield Generation(f"{sentence} [1]", model=self.name, prompt_hash="")


def with_model(services: Services, model: Model) -> Services:
    return replace(services, ask=replace(services.ask, generator=model))


async def test_a_published_answer_comes_with_its_citations(api: Api) -> None:
    response = await api.post("/v1/questions", {"text": REDIS})

    assert response.status_code == 200
    got = response.json()
    assert got["status"] == "published"
    assert got["question"] == REDIS
    assert got["text"]
    assert got["citations"][0]["number"] == 1
    assert got["citations"][0]["label"].endswith("Rotate the Redis password")
    assert got["citations"][0]["quote"]
    assert 0 < got["confidence"] <= 1
    assert got["department"] == "it-ops"
    assert got["review"] is None
    assert got["approved"] is None
    assert got["timings_ms"]["total"] >= got["timings_ms"]["retrieve"]

    again = (await api.get(f"/v1/questions/{got['id']}")).json()
    assert again["text"] == got["text"]
    assert [one["id"] for one in (await api.get("/v1/questions")).json()] == [got["id"]]


async def test_an_asker_never_sees_a_draft(api: Api, world: World) -> None:
    department = replace(world.departments["it-ops"], thresholds=Thresholds(publish=1.0, abstain=0.0))
    async with world.store.transaction(world.tenant) as tx:
        await tx.people.save_department(department)

    got = (await api.post("/v1/questions", {"text": REDIS})).json()
    draft = (await api.get(f"/v1/reviews/{got['review']}", by="rosa")).json()["draft"]

    assert got["status"] == "in_review"
    assert got["citations"] == []
    assert draft
    line = next(line for line in draft.splitlines() if len(line) > 20)
    for path in ("/v1/questions", f"/v1/questions/{got['id']}", f"/v1/questions/{got['id']}/events"):
        response = await api.get(path)
        assert response.status_code == 200
        assert line not in response.text
        assert json.dumps(line)[1:-1] not in response.text
    assert (await api.get(f"/v1/reviews/{got['review']}")).status_code == 404


async def test_what_nobody_wrote_down_is_abstained_with_a_review(api: Api) -> None:
    got = (await api.post("/v1/questions", {"text": NOWHERE})).json()

    assert got["status"] == "abstained"
    assert got["review"] == 1
    assert "Review 1" in got["text"]
    assert got["reasons"]


async def test_what_leaves_open_what_it_is_about_is_asked_back(api: Api) -> None:
    got = (await api.post("/v1/questions", {"text": "How do I feed these goldfish?"})).json()

    assert got["status"] == "asked_back"
    assert "“these goldfish”" in got["text"]
    assert got["review"] is None
    assert got["confidence"] is None
    assert (await api.get("/v1/reviews", by="rosa")).json() == []

    again = {"text": got["question"], "conversation": got["conversation"]}
    insisted = (await api.post("/v1/questions", again)).json()
    assert insisted["status"] == "abstained"
    assert insisted["review"] == 1


async def test_without_waiting_a_worker_answers_later(api: Api, world: World) -> None:
    response = await api.post("/v1/questions", {"text": REDIS, "wait_s": 0})

    assert response.status_code == 202
    got = response.json()
    assert got["status"] == "pending"
    assert got["confidence"] is None
    assert response.headers["location"] == f"/v1/questions/{got['id']}"

    await world.ask(world.tenant, QuestionId(UUID(got["id"])))
    assert (await api.get(response.headers["location"])).json()["status"] == "published"


async def test_the_same_key_is_the_same_question(api: Api) -> None:
    key = {"Idempotency-Key": "once"}
    first = await api.post("/v1/questions", {"text": REDIS}, headers=key)
    second = await api.post("/v1/questions", {"text": REDIS}, headers=key)
    other = await api.post("/v1/questions", {"text": NOWHERE}, headers=key)
    without = await api.post("/v1/questions", {"text": REDIS})

    assert second.json()["id"] == first.json()["id"]
    assert second.json()["text"] == first.json()["text"]
    assert without.json()["id"] != first.json()["id"]
    assert other.status_code == 409
    assert other.json()["type"] == "urn:expert:conflict"
    assert len((await api.get("/v1/questions")).json()) == 2


async def test_a_replay_joins_the_answer_under_way(world: World, services: Services) -> None:
    model = Model()
    async with served(world, with_model(services, model)) as api:
        body, key = {"text": REDIS, "wait_s": 20}, {"Idempotency-Key": "once"}
        both = [asyncio.create_task(api.post("/v1/questions", body, headers=key)) for _ in range(2)]
        await model.begun.wait()
        model.go.set()
        first, second = [(await one).json() for one in both]

    assert first["id"] == second["id"]
    assert model.calls == 1


async def test_a_replay_waits_for_the_worker_that_is_at_it(world: World, services: Services) -> None:
    model = Model()
    async with served(world, with_model(services, model)) as api:
        key = {"Idempotency-Key": "once"}
        pending = (await api.post("/v1/questions", {"text": REDIS, "wait_s": 0}, headers=key)).json()
        question = QuestionId(UUID(pending["id"]))
        services.board.report(question)("searching")  # a worker of this process has taken it

        replay = asyncio.create_task(api.post("/v1/questions", {"text": REDIS, "wait_s": 20}, headers=key))
        await world.ask(world.tenant, question)

        assert (await replay).json()["status"] == "published"
    assert model.calls == 0


async def test_a_caller_who_stops_waiting_gets_the_answer_later(world: World, services: Services) -> None:
    model = Model()
    async with served(world, with_model(services, model)) as api:
        response = await api.post("/v1/questions", {"text": REDIS, "wait_s": 0.05})
        assert response.status_code == 202

        model.go.set()
        watched = await api.get(f"/v1/questions/{response.json()['id']}/events")

    assert parsed(watched.text)[-1][0] == "answer"
    assert parsed(watched.text)[-1][1]["status"] != "pending"


async def test_what_is_under_way_when_it_stops_is_left_to_a_worker(world: World, services: Services) -> None:
    async with served(world, with_model(services, Model())) as api:
        asked = (await api.post("/v1/questions", {"text": REDIS, "wait_s": 0.05})).json()
    await world.ask(world.tenant, QuestionId(UUID(asked["id"])))

    async with served(world, services) as api:
        assert (await api.get(f"/v1/questions/{asked['id']}")).json()["status"] == "published"


async def test_a_model_that_is_away_leaves_the_question_pending(world: World, services: Services) -> None:
    model = Model(Unavailable("The model is not answering."))
    model.go.set()
    async with served(world, with_model(services, model)) as api:
        response = await api.post("/v1/questions", {"text": REDIS})

    assert response.status_code == 202
    assert response.json()["status"] == "pending"
    assert response.json()["text"].startswith("The model is not answering.")


async def test_a_follow_up_stays_in_its_conversation(api: Api) -> None:
    first = (await api.post("/v1/questions", {"text": REDIS})).json()
    follow_up = {"text": "How long does that take?", "conversation": first["conversation"]}

    assert (await api.post("/v1/questions", follow_up)).json()["conversation"] == first["conversation"]


def parsed(stream: str) -> list[tuple[str, dict[str, object]]]:
    """Events as (name, data), comments left out."""
    events = []
    for block in stream.strip().split("\n\n"):
        lines = [line for line in block.splitlines() if not line.startswith(":")]
        fields = dict(line.split(": ", 1) for line in lines)
        if fields:
            events.append((fields["event"], json.loads(fields["data"])))
    return events


async def test_events_tell_the_steps_then_the_answer(world: World, services: Services) -> None:
    model = Model()
    async with served(world, with_model(services, model)) as api:
        asked = (await api.post("/v1/questions", {"text": REDIS, "wait_s": 0.05})).json()
        watching = asyncio.create_task(api.get(f"/v1/questions/{asked['id']}/events"))
        await model.begun.wait()
        await asyncio.sleep(0.05)
        model.go.set()
        response = await watching

    assert response.headers["content-type"].startswith("text/event-stream")
    events = parsed(response.text)
    assert [data["step"] for name, data in events if name == "progress"][:2] == ["searching", "writing"]
    assert [name for name, _ in events].count("answer") == 1
    assert events[-1][0] == "answer"
    assert events[-1][1]["id"] == asked["id"]


async def test_events_come_though_another_process_answers(api: Api, world: World) -> None:
    asked = (await api.post("/v1/questions", {"text": REDIS, "wait_s": 0})).json()
    watching = asyncio.create_task(api.get(f"/v1/questions/{asked['id']}/events"))
    await world.ask(world.tenant, QuestionId(UUID(asked["id"])))

    assert parsed((await watching).text)[-1][1]["status"] == "published"


async def test_a_question_is_its_askers_alone(api: Api) -> None:
    asked = (await api.post("/v1/questions", {"text": REDIS})).json()

    for path in (f"/v1/questions/{asked['id']}", f"/v1/questions/{asked['id']}/events"):
        response = await api.get(path, by="omar")
        assert response.status_code == 404
        assert response.headers["content-type"] == "application/problem+json"
    assert (await api.get("/v1/questions", by="omar")).json() == []


async def test_feedback_is_given_by_askers_and_read_by_admins(api: Api) -> None:
    asked = (await api.post("/v1/questions", {"text": REDIS})).json()
    body = {"question": asked["id"], "helpful": False, "reason": "outdated", "comment": "It moved."}

    assert (await api.post("/v1/feedback", body)).status_code == 200
    assert (await api.post("/v1/feedback", {**body, "helpful": True})).status_code == 422
    assert (await api.post("/v1/feedback", {**body, "question": str(uuid4())})).status_code == 404
    assert (await api.post("/v1/feedback", body, by="omar")).status_code == 404
    assert (await api.get("/v1/feedback")).status_code == 403
    [given] = (await api.get("/v1/feedback", by="ravi")).json()
    assert given["member"] == "amira"
    assert (given["question"], given["asked"]) == (asked["id"], REDIS)
    assert given["reason"] == "outdated"

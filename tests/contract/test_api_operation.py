"""For whoever runs it: probes, metrics, pages, logs, and what a bug looks like from outside."""

import base64
import hashlib
import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from structlog.testing import capture_logs

from brain.adapters.postgres.store import SqlStore, connect
from brain.api.services import Check, Readiness, Services
from brain.domain.answer import Generation, Piece
from brain.domain.errors import Unavailable
from brain.domain.identity import Principal
from brain.domain.knowledge import Found
from brain.domain.ladder import Level, Rung
from brain.domain.question import QuestionId, Turn
from brain.usecases.accept import Accept, Asking
from tests.conftest import World
from tests.contract.conftest import Api, served

QUESTION = "Where does the badge printer stand?"
NOTE = b"# Badge printer\n\nThe badge printer stands in room 2.14. Ask the front desk for the card.\n"


async def test_it_lives_whatever_its_dependencies_do(world: World, services: Services) -> None:
    async def broken() -> Readiness:
        raise AssertionError("health asked a dependency")

    async with served(world, replace(services, ready=broken)) as api:
        response = await api.http.get("/health")

    assert response.status_code == 200
    assert response.json() == {"status": "alive", "version": "1.2.3"}


async def test_ready_names_each_dependency(world: World, services: Services) -> None:
    async def not_yet() -> Readiness:
        checks = (Check("database", True, "answers"), Check("first ingestion", False, "12 of 30 documents"))
        return Readiness(False, checks, Rung(Level.NO_DATABASE, "It does not answer."))

    async with served(world, services) as api:
        assert (await api.http.get("/ready")).status_code == 200
    async with served(world, replace(services, ready=not_yet)) as api:
        response = await api.http.get("/ready")

    assert response.status_code == 503
    assert response.json() == {
        "ok": False,
        "version": "1.2.3",
        "level": 4,
        "level_reason": "It does not answer.",
        "checks": [
            {"name": "database", "ok": True, "detail": "answers"},
            {"name": "first ingestion", "ok": False, "detail": "12 of 30 documents"},
        ],
    }


async def test_metrics_count_without_naming_anybody(api: Api) -> None:
    await api.upload("badge.md", NOTE)
    asked = (await api.post("/v1/questions", {"text": QUESTION})).json()
    await api.get(f"/v1/questions/{asked['id']}")

    text = (await api.http.get("/metrics")).text

    assert f'expert_questions_total{{outcome="{asked["status"]}"}} 1.0' in text
    assert 'expert_approved_answers_total{outcome="miss"} 1.0' in text
    assert 'expert_requests_total{method="POST",route="/v1/questions",status="200"} 1.0' in text
    assert 'route="/v1/questions/{id}"' in text
    assert 'expert_ask_step_seconds_count{step="retrieve"} 1.0' in text
    assert 'expert_tasks{state="dead"}' in text
    assert "expert_store_up 1.0" in text
    assert "expert_oldest_task_age_seconds" in text
    for secret in (asked["id"], str(api.world.tenant), "amira", "badge", "Northlight"):
        assert secret not in text


async def test_metrics_tell_answers_that_were_reused(api: Api) -> None:
    asked = (await api.post("/v1/questions", {"text": QUESTION})).json()
    case = (await api.get(f"/v1/reviews/{asked['review']}", by="ravi")).json()
    verdict = {"kind": "approve", "shown_hash": case["shown_hash"], "text": "In room 2.14."}
    decided = await api.post(f"/v1/reviews/{asked['review']}/verdict", verdict, by="ravi")
    assert decided.status_code == 200
    await api.post("/v1/questions", {"text": QUESTION.lower()}, by="omar")

    text = (await api.http.get("/metrics")).text

    assert 'expert_approved_answers_total{outcome="hit"} 1.0' in text
    assert 'expert_approved_answers_total{outcome="miss"} 1.0' in text


async def test_metrics_come_without_the_database_too(world: World, services: Services) -> None:
    async def away() -> Mapping[str, float]:
        raise Unavailable("The database is not answering.")

    async with served(world, replace(services, queue_counts=away)) as api:
        response = await api.http.get("/metrics")

    assert response.status_code == 200
    assert "expert_store_up 0.0" in response.text


async def test_the_pages_need_nothing_from_elsewhere(api: Api) -> None:
    for path in ("/", "/docs"):
        response = await api.http.get(path)
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/html")
        assert "://" not in response.text
        policy = response.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        for tag in ("style", "script"):
            inline = re.findall(rf"<{tag}>(.*?)</{tag}>", response.text, re.DOTALL)
            assert len(inline) == response.text.count(f"<{tag}")
            for content in inline:
                digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
                assert f"'sha256-{digest}'" in policy
        assert not re.search(r"\son\w+=|style=", response.text)


async def test_the_home_page_says_where_to_go(api: Api) -> None:
    page = (await api.http.get("/")).text

    assert "Version 1.2.3" in page
    for place in ("/docs", "/openapi.json", "/ready", "/metrics", 'expert ask "'):
        assert place in page


async def test_the_docs_list_every_route_and_example(api: Api) -> None:
    page = (await api.http.get("/docs")).text

    described = (await api.http.get("/openapi.json")).json()
    for path in described["paths"]:
        assert f"</span> {path}</code>" in page
    assert "How do I rotate the Redis password?" in page


async def test_openapi_declares_how_each_route_is_opened_and_fails(api: Api) -> None:
    described = (await api.http.get("/openapi.json")).json()

    assert described["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    assert "HTTPValidationError" not in json.dumps(described)
    for path, operations in described["paths"].items():
        for verb, operation in operations.items():
            where = f"{verb} {path}"
            assert operation["summary"], where
            assert operation["tags"], where
            problems = {status for status, one in operation["responses"].items() if status >= "400"}
            if path.startswith("/v1/"):
                assert operation["security"] == [{"key": []}], where
                assert problems >= {"401", "500", "503"}, where
                assert ("422" in problems) == bool(
                    operation.get("parameters") or operation.get("requestBody")
                ), where
            for status in problems - {"503"}:
                assert list(operation["responses"][status]["content"]) == ["application/problem+json"], where
    references = set(re.findall(r"#/components/schemas/(\w+)", json.dumps(described)))
    assert references <= set(described["components"]["schemas"])


async def test_every_response_is_safe_to_show(api: Api) -> None:
    for path in ("/health", "/v1/me", "/no-such-thing"):
        response = await api.get(path)
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["cache-control"] == "no-store"
        assert "default-src 'none'" in response.headers["content-security-policy"]
        assert response.headers["x-request-id"]


async def test_one_log_line_a_request_and_no_secret_in_it(api: Api) -> None:
    key = (await api.by("amira"))["Authorization"].removeprefix("Bearer ")
    with capture_logs() as lines:
        await api.upload("badge.md", NOTE)
        response = await api.post("/v1/questions", {"text": QUESTION}, headers={"X-Request-Id": "abc-1"})
        await api.get("/v1/questions?limit=1&q=badge")
        await api.post("/v1/questions", {"text": QUESTION, "Badge": 1})
        await api.http.get("/v1/me", headers={"Authorization": f"Bearer x{key}"})

    requests = [line for line in lines if line["event"] == "request"]
    assert [line["status"] for line in requests] == [201, 200, 200, 422, 401]
    asked = requests[1]
    assert asked["request_id"] == response.headers["x-request-id"] == "abc-1"
    assert asked["route"] == "/v1/questions"
    assert asked["question_id"] == response.json()["id"]
    assert asked["ms"] >= 0
    written = json.dumps(lines, default=str).lower()
    for secret in (key, "badge", "room 2.14"):
        assert secret.lower() not in written


class Broken:
    """A model with a bug that quotes what it was asked."""

    name = "broken"

    async def generate(
        self, question: str, *, passages: Sequence[Found], history: Sequence[Turn], instructions: str
    ) -> AsyncIterator[Piece | Generation]:
        raise RuntimeError(f"cannot answer {question}")
        yield Piece("")


class _BrokenAccept(Accept):
    async def __call__(self, principal: Principal, asking: Asking) -> QuestionId:
        raise RuntimeError(asking.text)


async def test_a_bug_after_acceptance_does_not_lose_the_question(world: World, services: Services) -> None:
    async with served(world, replace(services, ask=replace(services.ask, generator=Broken()))) as api:
        response = await api.post("/v1/questions", {"text": QUESTION})

    assert response.status_code == 202
    assert response.json()["status"] == "pending"
    assert "will be answered" in response.json()["text"]
    assert response.headers["location"].endswith(response.json()["id"])


async def test_a_bug_is_told_by_its_incident_and_nothing_else(world: World, services: Services) -> None:
    broken = replace(services, accept=_BrokenAccept(world.store))
    with capture_logs() as lines:
        async with served(world, broken) as api:
            response = await api.post("/v1/questions", {"text": QUESTION})

    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["x-content-type-options"] == "nosniff"
    problem = response.json()
    incident = problem["instance"].removeprefix("urn:uuid:")
    assert str(UUID(incident)) == incident
    assert incident in problem["detail"]
    assert "Traceback" not in response.text
    [logged] = [line for line in lines if line["event"] == "incident"]
    assert logged["incident"] == incident
    assert logged["error"] == "RuntimeError"
    assert any("__call__" in place for place in logged["places"])
    assert QUESTION not in json.dumps(lines, default=str)


async def test_a_database_that_is_away_says_when_to_try_again(world: World, services: Services) -> None:
    nowhere = connect("postgresql+asyncpg://nobody@127.0.0.1:1/nothing", pool_size=1)
    async with served(world, replace(services, store=SqlStore(nowhere))) as api:
        response = await api.get("/v1/me")

    assert response.status_code == 503
    assert int(response.headers["retry-after"]) >= 1
    assert response.json()["type"] == "urn:expert:unavailable"

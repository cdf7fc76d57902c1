"""Limits as callers meet them: 413, 414, 429, 431 and 503 as problem documents, before any work is done."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest

from brain.api.limits import Limits
from brain.api.services import Services
from brain.domain.rates import Rate
from tests.conftest import World
from tests.contract.conftest import Api, served

FEW = Limits(requests=Rate(30, 0.001), questions=Rate(3, 0.001), failures=Rate(3, 0.001))


def problem(response: httpx.Response) -> tuple[int, str, int]:
    body = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert int(response.headers["retry-after"]) == body["retry_after_s"] >= 1
    return body["status"], body["type"], body["retry_after_s"]


async def test_too_many_questions_of_one_key_are_refused_and_those_of_another_are_not(
    world: World, services: Services
) -> None:
    async with served(world, replace(services, limits=FEW)) as api:
        answers = [await api.post("/v1/questions", {"text": f"How {n}?", "wait_s": 0}) for n in range(4)]
        assert [one.status_code for one in answers] == [202, 202, 202, 429]
        assert problem(answers[3])[:2] == (429, "urn:expert:too-many-requests")
        assert answers[0].headers["ratelimit"].startswith('"questions";r=2;')
        assert answers[3].headers["ratelimit"].startswith('"questions";r=0;')
        assert answers[3].headers["ratelimit-policy"].startswith('"questions";q=3;')
        assert (await api.get("/v1/questions")).status_code == 200
        assert len((await api.get("/v1/questions")).json()) == 3

        other = await api.post("/v1/questions", {"text": "How?", "wait_s": 0}, by="omar")
        assert other.status_code == 202
        assert 'expert_limited_total{kind="questions"} 1.0' in (await api.http.get("/metrics")).text


async def test_too_many_requests_of_one_key_are_refused_before_it_is_looked_up(
    world: World, services: Services
) -> None:
    async with served(world, replace(services, limits=FEW)) as api:
        statuses = [(await api.get("/v1/me")).status_code for _ in range(31)]
        assert statuses == [200] * 30 + [429]
        assert (await api.get("/v1/me", by="omar")).status_code == 200


async def test_an_address_that_guesses_keys_is_stopped_and_known_keys_go_on(
    world: World, services: Services
) -> None:
    async with served(world, replace(services, limits=FEW)) as api:
        assert (await api.get("/v1/me")).status_code == 200
        guesses = [
            await api.http.get("/v1/me", headers={"Authorization": f"Bearer guess-{n}"}) for n in range(5)
        ]
        assert [one.status_code for one in guesses] == [401, 401, 401, 429, 429]
        assert problem(guesses[4])[1] == "urn:expert:too-many-requests"
        assert (await api.get("/v1/me")).status_code == 200
        assert (await api.get("/v1/me", by="omar")).status_code == 429  # not seen before: a guess like others


async def test_requests_at_once_are_limited_for_each_key(world: World, services: Services) -> None:
    release, entered = asyncio.Event(), asyncio.Event()

    async def slow_body() -> AsyncIterator[bytes]:
        entered.set()
        await release.wait()
        yield b'{"text": "How?", "wait_s": 0}'

    async with served(world, replace(services, limits=Limits(at_once=1))) as api:
        headers = {**await api.by("amira"), "Content-Type": "application/json"}
        asking = asyncio.create_task(api.http.post("/v1/questions", content=slow_body(), headers=headers))
        await entered.wait()
        assert problem(await api.get("/v1/me"))[0] == 429
        assert (await api.get("/v1/me", by="omar")).status_code == 200
        release.set()
        assert (await asking).status_code == 202
        assert (await api.get("/v1/me")).status_code == 200


async def test_a_full_server_says_so_and_still_answers_its_probes(world: World, services: Services) -> None:
    async with served(world, replace(services, limits=Limits(in_process=0))) as api:
        assert problem(await api.get("/v1/me"))[:2] == (503, "urn:expert:overloaded")
        assert (await api.http.get("/health")).status_code == 200


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/v1/me?x=" + "a" * 9_000, {}, 414),
        ("/v1/" + "a" * 9_000, {}, 414),
        ("/v1/me", {"X-Long": "a" * 33_000}, 431),
    ],
)
async def test_an_overlong_head_is_refused(api: Api, path: str, headers: dict[str, str], status: int) -> None:
    response = await api.http.get(path, headers=headers)
    assert response.status_code == status
    assert response.json()["type"] == "urn:expert:too-large"

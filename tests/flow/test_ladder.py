"""Each level that still answers, in the product's own wiring: there with the fault, gone without it, and said
in the reply, in `/ready` and in the metrics meanwhile."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from bots.messages import about
from bots.texts import texts_for
from brain.adapters.postgres.index import Candidates, PostgresIndex
from brain.api import present
from brain.domain.answer import Answer, AnswerStatus
from brain.domain.errors import Unavailable
from brain.domain.identity import Audience, DepartmentId
from brain.domain.knowledge import Found, Vector
from brain.domain.ladder import TOLD, Level
from brain.domain.reply import Reply
from brain.domain.review import VerdictKind
from brain.ports import Embedder, TextKind
from brain.usecases import read
from brain.usecases.decide import Judgement
from brain.usecases.standing import standing
from config.settings import DatabaseUrls, Settings
from config.surface import Surface, surface
from config.wiring import assembled
from tests.conftest import World, emptied
from tests.contract import lying_models as lying
from tests.contract.fake_openai import Body, Failure, FakeOpenAI, Stream, fake_openai

pytestmark = pytest.mark.filterwarnings(
    "ignore:Accessing the 'model_(computed_)?fields' attribute on the instance:DeprecationWarning"
)

REDIS = "How do I rotate the Redis password?"
RUNBOOK = """# Redis operations

## Rotate the Redis password

To rotate the Redis password, generate a new one with `pass generate redis/prod` and restart the replicas.
"""
TERRACE = "How do I book the roof terrace?"
LANGUAGES = ("en", "de")


@dataclass(slots=True)
class Fault:
    """`away` says why; empty: it is there."""

    away: str = ""

    def strike(self) -> None:
        if self.away:
            raise Unavailable(self.away)


@dataclass(frozen=True, slots=True)
class FragileIndex(PostgresIndex):
    fault: Fault = field(default_factory=Fault)

    async def search(
        self,
        question: str,
        *,
        vector: Vector,
        audience: Audience,
        department: DepartmentId | None,
        limit: int,
        candidates: Candidates | None = None,
    ) -> list[Found]:
        self.fault.strike()
        return await PostgresIndex.search(
            self, question, vector=vector, audience=audience, department=department, limit=limit
        )


@dataclass(slots=True)
class FragileEmbedder:
    real: Embedder
    fault: Fault
    name: str

    async def embed(self, texts: Sequence[str], *, kind: TextKind) -> list[Vector]:
        self.fault.strike()
        return await self.real.embed(texts, kind=kind)

    def count_tokens(self, text: str) -> int:
        return self.real.count_tokens(text)


@dataclass(frozen=True, slots=True)
class Product:
    world: World
    http: httpx.AsyncClient
    models: FakeOpenAI
    index: Fault
    embedder: Fault

    async def asks(self, text: str, *, by: str = "amira") -> Reply:
        reply = await self.world.asks(text, by=by)
        assert reply.answer is not None, "nobody who asked gets silence"
        assert {await self.ready(), await self.metric()} == {max(reply.answer.level, 0)}
        return reply

    async def ready(self) -> int:
        response = await self.http.get("/ready")
        assert response.status_code == 200, "questions are accepted all the same"
        return int(response.json()["level"])

    async def metric(self) -> int:
        lines = (await self.http.get("/metrics")).text.splitlines()
        [value] = [line.split()[1] for line in lines if line.startswith("expert_ladder_level ")]
        return int(float(value))

    async def told(self, reply: Reply) -> list[str]:
        """What each platform says of it, text and note: chat by language, then the HTTP API."""
        known = await standing(self.world.store, self.world.tenant, reply.question.id)
        assert known is not None
        messages = [about(known, texts_for(language)) for language in LANGUAGES]
        shown = present.ask_result(reply)
        assert shown.level == known.reply.answer.level if known.reply.answer else False
        return [*(f"{one.text} {one.note}" for one in messages), f"{shown.text} {shown.degraded}"]

    async def approves(self, text: str, *, says: str) -> None:
        asked = await self.world.asks(text)
        assert asked.review is not None
        case = await read.review(self.world.store, self.world.people["ravi"], asked.review)
        judgement = Judgement(asked.review, VerdictKind.APPROVE, case.review.shown_hash, text=says)
        await self.world.decide(self.world.people["ravi"], judgement)


@pytest.fixture
async def product(world: World, urls: DatabaseUrls, tmp_path: Path) -> AsyncIterator[Product]:
    await emptied(urls)  # how long anything waits is told of, too
    await world.reads("redis.md", RUNBOOK)
    async with fake_openai() as models:
        models.character = lying.honest
        settings = Settings(
            home=tmp_path,
            model="openai/first",
            model_fallbacks=("openai/second",),
            model_api_base=models.base,
            model_api_key=SecretStr("sk-x"),
            allow_hosts=("127.0.0.1",),
            model_silence_s=4,
        )
        async with assembled(settings, urls) as wiring:
            index, embedder = Fault(), Fault()
            ask = replace(
                wiring.ask,
                index=FragileIndex(wiring.app_engine, fault=index),
                embedder=FragileEmbedder(wiring.embedder, embedder, wiring.embedder.name),
            )
            app = surface(settings, replace(wiring, ask=ask), Surface(prepared=True))
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
                yield Product(replace(world, ask=ask), http, models, index, embedder)


def assert_labelled(told: Sequence[str], level: Level) -> None:
    for said, language in zip(told, (*LANGUAGES, ""), strict=True):
        assert (texts_for(language)(f"level_{level.value}") if language else TOLD[level]) in said


def answer(reply: Reply) -> Answer:
    assert reply.answer is not None
    return reply.answer


async def test_as_usual_nothing_is_said(product: Product) -> None:
    reply = await product.asks(REDIS)
    assert (answer(reply).level, answer(reply).model) == (Level.FULL, "openai/first")
    assert not any(sentence in said for said in await product.told(reply) for sentence in TOLD.values())


async def test_a_stand_in_is_named_and_the_first_model_comes_back_by_itself(product: Product) -> None:
    def only_the_second(body: Body) -> Failure | Stream:
        return Failure(500) if body["model"] == "first" else lying.honest(body)

    product.models.character = only_the_second
    reply = await product.asks(REDIS)
    assert (answer(reply).level, answer(reply).model) == (Level.STAND_IN, "openai/second")
    assert_labelled(await product.told(reply), Level.STAND_IN)

    product.models.character = lying.honest
    assert answer(await product.asks(REDIS)).level is Level.FULL


@pytest.mark.parametrize(
    "fault",
    [
        Failure(500),
        Failure(429, headers=("Retry-After: 1",)),
        Failure(200, html=True),
        Stream(["To rotate"], ending="cut"),
        Stream([], ending="hang"),
        Stream(["To rotate"], ending="hang"),
    ],
    ids=["500", "429", "html", "cut", "hanging", "stalling"],
)
async def test_without_a_model_the_sources_are_quoted_and_it_says_so(
    product: Product, fault: Failure | Stream
) -> None:
    product.models.character = lambda _: fault
    reply = await product.asks(REDIS)
    assert (answer(reply).status, answer(reply).level) == (AnswerStatus.PUBLISHED, Level.NO_MODEL)
    assert answer(reply).citations
    assert_labelled(await product.told(reply), Level.NO_MODEL)

    product.models.character = lying.honest
    while (again := answer(await product.world.asks(REDIS))).level:  # as `Retry-After` asks
        assert again.citations
    assert (await product.ready(), await product.metric()) == (0, 0)


class TestWithoutSearch:
    @pytest.mark.parametrize("what", ["index", "embedder"])
    async def test_a_person_is_asked_and_it_comes_back_by_itself(self, product: Product, what: str) -> None:
        fault: Fault = getattr(product, what)
        fault.away = "It is being repaired."
        reply = await product.asks(REDIS)
        assert (answer(reply).status, answer(reply).level) == (AnswerStatus.ABSTAINED, Level.NO_SEARCH)
        assert reply.review is not None
        english, german, api = await product.told(reply)
        assert "I cannot search the documents just now" in english
        assert "Ich kann die Dokumente gerade nicht durchsuchen" in german
        assert "I cannot search the documents just now" in api
        reason = (await product.http.get("/ready")).json()["level_reason"]
        assert reason == fault.away

        fault.away = ""
        assert answer(await product.asks(REDIS)).level is Level.FULL

    async def test_what_was_approved_to_the_same_words_is_served(self, product: Product) -> None:
        await product.approves(TERRACE, says="Write to the front desk two weeks ahead.")
        product.embedder.away = "It is being repaired."
        reply = await product.asks("how do I book the roof terrace", by="omar")
        assert answer(reply).text == "Write to the front desk two weeks ahead."
        assert_labelled(await product.told(reply), Level.NO_SEARCH)

    @pytest.mark.parametrize(
        "words",
        [
            "How do I book the terrace on the roof?",
            "How do I not book the roof terrace?",
            "How do I book the roof terrace for a party?",
            "How do I book the roof?",
            "Terrace roof the book I do how?",
        ],
    )
    async def test_and_nothing_to_other_words(self, product: Product, words: str) -> None:
        await product.approves(TERRACE, says="Write to the front desk two weeks ahead.")
        product.embedder.away = "It is being repaired."
        reply = await product.asks(words)
        assert (answer(reply).status, answer(reply).article) == (AnswerStatus.ABSTAINED, None)

    async def test_who_asks_the_same_waits_for_the_same_person(self, product: Product) -> None:
        product.embedder.away = "It is being repaired."
        first = await product.asks(TERRACE)
        assert (await product.asks(TERRACE, by="omar")).review == first.review
        assert (await product.asks("How do I book the roof terrace for a party?")).review != first.review

    async def test_a_persons_answer_needs_no_label(self, product: Product) -> None:
        product.embedder.away = "It is being repaired."
        reply = await product.asks(TERRACE)
        product.embedder.away = ""
        assert reply.review is not None
        ravi = product.world.people["ravi"]
        case = await read.review(product.world.store, ravi, reply.review)
        said = Judgement(
            reply.review, VerdictKind.APPROVE, case.review.shown_hash, text="Ask the front desk."
        )
        await product.world.decide(ravi, said)
        now = await read.reply(product.world.store, product.world.people["amira"], reply.question.id)
        assert (answer(now).text, answer(now).level_told) == ("Ask the front desk.", Level.FULL)

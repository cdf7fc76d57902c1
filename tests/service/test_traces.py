"""One question on Slack is one trace, over the process that heard it and the one that answered."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

pytest.importorskip("slack_bolt", reason="the extra `slack` is not installed")
pytest.importorskip("opentelemetry.sdk", reason="the extra `otel` is not installed")

from brain.adapters.postgres.tenants import tenants
from config.settings import DatabaseUrls
from demo.fake_slack import FakeSlack
from tests.conftest import RUNBOOKS, World, emptied
from tests.flow.slack.conftest import METHODS
from tests.otlp_receiver import receiving
from tests.service.slack_product import Running, products

ROTATE = "How do I rotate the Redis password?"


async def test_one_question_is_one_trace_over_two_processes(
    world: World, system_engine: AsyncEngine, urls: DatabaseUrls, tmp_path: Path
) -> None:
    await emptied(urls)
    await world.reads("redis.md", (RUNBOOKS / "it-ops" / "redis-operations.md").read_text())
    slug = {id_: slug for slug, id_ in (await tenants(system_engine)).items()}[world.tenant]
    async with FakeSlack(methods=METHODS if METHODS.exists() else None) as slack:
        async with world.store.transaction(world.tenant) as tx:
            member = await tx.people.member("amira")
            assert member is not None
            email = "amira@northlight.example"
            await tx.people.save_member(replace(member, email=email))
        amira = slack.add_person(member.name, email=email)
        channel = slack.add_channel("it-help", [amira])
        with receiving() as traces:
            running = replace(
                Running.on(slack, urls, home=tmp_path, tenant=slug), otlp=traces.url, lease_s=5.0
            )
            with (
                products(replace(running, works=False)) as hearing,
                products(replace(running, home=str(tmp_path / "2"), listens=False)) as working,
            ):
                hearing.start()
                working.start()
                asked = amira.says(channel, f"@expert {ROTATE}")

                def said() -> list[str]:
                    seen = amira.sees(channel, thread=asked)
                    return [one.text for one in seen if one.ts != asked.ts]

                await slack.until(lambda: any("Sure" in one for one in said()), 90)
                await slack.until(lambda: traces.named("process deliver")[1:], 30)

            [answer] = traces.named("process answer")
            of_it = {one.id: one for one in traces.spans if one.trace == answer.trace}
            # Slack delivers a mention twice: as one, and as a message. The second is not accepted.
            [heard] = [one for one in of_it.values() if one.name == "receive slack"]
            names = {one.name for one in of_it.values()}
            assert heard.parent == ""
            expected = {"process hear", "process answer", "process deliver", "wait answer"}
            assert expected | {"embed", "retrieve", "generate", "check"} <= names
            assert any(name.startswith("POST /api/chat.") for name in names)
            # Connected: everything hangs below the event that Slack delivered.
            assert all(one.parent in of_it for one in of_it.values() if one is not heard)
            assert answer.process != heard.process
            assert answer.facts["messaging.operation.name"] == "answer"
            assert answer.facts["expert.tenant"] == str(world.tenant)
            sent = b"".join(traces.bodies)
            for secret in (ROTATE, "Redis", "amira", "Amira", email, slack.bot_token, "it-help"):
                assert secret.encode() not in sent

"""The main job on Slack: ask, cite, doubt, review in the thread, approve, ask again."""

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from brain.domain.conversation import ChannelRules
from demo.fake_slack import FakeSlack
from tests.flow.slack.conftest import METHODS, Office

ROTATE = "How do I rotate the Redis password?"
TERRACE = "How do I book the roof terrace for a party?"


@pytest.mark.skipif(not METHODS.exists(), reason="the vendor's list of methods in ../shared is absent")
async def test_every_call_here_is_checked_by_the_vendors_own_list(slack: FakeSlack) -> None:
    """All the tests of Slack rely on it; where the list is absent, this is what says so."""
    client = AsyncWebClient(slack.bot_token, base_url=slack.api_url)
    await client.api_call("auth.test", params={"not_in_the_list": "1"})
    assert "not_in_the_list in the published list" in str(slack.violations)
    slack.violations.clear()


async def test_a_mention_is_answered_in_its_thread(office: Office) -> None:
    amira = office.people["amira"]
    asked = amira.says(office.help, f"@expert {ROTATE}")

    answered = await office.sees("omar", office.help, "rotate the redis password", thread=asked, times=2)

    assert answered.thread_ts == asked.ts
    assert "Sure" in answered.text
    assert {"Helpful", "Not helpful", "Ask a person", "Why?"} <= set(answered.buttons)
    bot = [one for one in amira.sees(office.help) if one.author != asked.user and one.ts != asked.ts]
    assert len(bot) == 1, "the placeholder became the answer"


async def test_a_command_is_answered_to_the_asker_alone(office: Office) -> None:
    office.people["amira"].commands("/expert", f"ask {ROTATE}", office.help)

    answered = await office.sees("amira", office.help, "redis-cli")

    assert answered.ephemeral
    assert "Share in channel" in answered.buttons
    assert office.people["omar"].sees(office.help) == []


async def test_what_nobody_knows_is_reviewed_in_the_thread_of_a_card(office: Office) -> None:
    await office.rules(office.desk, ChannelRules(office.world.departments["it-ops"].id, reviews=True))
    asked = office.people["amira"].says(office.help, f"@expert {TERRACE}")

    held = await office.sees("amira", office.help, "I don't know", thread=asked)
    assert "looks at it" in held.text
    card = await office.sees("ravi", office.desk, TERRACE)
    assert {"Edit", "Reject", "Not for me"} <= set(card.buttons)
    assert "Approve" not in card.buttons, "there is no draft to approve"

    answer = "Write to terrace@northlight.example two weeks ahead, with the date and the number of guests."
    office.people["ravi"].says(office.desk, answer, thread=card)
    offer = await office.sees("ravi", office.desk, "Shall this be the answer", thread=card)
    office.people["ravi"].clicks(offer, "Approve this text")

    final = await office.sees("amira", office.help, "two weeks ahead", thread=asked)
    assert "Checked by Ravi" in final.text
    assert final.live.mentions == [f"@{office.people['amira'].id}"]
    await office.sees("ravi", office.desk, "Approved with changes by Ravi")
    below = office.people["amira"].sees(office.help, thread=asked)[1]
    assert "See the message below" in below.text

    again = office.people["omar"].says(office.help, "@expert How can I reserve the roof terrace for a party?")
    found = await office.sees("omar", office.help, "two weeks ahead", thread=again)
    assert "Checked by Ravi" in found.text

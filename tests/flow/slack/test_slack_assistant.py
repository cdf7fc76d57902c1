"""The assistant's container: prompts to begin with, a status while it works, answers that are streamed."""

import pytest

from demo.fake_slack import faults
from tests.flow.slack.conftest import Office

ROTATE = "How do I rotate the Redis password?"


async def test_the_assistant_greets_with_prompts_and_streams_its_answer(office: Office) -> None:
    amira = office.people["amira"]
    thread = amira.opens_assistant()
    await office.slack.until(lambda: thread.prompts, 20)

    amira.says(amira.dm, ROTATE, thread=thread.ts)
    answered = await office.sees("amira", amira.dm, "Sure", thread=thread.ts)

    assert "Ask a person" in answered.buttons
    methods = [call.method for call in office.slack.calls]
    assert "chat.startStream" in methods
    assert "chat.stopStream" in methods
    assert "assistant.threads.setStatus" in methods
    assert [one for one in amira.sees(amira.dm) if "Looking" in one.text] == []


@pytest.mark.parametrize("method", ["chat.startStream", "chat.appendStream", "chat.stopStream"])
@pytest.mark.parametrize(
    "fault", [faults.error("channel_type_not_supported"), faults.cut(processed=True), faults.status(500)]
)
async def test_a_stream_that_breaks_is_one_message_all_the_same(
    office: Office, method: str, fault: faults.Fault
) -> None:
    amira = office.people["amira"]
    thread = amira.opens_assistant()
    office.slack.misbehave(method, fault)

    amira.says(amira.dm, ROTATE, thread=thread.ts)
    await office.sees("amira", amira.dm, "Sure", thread=thread.ts)
    await office.quiet()

    answers = [one for one in amira.sees(amira.dm, thread=thread.ts) if "waybill" in one.text]
    assert len(answers) == 1
    assert "Ask a person" in answers[0].buttons

"""Files attached to a question are read, and the answer says which."""

from demo.fake_slack.faults import slow, status
from tests.flow.slack.conftest import Office

LOG = b"2026-11-21 10:00:01 redis-server WARNING user waybill: invalid password, WRONGPASS\n"


async def test_what_was_attached_is_read_and_named(office: Office) -> None:
    asked = office.people["amira"].says(
        office.help,
        "@expert How do I rotate the Redis password?",
        files=[
            ("redis.log", LOG, "text/plain"),
            ("core.bin", b"\x00\x01\x02" * 50, "application/octet-stream"),
        ],
    )

    answered = await office.sees("amira", office.help, "Sure", thread=asked)

    assert "Read: redis.log (1 lines)" in answered.text
    assert "Not read: core.bin" in answered.text


async def test_a_file_alone_is_a_question(office: Office) -> None:
    asked = office.people["amira"].says(office.help, "@expert", files=[("redis.log", LOG, "text/plain")])

    answered = await office.sees("amira", office.help, "redis.log", thread=asked)

    assert "What would you like to know" not in answered.text


async def test_a_file_that_comes_slowly_is_read(office: Office) -> None:
    office.calls.timeout_s = 0.5
    office.slack.misbehave("files", slow(1.0))
    asked = office.people["amira"].says(office.help, "@expert", files=[("redis.log", LOG, "text/plain")])
    await office.sees("amira", office.help, "redis.log (1 lines)", thread=asked)


async def test_a_question_does_not_wait_for_a_file(office: Office) -> None:
    office.slack.misbehave("files", status(503), times=-1)
    asked = office.people["amira"].says(
        office.help,
        "@expert How do I rotate the Redis password?",
        files=[("redis.log", LOG, "text/plain")],
    )
    answered = await office.sees("amira", office.help, "Sure", thread=asked)
    assert "Not read: redis.log: it could not be fetched" in answered.text

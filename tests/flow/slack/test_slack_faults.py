"""Slack misbehaving: nothing is lost, nothing is there twice, and Retry-After is kept."""

from uuid import uuid4

import pytest

from bots.chat_platform import Heard, Inbound, Opened, Place, Pressed, Said, Submitted, What
from brain.domain.conversation import Delivery, DeliveryId
from brain.domain.events import DeliveryAccepted
from demo.fake_slack import Message, Seen
from demo.fake_slack.faults import Fault, cut, error, hang, html_page, rate_limited, slow, status
from tests.flow.slack.conftest import Office

ROTATE = "How do I rotate the Redis password?"
ANSWERED = "redis-cli"
# Shorter than any of the faults that hang.
TIMEOUT_S = 0.5

BEFORE: dict[str, Fault] = {
    "429": rate_limited(2),
    "429 without a time": rate_limited(None),
    "500": status(500, "no"),
    "503": status(503),
    "a page for an answer": html_page(),
    "text for an answer": status(200, "Welcome to this network"),
    "an internal error": error("internal_error"),
    "hanging": hang(),
    "cut": cut(processed=False),
}
AFTER: dict[str, Fault] = {
    "500": status(500, "no", processed=True),
    "a page for an answer": html_page(processed=True),
    "an internal error": error("internal_error", processed=True),
    "too slow": slow(TIMEOUT_S * 3),
    "hanging": hang(processed=True),
    "cut": cut(processed=True),
}
EVERY = [pytest.param(one, id=f"{name}, before") for name, one in BEFORE.items()] + [
    pytest.param(one, id=f"{name}, after") for name, one in AFTER.items()
]


@pytest.fixture
def hasty(office: Office) -> Office:
    office.calls.timeout_s = TIMEOUT_S
    return office


def _ours(office: Office, asked: Message) -> list[Seen]:
    """What the bot says in the thread, as somebody else sees it."""
    return [one for one in office.people["omar"].sees(office.help, thread=asked) if one.ts != asked.ts]


async def _answered_once(office: Office) -> None:
    asked = office.people["amira"].says(office.help, f"@expert {ROTATE}")
    await office.sees("omar", office.help, ANSWERED, thread=asked)
    await office.quiet()
    [answer] = _ours(office, asked)
    assert "Sure" in answer.text
    assert office.slack.limits.impatient == []


@pytest.mark.parametrize("fault", EVERY)
async def test_a_post_that_goes_wrong(hasty: Office, fault: Fault) -> None:
    hasty.slack.misbehave("chat.postMessage", fault)
    await _answered_once(hasty)


@pytest.mark.parametrize("fault", EVERY)
async def test_an_edit_that_goes_wrong(hasty: Office, fault: Fault) -> None:
    hasty.slack.misbehave("chat.update", fault)
    await _answered_once(hasty)


@pytest.mark.parametrize("method", ["conversations.members", "users.info", "*"])
@pytest.mark.parametrize("name", ["429", "500", "hanging", "cut"])
async def test_a_look_that_goes_wrong(hasty: Office, method: str, name: str) -> None:
    hasty.slack.misbehave(method, BEFORE[name], times=2)
    await _answered_once(hasty)


async def test_the_look_for_a_lost_post_goes_wrong_too(hasty: Office) -> None:
    hasty.slack.misbehave("chat.postMessage", cut(processed=True))
    for fault in (cut(processed=False), rate_limited(1), status(500)):
        hasty.slack.misbehave("conversations.replies", fault)
    await _answered_once(hasty)


async def test_everything_goes_wrong_once(hasty: Office) -> None:
    for method in ("users.info", "conversations.members", "conversations.replies"):
        hasty.slack.misbehave(method, status(500))
    for method in ("chat.postMessage", "chat.update"):
        hasty.slack.misbehave(method, rate_limited(1))
        hasty.slack.misbehave(method, cut(processed=True))
    await _answered_once(hasty)


class TestPrivately:
    """An answer that only its asker sees goes to an address that Slack gave with the command."""

    @staticmethod
    def _seen(office: Office) -> list[Seen]:
        """Everything with the answer in it, in the channel and directly."""
        amira = office.people["amira"]
        seen = amira.sees(office.help) + amira.sees(amira.dm)
        return [one for one in seen if ANSWERED in one.text]

    async def _asked(self, office: Office) -> list[Seen]:
        office.people["amira"].commands("/expert", f"ask {ROTATE}", office.help)
        await office.slack.until(lambda: self._seen(office), 20)
        await office.quiet()
        assert office.people["omar"].sees(office.help) == []
        return self._seen(office)

    async def test_429(self, hasty: Office) -> None:
        hasty.slack.misbehave("hooks", rate_limited(2))
        [answer] = await self._asked(hasty)
        assert answer.ephemeral
        first, second = (one.at for one in hasty.slack.calls if one.method == "hooks")
        assert second - first >= 2

    @pytest.mark.parametrize("fault", [status(404), status(410), status(403)], ids=["404", "410", "403"])
    async def test_over(self, hasty: Office, fault: Fault) -> None:
        hasty.slack.misbehave("hooks", fault)
        [answer] = await self._asked(hasty)
        assert not answer.ephemeral, "a direct message"

    @pytest.mark.parametrize(
        "fault", [status(500), cut(processed=False), hang()], ids=["500", "cut", "hangs"]
    )
    async def test_perhaps(self, hasty: Office, fault: Fault) -> None:
        hasty.slack.misbehave("hooks", fault)
        hasty.slack.misbehave("conversations.open", status(500))
        hasty.slack.misbehave("chat.postMessage", cut(processed=True))
        [answer] = await self._asked(hasty)
        assert not answer.ephemeral, "nobody can look for a private reply, but for a direct message"

    async def test_accepted_without_a_word(self, hasty: Office) -> None:
        hasty.slack.misbehave("hooks", cut(processed=True))
        private, direct = await self._asked(hasty)
        assert (private.ephemeral, direct.ephemeral) == (True, False), "better twice than never"


class TestForms:
    async def _presses(self, office: Office, fault: Fault, times: int = 1) -> None:
        asked = office.people["amira"].says(office.help, f"@expert {ROTATE}")
        answer = await office.sees("amira", office.help, ANSWERED, thread=asked)
        await office.quiet()
        office.slack.misbehave("views.open", fault, times)
        office.people["amira"].clicks(answer, "Not helpful")

    @pytest.mark.parametrize(
        "fault",
        [cut(processed=False), cut(processed=True), status(500), status(500, processed=True)],
        ids=["cut before", "cut after", "500 before", "500 after"],
    )
    async def test_one_opens(self, office: Office, fault: Fault) -> None:
        await self._presses(office, fault)
        amira = office.people["amira"]
        view = await office.slack.until(lambda: amira.view, 10)
        await office.quiet()
        assert view.blocks
        assert not [one for one in amira.sees(office.help) if "could not be opened" in one.text]

    async def test_too_late_is_told(self, office: Office) -> None:
        await self._presses(office, rate_limited(4))
        told = await office.sees("amira", office.help, "could not be opened")
        assert told.ephemeral
        assert office.slack.limits.impatient == []

    async def test_never_knowing_is_told(self, office: Office) -> None:
        await self._presses(office, cut(processed=False), times=2)
        assert (await office.sees("amira", office.help, "could not be opened")).ephemeral


class TestForGood:
    """Where Slack says no and will say no again, whoever asked is told another way, and nobody else waits."""

    @staticmethod
    async def _dead(office: Office) -> list[str]:
        await office.quiet()
        async with office.world.store.transaction(office.tenant) as tx:
            return [one.error for one in await tx.records.tasks(dead_only=True, limit=20)]

    async def test_an_archived_channel(self, office: Office) -> None:
        office.slack.misbehave("users.info", slow(0.5, processed=False), times=3)
        asked = office.people["amira"].says(office.help, f"@expert {ROTATE}")
        office.help.archived = True
        amira = office.people["amira"]
        told = await office.sees("amira", amira.dm, ANSWERED)
        assert "I cannot write where you asked this" in told.text
        assert _ours(office, asked) == []
        assert any("is_archived" in one for one in await self._dead(office))

    async def test_an_archived_channel_after_the_first_word(self, office: Office) -> None:
        office.slack.misbehave("chat.update", slow(2.0, processed=False))
        asked = office.people["amira"].says(office.help, f"@expert {ROTATE}")
        [first] = await office.slack.until(lambda: _ours(office, asked), 10)
        office.help.archived = True
        if ANSWERED in first.text:
            return  # the answer was faster than a first word, and stands there
        amira = office.people["amira"]
        await office.sees("amira", amira.dm, ANSWERED)

    async def test_thrown_out(self, office: Office) -> None:
        office.slack.misbehave("users.info", slow(0.5, processed=False), times=3)
        office.people["amira"].says(office.help, f"@expert {ROTATE}")
        office.people["ravi"].removes_bot(office.help)
        amira = office.people["amira"]
        await office.slack.until(lambda: amira.sees(amira.dm), 20)
        office.people["omar"].says(office.people["omar"].dm, ROTATE)
        await office.sees("omar", office.people["omar"].dm, ANSWERED)

    @pytest.mark.parametrize("scope", ["users:read", "channels:read", "chat:write"])
    async def test_a_scope_is_missing(self, office: Office, scope: str) -> None:
        office.slack.workspace.scopes.remove(scope)
        amira = office.people["amira"]
        asked = amira.says(office.help, f"@expert {ROTATE}")
        if scope != "chat:write":
            await office.slack.until(lambda: amira.sees(amira.dm) or _ours(office, asked), 20)
            office.slack.api.violations.clear()
            return
        dead = await self._dead(office)
        assert any("missing_scope" in one for one in dead)
        office.slack.api.violations.clear()

    async def test_a_revoked_token(self, office: Office) -> None:
        office.slack.uninstalls()
        office.people["amira"].says(office.help, f"@expert {ROTATE}")
        await office.quiet()

    async def test_what_is_refused_holds_nobody_up(self, office: Office) -> None:
        amira = office.people["amira"]
        first = amira.says(office.help, f"@expert {ROTATE}")
        await office.sees("omar", office.help, ANSWERED, thread=first)
        await office.quiet()
        office.slack.misbehave("chat.postMessage", error("msg_blocks_too_long"))
        amira.says(office.help, "@expert help", thread=first)
        await office.sees("amira", office.help, "msg_blocks_too_long", thread=first)
        amira.says(office.help, f"@expert {ROTATE}", thread=first)
        await office.sees("omar", office.help, ANSWERED, thread=first, times=2)


@pytest.mark.parametrize(
    ("what", "told"),
    [
        (Said(ROTATE, Heard.MENTION, "1.1"), 1),
        (Said(ROTATE, Heard.DIRECT, "1.1"), 1),
        (Pressed("why", "x"), 1),
        (Submitted("edit", "x"), 1),
        (Said(ROTATE, Heard.OVERHEARD, "1.1"), 0),
        (Opened(Place.HOME), 0),
    ],
)
async def test_only_who_addressed_the_bot_hears_that_it_failed(office: Office, what: What, told: int) -> None:
    amira = office.people["amira"]
    inbound = Inbound("event/Ev1", office.place(office.help), amira.id, what)
    delivery = Delivery(DeliveryId(uuid4()), "slack", inbound.delivery, "", inbound.to_json())
    async with office.world.store.transaction(office.tenant) as tx:
        assert await tx.talk.inbox.accept(delivery)

    await office.last["hear"](office.tenant, DeliveryAccepted(delivery.id))

    assert len(amira.sees(amira.dm)) == told
    assert await office.brain.delivery(office.tenant, delivery.id) is None

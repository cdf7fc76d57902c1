"""Nothing that Slack sends waits for what we could have known before."""

import pytest

from tests.contract.slack_install.conftest import Desk


@pytest.mark.parametrize("way", ["sockets", "http"])
async def test_the_first_delivery_waits_for_no_call_of_ours(desk: Desk, way: str) -> None:
    if way == "http":
        desk.environment.delenv("EXPERT_SLACK_APP_TOKEN")
        desk.set(slack_signing_secret=f"{'0' * 32}, {desk.slack.signing_secret}")
    async with desk.running():
        await desk.slack.until(lambda: [one for one in desk.slack.calls if one.method == "auth.test"], 10)
        if way == "http":
            desk.slack.deliveries.urls[:] = [f"http://127.0.0.1:{desk.settings.port}/slack/events"]
        channel = desk.slack.add_channel("it-help", [desk.people["amira"]])
        before = len(desk.slack.calls)
        acknowledged = await desk.people["amira"].commands("/expert", "ask Why?", channel)

        assert acknowledged.failure == ""
        assert [one.method for one in desk.slack.calls[before:]] == []
        desk.slack.deliveries.urls.clear()
    async with desk.world.store.transaction(desk.world.tenant) as tx:
        kept = await tx.connection.exec_driver_sql("SELECT delivery_id FROM inbox WHERE source = 'slack'")
        assert [one.delivery_id[:8] for one in kept] == ["command/"]

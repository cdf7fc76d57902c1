"""The events that Slack tells an app of, and the payloads of commands and of what people press.

https://docs.slack.dev/reference/events
"""

from demo.fake_slack.records import App, Channel, Json, Message, User, View, Workspace

CHANNEL_TYPE = {"channel": "channel", "group": "group", "im": "im", "mpim": "mpim"}
SUBSCRIPTION = {
    "channel": "message.channels",
    "group": "message.groups",
    "im": "message.im",
    "mpim": "message.mpim",
}


def wrapped(app: App, workspace: Workspace, event: Json, *, event_id: str, shared: bool = False) -> Json:
    """An event in the envelope that it is sent in."""
    return {
        "token": app.verification_token,
        "team_id": workspace.id,
        "context_team_id": workspace.id,
        "context_enterprise_id": None,
        "api_app_id": app.id,
        "event": event,
        "type": "event_callback",
        "event_id": event_id,
        "event_time": int(float(event["event_ts"])),
        "authorizations": [
            {
                "enterprise_id": None,
                "team_id": workspace.id,
                "user_id": workspace.bot.id,
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
        "is_ext_shared_channel": shared,
        "event_context": f"4-{event_id}",
    }


def message(channel: Channel, said: Message) -> Json:
    event = said.to_slack()
    if channel.shared_with:
        event |= {"user_team": said.team, "source_team": said.team}
        if said.files:
            # Files of shared channels come as stubs: https://docs.slack.dev/apis/slack-connect/
            event["files"] = [{"id": file.id, "file_access": "check_file_info"} for file in said.files]
    more = {"channel": channel.id, "event_ts": said.ts, "channel_type": CHANNEL_TYPE[channel.kind]}
    if said.is_reply and (parent := channel.find(said.thread_ts)) is not None:
        more["parent_user_id"] = parent.user
    return event | more


def mention(channel: Channel, said: Message) -> Json:
    event = message(channel, said) | {"type": "app_mention"}
    event.pop("channel_type")
    event.pop("subtype", None)
    return event


def changed(channel: Channel, before: Json, after: Message, *, ts: str) -> Json:
    return _hidden(channel, "message_changed", ts) | {
        "message": after.to_slack() | {"source_team": after.team, "user_team": after.team},
        "previous_message": before,
    }


def removed(channel: Channel, before: Message, *, ts: str) -> Json:
    return _hidden(channel, "message_deleted", ts) | {
        "previous_message": before.to_slack(),
        "deleted_ts": before.ts,
    }


def _hidden(channel: Channel, subtype: str, ts: str) -> Json:
    return {
        "type": "message",
        "subtype": subtype,
        "hidden": True,
        "channel": channel.id,
        "ts": ts,
        "event_ts": ts,
        "channel_type": CHANNEL_TYPE[channel.kind],
    }


def membership(channel: Channel, user: User, *, joined: bool, ts: str) -> Json:
    return {
        "type": "member_joined_channel" if joined else "member_left_channel",
        "user": user.id,
        "channel": channel.id,
        "channel_type": {"channel": "C", "group": "G"}.get(channel.kind, "D"),
        "team": channel.team,
        "event_ts": ts,
    }


def person(workspace: Workspace, user: User) -> Json:
    return {"id": user.id, "username": user.name, "name": user.name, "team_id": workspace.id} | (
        {"team_id": user.team} if user.team != workspace.id else {}
    )


def interaction(app: App, workspace: Workspace, user: User, kind: str) -> Json:
    """What everything that is pressed has in common."""
    return {
        "type": kind,
        "token": app.verification_token,
        "api_app_id": app.id,
        "team": {"id": workspace.id, "domain": workspace.domain},
        "user": person(workspace, user),
        "enterprise": None,
        "is_enterprise_install": False,
    }


def place(channel: Channel) -> Json:
    names = {"im": "directmessage", "group": "privategroup"}
    return {"id": channel.id, "name": names.get(channel.kind, channel.name)}


def container(channel: Channel, said: Message) -> Json:
    found = {
        "type": "message",
        "message_ts": said.ts,
        "channel_id": channel.id,
        "is_ephemeral": bool(said.only_for),
    }
    return found | ({"thread_ts": said.thread_ts} if said.thread_ts else {})


def view_container(view: View) -> Json:
    return {"type": "view", "view_id": view.id}


def command(app: App, workspace: Workspace, user: User, channel: Channel) -> Json:
    return {
        "token": app.verification_token,
        "team_id": workspace.id,
        "team_domain": workspace.domain,
        "channel_id": channel.id,
        "channel_name": place(channel)["name"],
        "user_id": user.id,
        "user_name": user.name,
        "api_app_id": app.id,
        "is_enterprise_install": "false",
    }

"""The methods that tell who is there and what was said: conversations, users, bots, team, files."""

from demo.fake_slack.caller import Caller, page, truth
from demo.fake_slack.chat_api import Handler
from demo.fake_slack.records import Channel, Json, Message, User
from demo.fake_slack.refusal import Refused, gone


def _cursor(following: str) -> Json:
    return {"response_metadata": {"next_cursor": following}}


def _channel(caller: Caller, channel: Channel) -> Json:
    other = next((one for one in channel.members if one != caller.bot.id), "")
    return channel.to_slack(bot=caller.bot.id, other=other)


def info(caller: Caller, arguments: Json) -> Json:
    channel = caller.channel(arguments["channel"])
    shown = _channel(caller, channel)
    if truth(arguments.get("include_num_members")):
        shown["num_members"] = len(channel.members)
    if truth(arguments.get("include_locale")):
        shown["locale"] = "en-US"
    return {"channel": shown}


def members(caller: Caller, arguments: Json) -> Json:
    channel = caller.channel(arguments["channel"])
    found, following = page(channel.members, arguments, default=100, most=1000)
    return {"members": found, **_cursor(following)}


def list_channels(caller: Caller, arguments: Json) -> Json:
    """With the bot's own ones alone for users.conversations, told apart by what is registered below."""
    wanted = str(arguments.get("types") or "public_channel").split(",")
    kinds = {"public_channel": "channel", "private_channel": "group", "im": "im", "mpim": "mpim"}
    if unknown := set(wanted) - kinds.keys():
        raise Refused("invalid_types", str(unknown))
    types = {kinds[one] for one in wanted}
    known = [
        one
        for one in caller.world.channels.values()
        if one.kind in types
        and caller.workspace.id in {one.team, *one.shared_with}
        and (one.kind == "channel" or caller.bot.id in one.members)
        and not (one.archived and truth(arguments.get("exclude_archived")))
    ]
    found, following = page(known, arguments, default=100, most=1000)
    return {"channels": [_channel(caller, one) for one in found], **_cursor(following)}


def own_channels(caller: Caller, arguments: Json) -> Json:
    whole = list_channels(caller, {**arguments, "limit": 1000, "cursor": ""})["channels"]
    mine = [one for one in whole if one.get("is_member", True)]
    found, following = page(mine, arguments, default=100, most=1000)
    return {"channels": found, **_cursor(following)}


def open_direct(caller: Caller, arguments: Json) -> Json:
    if channel_id := arguments.get("channel"):
        channel = caller.channel(channel_id)
    elif names := arguments.get("users"):
        people = str(names).split(",")
        if len(people) > 1:
            raise Refused("method_not_supported_for_channel_type", "the fake opens no group conversations")
        user = caller.user(people[0])
        if user.deleted:
            raise gone("user_disabled")
        channel = caller.world.direct(caller.workspace, user)
    else:
        raise Refused("users_list_not_supplied")
    whole = truth(arguments.get("return_im"))
    return {"channel": _channel(caller, channel) if whole else {"id": channel.id}}


def join(caller: Caller, arguments: Json) -> Json:
    channel = caller.channel(arguments["channel"])
    if channel.kind != "channel":
        raise Refused("method_not_supported_for_channel_type")
    if channel.archived:
        raise gone("is_archived")
    caller.world.join(channel, caller.bot)
    return {"channel": _channel(caller, channel)}


def _visible(messages: list[Message], arguments: Json) -> list[Message]:
    oldest, latest = float(arguments.get("oldest") or 0), float(arguments.get("latest") or 1e12)
    inclusive = truth(arguments.get("inclusive"))

    def within(ts: float) -> bool:
        return oldest < ts < latest or (inclusive and ts in {oldest, latest})

    return [one for one in messages if not one.deleted and not one.only_for and within(float(one.ts))]


def _shown(channel: Channel, message: Message, arguments: Json) -> Json:
    shown = message.to_slack(metadata=truth(arguments.get("include_all_metadata")))
    if message.is_reply:
        parent = channel.find(message.thread_ts)
        return shown | {"parent_user_id": parent.user if parent else ""}
    replies = [one for one in channel.replies(message.ts) if not one.deleted and not one.only_for]
    if replies:
        people = list(dict.fromkeys(one.user for one in replies))
        shown |= {
            "thread_ts": message.ts,
            "reply_count": len(replies),
            "reply_users": people,
            "reply_users_count": len(people),
            "latest_reply": replies[-1].ts,
        }
    return shown


def history(caller: Caller, arguments: Json) -> Json:
    channel = caller.joined(arguments["channel"])
    top = [one for one in channel.messages if not one.is_reply or one.broadcast]
    found, following = page(_visible(top, arguments)[::-1], arguments, default=100, most=999)
    shown = [_shown(channel, one, arguments) for one in found]
    return {"messages": shown, "has_more": bool(following), **_cursor(following)}


def replies(caller: Caller, arguments: Json) -> Json:
    channel = caller.joined(arguments["channel"])
    ts = str(arguments["ts"])
    parent = channel.find(ts)
    if parent is None or parent.only_for or (parent.deleted and not channel.replies(ts)):
        raise gone("thread_not_found")
    # Asked for a reply, Slack shows that reply alone. A parent comes first, whatever the span.
    thread = [] if parent.is_reply else _visible(channel.replies(ts), arguments)
    found, following = page([parent, *thread], arguments, default=1000, most=1000)
    shown = [_shown(channel, one, arguments) for one in found if not one.deleted]
    return {"messages": shown, "has_more": bool(following), **_cursor(following)}


def _user(caller: Caller, user: User, arguments: Json) -> Json:
    return user.to_slack(
        seen_from=caller.workspace.id,
        email="users:read.email" in caller.token.scopes,
        locale=truth(arguments.get("include_locale")),
    )


def user_info(caller: Caller, arguments: Json) -> Json:
    return {"user": _user(caller, caller.user(arguments["user"]), arguments)}


def users(caller: Caller, arguments: Json) -> Json:
    own = [one for one in caller.world.users.values() if one.team == caller.workspace.id]
    found, following = page(own, arguments, default=1000, most=1000)
    return {"members": [_user(caller, one, arguments) for one in found], **_cursor(following)}


def by_email(caller: Caller, arguments: Json) -> Json:
    wanted = arguments["email"].lower()
    for user in caller.world.users.values():
        if user.team == caller.workspace.id and user.email.lower() == wanted and not user.deleted:
            return {"user": _user(caller, user, arguments)}
    raise gone("users_not_found")


def bot_info(caller: Caller, arguments: Json) -> Json:
    wanted = arguments.get("bot") or caller.bot.bot_id
    for user in caller.world.users.values():
        if user.is_bot and user.bot_id == wanted:
            app = caller.world.app.id if user.id == caller.bot.id else ""
            return {
                "bot": {
                    "id": wanted,
                    "name": user.real_name,
                    "user_id": user.id,
                    "app_id": app,
                    "deleted": False,
                }
            }
    raise gone("bot_not_found")


def team_info(caller: Caller, arguments: Json) -> Json:
    wanted = arguments.get("team") or caller.workspace.id
    team = caller.world.workspaces.get(wanted)
    if team is None:
        raise gone("team_not_found")
    return {"team": {"id": team.id, "name": team.name, "domain": team.domain, "email_domain": ""}}


def file_info(caller: Caller, arguments: Json) -> Json:
    file = caller.world.files.get(arguments["file"])
    if file is None:
        raise gone("file_not_found")
    if file.deleted:
        raise gone("file_deleted")
    return {"file": file.to_slack(), "comments": [], "response_metadata": {"next_cursor": ""}}


HANDLERS: dict[str, Handler] = {
    "bots.info": bot_info,
    "conversations.history": history,
    "conversations.info": info,
    "conversations.join": join,
    "conversations.list": list_channels,
    "conversations.members": members,
    "conversations.open": open_direct,
    "conversations.replies": replies,
    "files.info": file_info,
    "team.info": team_info,
    "users.conversations": own_channels,
    "users.info": user_info,
    "users.list": users,
    "users.lookupByEmail": by_email,
}

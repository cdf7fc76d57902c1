"""The methods `views.*` and `assistant.threads.*`: modals, the Home, and the assistant container."""

import secrets

from demo.fake_slack.caller import Caller
from demo.fake_slack.chat_api import Handler
from demo.fake_slack.content import checked_view
from demo.fake_slack.reading import seen_text
from demo.fake_slack.records import AssistantThread, Json, View
from demo.fake_slack.refusal import Refused, gone
from demo.fake_slack.world import World

STATUS_LASTS_S = 120.0
STACK = 3


def _trigger(caller: Caller, arguments: Json) -> str:
    """Who pressed or typed something, less than three seconds ago, and that once."""
    name = arguments.get("trigger_id") or arguments.get("interactivity_pointer") or ""
    trigger = caller.world.triggers.get(name)
    if trigger is None or trigger.team != caller.workspace.id:
        raise Refused("invalid_trigger_id")
    if trigger.used:
        raise gone("exchanged_trigger_id")
    if caller.world.now() > trigger.expires_at:
        raise gone("expired_trigger_id")
    trigger.used = True
    return trigger.user


def new_view(world: World, team: str, user: str, source: Json) -> View:
    bot = world.workspaces[team].bot.bot_id
    return View(world.fresh("V"), team, user, source, _hash(), world.app.id, bot)


def _hash() -> str:
    return f"{secrets.randbelow(10**10)}.{secrets.token_hex(4)}"


def show(world: World, view: View, where: str) -> None:
    title = view.source.get("title", {}).get("text", "")
    text = "\n".join(part for part in (title, _content(world, view)) if part)
    world.note_for(world.users[view.user], where, where, text)


def _content(world: World, view: View) -> str:
    return seen_text("", view.blocks, world.name)


def open_view(caller: Caller, arguments: Json) -> Json:
    # Looked at before the trigger is spent: a wrong view can be put right within its three seconds.
    source = checked_view(arguments["view"], "modal", caller.world.fresh("b"))
    user = _trigger(caller, arguments)
    view = new_view(caller.world, caller.workspace.id, user, source)
    caller.world.views[user] = [view]
    show(caller.world, view, "modal")
    return {"view": view.to_slack()}


def push_view(caller: Caller, arguments: Json) -> Json:
    source = checked_view(arguments["view"], "modal", caller.world.fresh("b"))
    user = _trigger(caller, arguments)
    stack = caller.world.views.get(user, [])
    if not stack:
        raise gone("not_found")
    if len(stack) >= STACK:
        raise Refused("push_limit_reached")
    view = new_view(caller.world, caller.workspace.id, user, source)
    view.root, view.previous = stack[0].id, stack[-1].id
    stack.append(view)
    show(caller.world, view, "modal")
    return {"view": view.to_slack()}


def update_view(caller: Caller, arguments: Json) -> Json:
    name, external = arguments.get("view_id"), arguments.get("external_id")
    open_ones = [one for stack in caller.world.views.values() for one in stack]
    views = [*open_ones, *caller.world.homes.values()]
    found = [
        one
        for one in views
        if one.team == caller.workspace.id
        and (one.id == name or (external and one.source.get("external_id") == external))
    ]
    if not name and not external:
        raise Refused("invalid_arguments", "needs view_id or external_id")
    if not found:
        raise gone("not_found")
    view = found[0]
    if arguments.get("hash") and arguments["hash"] != view.hash:
        raise gone("hash_conflict")
    replace_view(
        caller.world, view, checked_view(arguments["view"], view.source["type"], caller.world.fresh("b"))
    )
    return {"view": view.to_slack()}


def replace_view(world: World, view: View, source: Json) -> None:
    view.source, view.hash, view.errors = source, _hash(), {}
    show(world, view, source["type"])


def publish(caller: Caller, arguments: Json) -> Json:
    source = checked_view(arguments["view"], "home", caller.world.fresh("b"))
    user = caller.user(arguments["user_id"])
    key = (caller.workspace.id, user.id)
    view = caller.world.homes.get(key)
    if view is None:
        view = caller.world.homes[key] = new_view(caller.world, caller.workspace.id, user.id, source)
    elif arguments.get("hash") and arguments["hash"] != view.hash:
        raise gone("hash_conflict")
    replace_view(caller.world, view, source)
    return {"view": view.to_slack()}


# ---- assistant: https://docs.slack.dev/reference/methods/assistant.threads.setStatus


def _assistant(caller: Caller, arguments: Json) -> AssistantThread | None:
    """The container, if that is where the thread is: a status can be set in other threads as well."""
    channel = caller.joined(arguments["channel_id"])
    ts = str(arguments["thread_ts"])
    parent = channel.find(ts)
    if parent is None or parent.is_reply or parent.only_for:
        raise Refused("invalid_thread_ts")
    return next((one for one in caller.world.assistants if (one.channel, one.ts) == (channel.id, ts)), None)


def set_status(caller: Caller, arguments: Json) -> Json:
    thread = _assistant(caller, arguments)
    if len(arguments.get("loading_messages") or []) > 10:
        raise Refused("invalid_arguments", "at most 10 loading_messages")
    channel = caller.world.channels[arguments["channel_id"]]
    if thread is None:
        thread = AssistantThread(channel.id, str(arguments["thread_ts"]), user="")
        caller.world.assistants.append(thread)
    thread.status, thread.status_until = arguments["status"], caller.world.now() + STATUS_LASTS_S
    for name in channel.members:
        if not caller.world.users[name].is_bot:
            caller.world.note_for(caller.world.users[name], "status", channel.label, arguments["status"])
    return {}


def set_prompts(caller: Caller, arguments: Json) -> Json:
    thread = _assistant(caller, arguments)
    prompts = arguments["prompts"]
    good = isinstance(prompts, list) and all(isinstance(one, dict) for one in prompts)
    if not good or not 1 <= len(prompts) <= 4 or any(one.keys() != {"title", "message"} for one in prompts):
        raise Refused("invalid_arguments", "one to four prompts, each a title and a message")
    if thread is None or not thread.user:
        raise Refused("invalid_thread_ts", "not a thread of the assistant")
    thread.prompts, thread.prompts_title = prompts, arguments.get("title") or ""
    text = "\n".join([thread.prompts_title, *(f"[{one['title']}]" for one in prompts)]).strip()
    channel = caller.world.channels[thread.channel]
    caller.world.note_for(caller.world.users[thread.user], "prompts", channel.label, text)
    return {}


def set_title(caller: Caller, arguments: Json) -> Json:
    thread = _assistant(caller, arguments)
    if thread is None or not thread.user:
        raise Refused("invalid_thread_ts", "not a thread of the assistant")
    thread.title = arguments["title"]
    return {}


HANDLERS: dict[str, Handler] = {
    "assistant.threads.setStatus": set_status,
    "assistant.threads.setSuggestedPrompts": set_prompts,
    "assistant.threads.setTitle": set_title,
    "views.open": open_view,
    "views.publish": publish,
    "views.push": push_view,
    "views.update": update_view,
}

"""Response addresses: what an app may still say, for half an hour and five times.

https://docs.slack.dev/interactivity/handling-user-interaction#message_responses
"""

from typing import Any

from aiohttp import web

from demo.fake_slack.content import checked_body, checked_metadata
from demo.fake_slack.faults import Faults
from demo.fake_slack.records import Channel, Json, Message, ResponseUrl
from demo.fake_slack.refusal import Refused
from demo.fake_slack.web_api import Call, WebApi
from demo.fake_slack.world import World

USES = 5
_KNOWN = frozenset(
    """attachments blocks delete_original link_names metadata mrkdwn parse replace_original response_type text
    thread_ts unfurl_links unfurl_media""".split()
)


class Hooks:
    def __init__(self, world: World, api: WebApi, faults: Faults) -> None:
        self._world = world
        self._api = api
        self._faults = faults

    async def handle(self, request: web.Request) -> web.StreamResponse:
        try:
            body = await request.json()
        except ValueError:
            body = None
        call = Call("hooks", body if isinstance(body, dict) else {}, request.path, self._world.now())
        self._api.calls.append(call)
        fault = self._faults.take("hooks")
        call.faulty = fault is not None
        await self._faults.before(fault)
        right = None if self._faults.prevents(fault) else self._respond(call, body)
        self._world.touched()
        return await self._faults.answer(fault, request, right)

    def _respond(self, call: Call, body: Any) -> web.Response:
        call.status, call.error = 200, ""
        address = self._world.response_urls.get(call.token)
        try:
            if address is None:
                raise Refused("invalid_url")
            if self._world.now() > address.expires_at:
                raise Refused("expired_url")
            if address.uses >= USES:
                raise Refused("used_url")
            if not isinstance(body, dict):
                raise Refused("invalid_payload")
            self.say(address, body)
            address.uses += 1
        except Refused as refused:
            known = refused.error.endswith("_url")
            call.status, call.error = 404 if known else 400, refused.error
            self._api.violate("response_url", " ".join([refused.error, *refused.problems]), call.arguments)
            if known:
                return web.json_response(refused.answer, status=404)
            return web.Response(text=refused.error, status=400)
        return web.Response(text="ok")

    def acknowledged(self, url: str, body: Any) -> None:
        """What came with the acknowledgement of a command is shown as if it had been sent there."""
        if not body:
            return
        said = {"text": body} if isinstance(body, str) else body
        try:
            self.say(self._world.response_urls[url.removeprefix(self._world.base)], said)
        except Refused as refused:
            self._api.violate("acknowledgement", " ".join([refused.error, *refused.problems]), said)

    def say(self, address: ResponseUrl, body: Json) -> None:
        channel = self._world.channels[address.channel]
        if unknown := body.keys() - _KNOWN:
            raise Refused("invalid_payload", f"unknown: {sorted(unknown)}")
        original = channel.find(address.message) if address.message else None
        if body.get("delete_original"):
            if original is not None and not original.deleted:
                self._world.delete(original)
            return
        text, blocks, attachments = checked_body(body, self._world.fresh("b"))
        metadata = checked_metadata(body.get("metadata"))
        if body.get("replace_original") and original is not None and not original.deleted:
            before = original.to_slack()
            original.text, original.blocks, original.attachments = text, blocks, attachments
            original.metadata = metadata or original.metadata
            self._world.change(original, by=original.user, before=before)
            return
        message = self._new(address, channel, body)
        message.text, message.blocks, message.attachments, message.metadata = (
            text,
            blocks,
            attachments,
            metadata,
        )
        self._world.post(message)

    def _new(self, address: ResponseUrl, channel: Channel, body: Json) -> Message:
        bot = self._world.workspaces[address.team].bot
        private = body.get("response_type", "ephemeral") == "ephemeral"
        return Message(
            ts=self._world.ts(),
            channel=channel.id,
            team=address.team,
            user=bot.id,
            text="",
            bot_id=bot.bot_id,
            app_id=self._world.app.id,
            thread_ts=str(body.get("thread_ts") or ""),
            only_for=address.user if private else "",
        )

"""Signing in: what a token is worth, how an app gets one, renews it and gives it back.

https://docs.slack.dev/authentication/installing-with-oauth and /using-token-rotation
"""

from demo.fake_slack.caller import Caller, truth
from demo.fake_slack.chat_api import Handler
from demo.fake_slack.records import Json, Token
from demo.fake_slack.refusal import Refused, gone
from demo.fake_slack.world import World

TOKEN_LASTS_S = 43_200


def auth_test(caller: Caller, _arguments: Json) -> Json:
    team = caller.workspace
    found: Json = {"url": f"https://{team.domain}.slack.com/", "team": team.name, "team_id": team.id}
    if caller.token.kind == "app":
        return found | {"app_name": caller.world.app.name, "app_id": caller.world.app.id}
    if caller.token.expires_at:
        found["expires_in"] = int(caller.token.expires_at - caller.world.now())
    who = {"user": caller.bot.name, "user_id": caller.bot.id, "bot_id": caller.bot.bot_id}
    return found | who | {"is_enterprise_install": False}


def revoke(caller: Caller, arguments: Json) -> Json:
    if not truth(arguments.get("test")):
        caller.token.revoked = True
    return {"revoked": not truth(arguments.get("test"))}


def access(world: World, arguments: Json) -> Json:
    """A token for a code, or the next one for a refresh token: either is good for one use."""
    app = world.app
    if arguments.get("client_id") != app.client_id:
        raise Refused("invalid_client_id")
    if arguments.get("client_secret") != app.client_secret:
        raise Refused("bad_client_secret")
    grant = arguments.get("grant_type") or "authorization_code"
    if grant == "refresh_token":
        refresh = arguments.get("refresh_token") or ""
        old = next((one for one in world.tokens.values() if refresh and one.refresh == refresh), None)
        if old is None or old.revoked:
            raise gone("invalid_refresh_token")
        old.refresh = ""
        return _granted(world, old.team)
    if grant != "authorization_code":
        raise Refused("invalid_grant_type")
    team = world.codes.pop(arguments.get("code") or "", None)
    if team is None:
        raise gone("invalid_code")
    return _granted(world, team)


def _granted(world: World, team: str) -> Json:
    workspace = world.workspaces[team]
    prefix, expires = "xoxb", None
    if world.app.rotation:
        prefix, expires = "xoxe.xoxb", world.now() + TOKEN_LASTS_S
    token = Token(f"{prefix}-{team}-{world.fresh('t')}", team, workspace.scopes, expires_at=expires)
    world.tokens[token.value] = token
    workspace.token = token.value
    answer: Json = {
        "access_token": token.value,
        "token_type": "bot",
        "scope": ",".join(workspace.scopes),
        "bot_user_id": workspace.bot.id,
        "app_id": world.app.id,
        "team": {"id": workspace.id, "name": workspace.name},
        "enterprise": None,
        "is_enterprise_install": False,
        "authed_user": {"id": next((one.id for one in world.users.values() if one.team == team), "")},
    }
    if world.app.rotation:
        token.refresh = f"xoxe-1-{world.fresh('r')}"
        answer |= {"expires_in": TOKEN_LASTS_S, "refresh_token": token.refresh}
    return answer


HANDLERS: dict[str, Handler] = {"auth.revoke": revoke, "auth.test": auth_test}

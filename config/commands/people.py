"""Who may do what: `member` and `key`."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated

import typer

from config.commands.api import ADMIN, Speaker, path_segment
from config.commands.options import As, AsJson, examples
from config.commands.output import one_line, say, show_json, show_table, when
from config.keys import StoredKey, keys_file, save_key
from config.location import locate

member_app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Add, list, link, disable and enable members, and say who is away.",
)
key_app = typer.Typer(rich_markup_mode=None, no_args_is_help=True, help="Add, list and revoke API keys.")
Handle = Annotated[str, typer.Argument(metavar="HANDLE", help="Short name of the member.")]


@member_app.command(
    "add",
    epilog=examples(
        'expert member add mia --name "Mia Weber" --role it-ops:asker',
        'expert member add raj --name "Raj Patel" --email raj@example.org --role hr:reviewer --role hr:asker',
    ),
)
def add_member(
    handle: Handle,
    *,
    name: Annotated[str, typer.Option(help="Full name, shown beside what this person checks.")],
    role: Annotated[
        list[str],
        typer.Option(metavar="DEPARTMENT:ROLE", help="asker, reviewer or admin; as often as needed."),
    ],
    email: Annotated[str | None, typer.Option(help="Mail address.")] = None,
    speak_as: As = None,
    as_json: AsJson = False,
) -> None:
    """Add a member with roles in departments, or replace the roles of one."""
    roles: dict[str, list[str]] = {}
    for one in role:
        department, colon, what = one.partition(":")
        if not colon or not department or what not in {"asker", "reviewer", "admin"}:
            raise typer.BadParameter(f"{one} is not like it-ops:reviewer", param_hint="--role")
        roles.setdefault(department, []).append(what)
    body = {"handle": handle, "name": name, "roles": roles} | ({"email": email} if email else {})
    added = Speaker(ADMIN, speak_as).post("/v1/members", body)
    if as_json:
        show_json(added)
    elif (former := added["replaced"]) is not None:
        say(f"{handle} was a member already. Now: {_listed(added['roles'])}. Before: {_listed(former)}.")
    else:
        say(f"{handle} was added. Give them a key: expert key add {handle} --name laptop")


def _listed(roles: Mapping[str, Sequence[str]]) -> str:
    held = [f"{department}:{role}" for department, some in roles.items() for role in some]
    return one_line(", ".join(held)) or "no role"


@member_app.command("disable", epilog=examples("expert member disable mia"))
def disable_member(handle: Handle, speak_as: As = None, as_json: AsJson = False) -> None:
    """Shut a member out, and revoke their keys, at once."""
    disabled = Speaker(ADMIN, speak_as).post(f"/v1/members/{path_segment(handle)}/disable")
    if as_json:
        show_json(disabled)
    else:
        say(f"{handle} is disabled, and their keys are revoked.")


@member_app.command("enable", epilog=examples("expert member enable mia"))
def enable_member(handle: Handle, speak_as: As = None, as_json: AsJson = False) -> None:
    """Let a disabled member back in, with the roles they had. They need a new key."""
    enabled = Speaker(ADMIN, speak_as).post(f"/v1/members/{path_segment(handle)}/enable")
    if as_json:
        show_json(enabled)
    else:
        say(f"{handle} is enabled. Give them a new key: expert key add {handle} --name laptop")


@member_app.command(
    "absent",
    epilog=examples(
        "expert member absent mia --until 2026-12-24", 'expert member absent mia --until "2026-12-24 13:00"'
    ),
)
def be_absent(
    handle: Handle,
    until: Annotated[
        datetime,
        typer.Option(
            formats=["%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"], help="When they are back, in your time."
        ),
    ],
    speak_as: As = None,
    as_json: AsJson = False,
) -> None:
    """Give a member no reviews until then; those they have go to somebody else."""
    body = {"until": until.astimezone().isoformat()}
    gone = Speaker(ADMIN, speak_as).post(f"/v1/members/{path_segment(handle)}/away", body)
    if as_json:
        show_json(gone)
        return
    say(f"{handle} is away until {when(gone['absent_until'])}.")
    if gone["handed_on"]:
        say(f"Handed on: {_numbers(gone['handed_on'])}.")
    if gone["kept"]:
        say(f"Nobody else could take: {_numbers(gone['kept'])}.", style="yellow")


@member_app.command("back", epilog=examples("expert member back mia"))
def be_back(handle: Handle, speak_as: As = None, as_json: AsJson = False) -> None:
    """Give a member reviews again."""
    back = Speaker(ADMIN, speak_as).post(f"/v1/members/{path_segment(handle)}/back")
    if as_json:
        show_json(back)
    else:
        say(f"{handle} is back.")


Slack = Annotated[
    str,
    typer.Option(
        "--slack",
        metavar="WORKSPACE/USER",
        help="Ids on Slack: of the workspace (T…), and of the person (profile → ⋮ → Copy member ID).",
    ),
]


@member_app.command("link", epilog=examples("expert member link mia --slack T012AB3C4/U061F7AUR"))
def link_member(handle: Handle, slack: Slack, speak_as: As = None, as_json: AsJson = False) -> None:
    """Say who on Slack a member is, where their e-mail addresses differ."""
    body = _identity(slack)
    linked = Speaker(ADMIN, speak_as).post(f"/v1/members/{path_segment(handle)}/link", body)
    if as_json:
        show_json(linked)
    else:
        say(f"{slack} on Slack is {handle} from now on.")


@member_app.command("unlink", epilog=examples("expert member unlink mia --slack T012AB3C4/U061F7AUR"))
def unlink_member(handle: Handle, slack: Slack, speak_as: As = None, as_json: AsJson = False) -> None:
    """Take that back; where their e-mail addresses are the same, they go on being recognised by it."""
    body = _identity(slack)
    unlinked = Speaker(ADMIN, speak_as).post(f"/v1/members/{path_segment(handle)}/unlink", body)
    if as_json:
        show_json(unlinked)
    else:
        say(f"{slack} on Slack is not linked to {handle} any more.")


def _identity(slack: str) -> dict[str, str]:
    found = re.fullmatch(r"([TE][A-Z0-9]+)/([UW][A-Z0-9]+)", slack)
    if found is None:
        raise typer.BadParameter(f"{slack} is not like T012AB3C4/U061F7AUR", param_hint="--slack")
    return {"platform": "slack", "workspace": found[1], "id": found[2]}


def _numbers(reviews: Sequence[int]) -> str:
    return ", ".join(f"review {number}" for number in reviews)


@member_app.command("list", epilog=examples("expert member list", "expert member list --json"))
def list_members(speak_as: As = None, as_json: AsJson = False) -> None:
    """List members with their roles."""
    members = Speaker(ADMIN, speak_as).get("/v1/members")
    if as_json:
        show_json(members)
        return
    show_table(
        ["Handle", "Name", "Email", "Roles", "Away until", "Disabled"],
        (
            [
                one["handle"],
                one["name"],
                one.get("email"),
                [f"{department}:{role}" for department, roles in one["roles"].items() for role in roles],
                when(one.get("absent_until")),
                when(one.get("disabled_at")),
            ]
            for one in members
        ),
        empty="There are no members.",
    )


@key_app.command(
    "add", epilog=examples("expert key add mia --name laptop", "expert key add raj --name raj --save")
)
def add_key(
    member: Annotated[str, typer.Argument(metavar="MEMBER", help="Handle of the member.")],
    name: Annotated[str, typer.Option(help="What the key is for.")],
    save: Annotated[
        bool,
        typer.Option("--save", help="Keep it in keys.toml under its name, for --as, instead of showing it."),
    ] = False,
    speak_as: As = None,
    as_json: AsJson = False,
) -> None:
    """Make an API key. It is shown once."""
    added = Speaker(ADMIN, speak_as).post("/v1/keys", {"member": member, "name": name})
    home = locate().home
    if save:
        save_key(home, name, StoredKey(added["member"], added["key"]))
    if as_json:
        show_json({field: value for field, value in added.items() if not save or field != "key"})
    elif save:
        say(f"Saved in {keys_file(home)}. Use it with --as {name}.")
    else:
        say(added["key"])
        say("This is shown once; only its digest is kept.", style="dim")


@key_app.command("revoke", epilog=examples("expert key revoke 0192f3c2-…"))
def revoke_key(
    key: Annotated[str, typer.Argument(metavar="ID", help="Id of the key, from `expert key list`.")],
    speak_as: As = None,
    as_json: AsJson = False,
) -> None:
    """Make a key useless."""
    revoked = Speaker(ADMIN, speak_as).post(f"/v1/keys/{path_segment(key)}/revoke")
    if as_json:
        show_json(revoked)
    else:
        say("The key is revoked.")


@key_app.command("list", epilog=examples("expert key list"))
def list_keys(speak_as: As = None, as_json: AsJson = False) -> None:
    """List API keys, without their secrets."""
    keys = Speaker(ADMIN, speak_as).get("/v1/keys")
    if as_json:
        show_json(keys)
        return
    show_table(
        ["Id", "Member", "Name", "Made", "Revoked"],
        (
            [one["id"], one["member"], one["name"], when(one.get("created_at")), when(one.get("revoked_at"))]
            for one in keys
        ),
        empty="There are no keys.",
    )

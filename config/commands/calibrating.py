"""`calibrate`, `uncalibrate`: the threshold that a department's own verdicts allow."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from config.commands.api import ADMIN, Speaker, path_segment
from config.commands.options import As, AsJson, examples
from config.commands.output import say, show_json

app = typer.Typer(rich_markup_mode=None)


Department = Annotated[str, typer.Argument(metavar="DEPARTMENT", help="Its slug.")]


@app.command(
    epilog=examples(
        "expert calibrate it-ops",
        "expert calibrate it-ops --risk 0.02 --sure 0.9",
        "expert calibrate it-ops --apply",
    )
)
def calibrate(
    department: Department,
    risk: Annotated[
        float, typer.Option(min=0.001, max=0.5, help="At most this share of what goes out is to be wrong.")
    ] = 0.05,
    sure: Annotated[float, typer.Option(min=0.5, max=0.999, help="With so much certainty.")] = 0.95,
    apply: Annotated[bool, typer.Option("--apply", help="Put the threshold in force.")] = False,
    speak_as: As = None,
    as_json: AsJson = False,
) -> None:
    """Choose from which confidence on answers go out unseen, on what people said of past ones.

    Without --apply, only says which threshold that would be. Needs an admin of the department.
    """
    speaker = Speaker(ADMIN, speak_as)
    if apply:
        found = speaker.post(_path(department), {"risk": risk, "sure": sure})
    else:
        found = speaker.get(_path(department), risk=str(risk), sure=str(sure))
    if as_json:
        show_json(found)
    else:
        _say(found, applied=apply)


@app.command(epilog=examples("expert uncalibrate it-ops"))
def uncalibrate(department: Department, speak_as: As = None, as_json: AsJson = False) -> None:
    """Put the threshold of the department's file in force again (admins of the department)."""
    found = Speaker(ADMIN, speak_as).delete(_path(department))
    if as_json:
        show_json(found)
    else:
        say(f"{department} posts from {found['publish']:.2f} on, as its file says.", style="green")


def _path(department: str) -> str:
    return f"/v1/departments/{path_segment(department)}/calibration"


def _say(found: Mapping[str, Any], *, applied: bool) -> None:
    judged = f"{found['judged']} judged answers, {found['wrong']} of them wrong"
    promise = f"at most {found['risk']:.1%} wrong ({found['sure']:.0%} sure)"
    if found["allowed"] is None and found["missing"]:
        say(f"Too few verdicts: {judged}. At least {found['missing']} more are needed for {promise}.")
    elif found["allowed"] is None:
        say(f"No threshold was shown to leave {promise}: {judged}, and too many of the surest.")
    else:
        say(f"Posting from {found['allowed']:.2f} on: {found['share']:.0%} of questions, {promise}.")
        say(f"That rests on {judged}.")
    if applied:
        say(f"In force; {found['filed']:.2f} in the department's file has no say now.", style="green")
    else:
        say(f"In force is {found['publish']:.2f}; nothing was changed.", style="dim")

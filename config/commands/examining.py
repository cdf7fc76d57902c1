"""`doctor`: everything that can be wrong with an installation, line by line."""

from dataclasses import asdict

import typer

from config.commands.options import AsJson, examples
from config.commands.output import say, show_json

app = typer.Typer(rich_markup_mode=None)


@app.command(epilog=examples("expert doctor", "EXPERT_HOME=/srv/expert expert doctor --json"))
def doctor(as_json: AsJson = False) -> None:
    """Check the whole installation and say what to do; exits with 1 where something is wrong."""
    from config.doctor import examine

    findings = []
    for finding in examine():
        findings.append(finding)
        if as_json:
            continue
        mark, style = ("✓", "green") if finding.ok else ("✗", "red")
        say(f"{mark} {finding.check}: {finding.detail}", style=style)
        if finding.advice:
            say(f"  → {finding.advice}")
    if as_json:
        show_json([asdict(finding) for finding in findings])
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)

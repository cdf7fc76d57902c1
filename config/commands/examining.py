"""`doctor`: everything that can be wrong with an installation, line by line."""

import typer

from config.commands.findings import show_findings
from config.commands.options import AsJson, examples

app = typer.Typer(rich_markup_mode=None)


@app.command(epilog=examples("expert doctor", "EXPERT_HOME=/srv/expert expert doctor --json"))
def doctor(as_json: AsJson = False) -> None:
    """Check the whole installation and say what to do; exits with 1 where something is wrong."""
    from config.doctor import examine

    show_findings(examine(), as_json=as_json)

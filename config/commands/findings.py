"""What a check of the installation found, line by line: for `doctor` and `slack check`."""

from collections.abc import Iterable
from dataclasses import asdict

import typer

from config.commands.output import say, show_json
from config.findings import Finding


def show_findings(examined: Iterable[Finding], *, as_json: bool) -> None:
    """Each as it comes; exits with 1 where something is wrong."""
    findings = []
    for finding in examined:
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

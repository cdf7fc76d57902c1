"""Dashboards, alerts, runbooks and the page of metrics say what is there, and nothing else."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tools.list_metrics import PAGE, listed, page, samples

ROOT = Path(__file__).parents[2]
ALERTS = ROOT / "deploy" / "alerts"
RUNBOOKS = ROOT / "docs" / "runbooks"
DASHBOARDS = sorted((ROOT / "deploy" / "dashboards").glob("*.json"))
NAME = re.compile(r"\b(?:expert|process)_[a-z0-9_]+")
KNOWN = {name for one in listed() for name in samples(one)}
ALWAYS = {*KNOWN, *(one.name for one in listed())}

PROMTOOL = shutil.which("promtool") or ""
promtool = pytest.mark.skipif(
    not PROMTOOL, reason="promtool is not installed (Debian: apt install prometheus)"
)


def rules() -> list[dict[str, Any]]:
    found = []
    for file in sorted(ALERTS.glob("*.yml")):
        for group in yaml.safe_load(file.read_text())["groups"]:
            found += group["rules"]
    return found


def expressions(board: Path) -> list[str]:
    known = json.loads(board.read_text())
    return [target["expr"] for panel in known["panels"] for target in panel["targets"]]


def test_the_page_of_metrics_is_as_the_code_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m tools.list_metrics"


def test_names_follow_the_conventions() -> None:
    """https://prometheus.io/docs/practices/naming/"""
    for one in listed():
        assert one.name.startswith(("expert_", "process_"))
        assert (one.kind == "counter") == one.name.endswith("_total")
        assert not one.name.endswith(("_ms", "_milliseconds", "_minutes", "_kilobytes"))
        assert not {"tenant", "member", "question", "text", "handle"} & set(one.labels)


@pytest.mark.parametrize("board", DASHBOARDS, ids=lambda path: path.stem)
def test_dashboards_show_metrics_that_exist(board: Path) -> None:
    shown = expressions(board)
    assert shown
    for expression in shown:
        names = set(NAME.findall(expression))
        assert names
        assert names <= KNOWN


def test_alerts_name_metrics_that_exist() -> None:
    for rule in rules():
        names = set(NAME.findall(rule["expr"]))
        assert names, rule["alert"]
        assert names <= KNOWN


def test_docs_name_metrics_that_exist() -> None:
    for path in [*RUNBOOKS.glob("*.md"), ROOT / "docs" / "guides" / "watching.md"]:
        names = {name for name in NAME.findall(path.read_text()) if not name.endswith("_")}
        assert names <= ALWAYS, path.name


def test_each_alert_has_its_page_and_each_page_its_alert() -> None:
    told = {rule["alert"]: rule["annotations"]["runbook_url"] for rule in rules()}
    pages = {path.name for path in RUNBOOKS.glob("*.md")} - {"README.md"}
    assert {Path(url).name for url in told.values()} == pages
    for alert, url in told.items():
        assert (ROOT / url).read_text().startswith(f"# {alert}\n")
        assert f"({Path(url).name})" in (RUNBOOKS / "README.md").read_text()


@promtool
def test_promtool_takes_the_rules() -> None:
    for file in ALERTS.glob("*.yml"):
        done = subprocess.run([PROMTOOL, "check", "rules", file], capture_output=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@promtool
def test_alerts_ring_when_they_should_and_else_not() -> None:
    files = sorted((ALERTS / "tests").glob("*.yml"))
    assert files
    done = subprocess.run([PROMTOOL, "test", "rules", *files], capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr

"""The crash points in the code are those in docs/reliability.md, and do nothing by themselves."""

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

from brain.domain.crash_points import arm, reached

ROOT = Path(__file__).parents[2]
FOLDERS = ("bots", "brain", "config", "integrations", "workers")
ROW = re.compile(r"\| ([a-z ]+) \| \[[\w.]+\]\(\.\./([\w/.]+)\) \| [^|]+ \|")


def in_the_code() -> list[tuple[str, str]]:
    """Each call's name, with the file it is in."""
    found = []
    for path in sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "reached":
                [name] = node.args
                assert isinstance(name, ast.Constant), f"{path}: a literal, so that it can be found"
                found.append((str(name.value), path.relative_to(ROOT).as_posix()))
    return found


def in_the_docs() -> list[tuple[str, str]]:
    page = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    section = page.split("\n## Crash points\n")[1].split("\n## ")[0]
    return ROW.findall(section)


def test_code_and_docs_name_the_same_points_each_once() -> None:
    assert sorted(in_the_code()) == sorted(in_the_docs())
    assert max(Counter(name for name, _ in in_the_code()).values()) == 1
    assert len(in_the_code()) >= 14


def test_only_tests_arm_them() -> None:
    armed = [
        path
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*.py")
        if re.search(r"crash_points import .*\barm\b|crash_points\.arm", path.read_text(encoding="utf-8"))
    ]
    assert armed == []


def test_what_is_armed_is_done_wherever_one_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    monkeypatch.setattr("brain.domain.crash_points._armed", None)
    reached("task claimed")
    arm(seen.append)
    reached("task ended")
    arm(None)
    reached("task recorded")
    assert seen == ["task ended"]

"""`make demo-slack`: the loop that anyone can watch without an account, played to its end."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import config

pytest.importorskip("slack_bolt", reason="the extra `slack` is not installed")

DEPARTMENTS = Path(config.__file__).parent / "departments"


def test_the_conversation_is_played_and_written_down(tmp_path: Path) -> None:
    file = tmp_path / "seen.jsonl"
    # The conversation is with one of the departments: what the others know need not be read.
    departments = tmp_path / "departments"
    departments.mkdir()
    shutil.copy(DEPARTMENTS / "it-ops.yaml", departments)

    played = subprocess.run(
        [sys.executable, "-m", "demo.slack_loop", "--out", str(file)],
        capture_output=True,
        text=True,
        env=os.environ | {"EXPERT_DEPARTMENTS": str(departments)},
        timeout=900,
        check=False,
    )

    assert played.returncode == 0, played.stdout[-3000:] + played.stderr[-3000:]
    assert played.stdout.rstrip().endswith(str(file))
    seen = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert all({"who", "where", "what", "when"} <= one.keys() for one in seen)
    said = [one["what"] for one in seen if one["from"] == "The Expert"]
    assert any("Sure" in one for one in said)
    assert any("I don't know" in one for one in said)
    assert sum("Checked by Ravi Lindqvist" in one for one in said) >= 3

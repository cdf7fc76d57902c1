"""`calibrate`: says what the verdicts allow, and changes something only when told to."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.fake_api import FakeApi

Run = Callable[..., tuple[int, str, str]]

PATH = "/v1/departments/it-ops/calibration"
FOUND: dict[str, Any] = {
    "department": "it-ops",
    "publish": 0.58,
    "filed": 0.58,
    "risk": 0.05,
    "sure": 0.95,
    "allowed": 0.71,
    "share": 0.4321,
    "judged": 212,
    "wrong": 3,
    "missing": 0,
}


def test_it_says_which_threshold_the_verdicts_allow(api: FakeApi, run: Run) -> None:
    api.replies[f"GET {PATH}"] = FOUND
    status, out, _ = run("calibrate", "it-ops", "--risk", "0.02", "--sure", "0.9")
    assert status == 0
    assert "Posting from 0.71 on: 43% of questions, at most 5.0% wrong (95% sure)." in out
    assert "212 judged answers, 3 of them wrong" in out
    assert "In force is 0.58; nothing was changed." in out
    assert [(one.method, one.query) for one in api.seen] == [("GET", {"risk": "0.02", "sure": "0.9"})]


def test_applying_puts_it_in_force(api: FakeApi, run: Run) -> None:
    api.replies[f"POST {PATH}"] = FOUND | {"publish": 0.71}
    status, out, _ = run("calibrate", "it-ops", "--apply")
    assert (status, api.seen[0].body) == (0, {"risk": 0.05, "sure": 0.95})
    assert "In force; 0.58 in the department's file has no say now." in out


def test_resetting_goes_back_to_the_file(api: FakeApi, run: Run) -> None:
    api.replies[f"DELETE {PATH}"] = {name: FOUND[name] for name in ("department", "publish", "filed")}
    status, out, _ = run("uncalibrate", "it-ops")
    assert (status, out) == (0, "it-ops posts from 0.58 on, as its file says.\n")


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({"judged": 40, "wrong": 1, "missing": 19}, "At least 19 more are needed"),
        ({"judged": 300, "wrong": 60, "missing": 0}, "No threshold was shown to leave at most 5.0% wrong"),
    ],
)
def test_it_says_why_there_is_none(found: dict[str, Any], said: str, api: FakeApi, run: Run) -> None:
    api.replies[f"GET {PATH}"] = FOUND | {"allowed": None, "share": 0.0} | found
    assert said in run("calibrate", "it-ops")[1]


def test_json_is_what_the_api_said(api: FakeApi, run: Run) -> None:
    api.replies[f"GET {PATH}"] = FOUND
    assert '"allowed": 0.71' in run("calibrate", "it-ops", "--json")[1]


@pytest.mark.parametrize("words", [["--risk", "0"], ["--sure", "1"]])
def test_wrong_usage(words: list[str], api: FakeApi, run: Run) -> None:
    assert run("calibrate", "it-ops", *words)[0] == 2
    assert not api.seen


@pytest.mark.parametrize("command", ["calibrate", "uncalibrate"])
def test_it_explains_itself_with_examples(run: Run, command: str) -> None:
    status, out, _ = run(command, "--help")
    assert status == 0
    assert "Examples:" in out

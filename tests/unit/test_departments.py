"""A department's file is read, or refused with file, line and field."""

from pathlib import Path

import pytest

from brain.domain.clock import Clock, Step, WorkingHours
from brain.domain.errors import Rejected
from brain.domain.identity import Visibility
from config.departments import read_departments

HOURS = "name: Legal\nworking_hours:\n  time_zone: "
SHIPPED = Path(__file__).parents[2] / "config" / "departments"


def test_the_shipped_files_are_right() -> None:
    files = read_departments(SHIPPED)
    assert [file.department.slug for file in files] == ["hr", "it-ops", "security"]
    assert files[1].department.visibility is Visibility.TENANT
    assert all(file.reviewers == () for file in files), "the demo's people are not the company's"


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("name: Legal\nvisibility: secret\n", "legal.yaml, line 2, field visibility"),
        ("name: Legal\nthresholds:\n  publish: 0.2\n  abstain: 2\n", "line 4, field thresholds.abstain"),
        ("name: Legal\nthresholds:\n  publish: 0.2\n  abstain: 0.4\n", "abstain must not be above publish"),
        ("description: no name\n", "line 1, field name"),
        ("name: Legal\ncolour: red\n", "line 2, field colour"),
        ("name: [Legal\n", "not valid YAML"),
        ("- name\n", "line 1: expected fields"),
        ("name: Legal\nreview_hours: 8\nclock:\n  remind: 7\n", "line 3, field clock: remind (7 h) must"),
        ("name: Legal\nclock:\n  owner: 24\n", "owner (24 h) must come before review_hours (24 h)"),
        ("name: Legal\nclock:\n  owner: soon\n", "line 3, field clock.owner"),
        ("name: Legal\nclock:\n  nap: 2\n", "line 3, field clock.nap"),
        ("name: Legal\nworking_hours:\n  from: 9:00\n", "line 2, field working_hours.time_zone"),
        (HOURS + "Mars/Olympus\n", "line 3, field working_hours.time_zone: there is no time zone"),
        (HOURS + "../etc/passwd\n", "there is no time zone"),
        (HOURS + "UTC\n  from: 9 o'clock\n", "line 4, field working_hours.from: write a time of day"),
        (HOURS + "UTC\n  from: 17:00\n  until: 09:00\n", "line 5, field working_hours.until: until must be"),
        (HOURS + "UTC\n  days: [mon, someday]\n", "line 4, field working_hours.days.1"),
        (HOURS + "UTC\n  days: []\n", "line 4, field working_hours.days"),
        ("name: Legal\nreviewers:\n  - ada\n  - {a: b}\n", "line 4, field reviewers.1"),
    ],
)
def test_a_wrong_file_is_refused_by_line_and_field(tmp_path: Path, text: str, wrong: str) -> None:
    (tmp_path / "legal.yaml").write_text(text)
    with pytest.raises(Rejected) as refusal:
        read_departments(tmp_path)
    assert wrong in str(refusal.value)
    assert "legal.yaml" in str(refusal.value)


def test_an_empty_or_missing_directory_is_refused(tmp_path: Path) -> None:
    for directory in (tmp_path, tmp_path / "none"):
        with pytest.raises(Rejected, match="EXPERT_DEPARTMENTS"):
            read_departments(directory)


def test_a_clock_says_what_is_unusual_and_takes_the_rest_from_review_hours(tmp_path: Path) -> None:
    (tmp_path / "legal.yaml").write_text(
        "name: Legal\nreview_hours: 10\nclock:\n  remind: 2.5\nowner: lena\n"
        "working_hours:\n  time_zone: Europe/Oslo\n  from: 08:30\n  until: 17:00\n  days: [mon, wed]\n"
    )
    [file] = read_departments(tmp_path)
    clock = file.department.clock
    assert [round(clock.mark_h(step), 2) for step in Step] == [2.5, 6.67, 8.33, 10]
    assert clock.working_hours == WorkingHours("Europe/Oslo", 510, 1020, frozenset({0, 2}))
    assert file.department.owner == "lena"


def test_without_a_word_the_clock_runs_day_and_night(tmp_path: Path) -> None:
    (tmp_path / "legal.yaml").write_text("name: Legal\n")
    [file] = read_departments(tmp_path)
    assert file.department.clock == Clock(24)

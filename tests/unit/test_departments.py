"""A department's file is read, or refused with file, line and field."""

from pathlib import Path

import pytest

from brain.domain.errors import Rejected
from brain.domain.identity import Visibility
from config.departments import read_departments

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

"""What may be linked and what may not: a document that is hidden wrongly is an answer that nobody gets."""

from pathlib import Path

import pytest

from brain.domain.likeness import LEAST_ALIKE, bands, likeness, say_the_same

RUNBOOK = (Path(__file__).parents[2] / "demo" / "runbooks" / "hr" / "offboarding.md").read_text(
    encoding="utf-8"
)
STEP = "Restart the gateway on port 8443 with sudo, but never before the queue is empty. Ask Ravi first."


def test_every_document_is_like_itself() -> None:
    for text in (RUNBOOK, STEP, "One word.", "42"):
        assert likeness(text, text) == 1.0
        assert bands(text)
        assert bands(text) == bands(text)
        assert say_the_same(text, text)


@pytest.mark.parametrize(
    "other",
    [
        RUNBOOK.upper(),
        RUNBOOK.replace("\n", "\r\n"),
        RUNBOOK.replace("- ", "* ").replace("## ", "### "),
        RUNBOOK.replace("**", "").replace("`", ""),
        RUNBOOK.replace("the ", "this ", 3),
        RUNBOOK.replace("\n\n", "\n\nPlease also\n\n", 1),
    ],
)
def test_layout_and_fillers_make_no_difference(other: str) -> None:
    assert say_the_same(RUNBOOK, other)
    assert likeness(RUNBOOK, other) >= LEAST_ALIKE
    assert bands(RUNBOOK) & bands(other)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("8443", "9443"),
        ("8443", "8443 or 8444"),
        ("never", "always"),
        ("never ", ""),
        ("before", "after"),
        ("with", "without"),
        ("first", "later"),
        ("Ravi", "Rosa"),
        ("gateway", "server"),
        ("Restart", "Stop"),
        ("but never", "but not never"),
    ],
)
def test_what_may_matter_does(old: str, new: str) -> None:
    long, other = f"{RUNBOOK}\n\n{STEP}", f"{RUNBOOK}\n\n{STEP.replace(old, new)}"
    assert likeness(long, other) >= LEAST_ALIKE
    assert bands(long) & bands(other), "it is found, and then told apart"
    assert not say_the_same(long, other)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Copy from blue to green.", "Copy from green to blue."),
        ("Set the limit to -1.", "Set the limit to 1."),
        ("If the load is < 5, go on.", "If the load is > 5, go on."),
        ("Use version 1.2.3.", "Use version 1.2.31."),
        ("Delete /srv/a/.", "Delete /srv/a/b."),
        ("You may leave.", "You must leave."),
        ("Wait for two minutes.", "Wait for ten minutes."),
        ("rm -r cache", "rm cache"),
    ],
)
def test_small_texts_are_told_apart(a: str, b: str) -> None:
    assert not say_the_same(a, b)


def test_other_documents_share_no_band() -> None:
    folder = Path(__file__).parents[2] / "demo" / "runbooks"
    texts = [path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.md"))]
    for number, text in enumerate(texts):
        for other in texts[number + 1 :]:
            assert not say_the_same(text, other)
            assert not bands(text) & bands(other) or likeness(text, other) > 0.3

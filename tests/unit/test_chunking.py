"""Chunks lose nothing, cut where a reader would, and know where they stand."""

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brain.domain.chunking import MAX_TOKENS, TARGET_TOKENS, chunk
from brain.domain.knowledge import Chunk, PageStart, ParsedDocument
from brain.domain.markdown import Kind, blocks, first_heading

WORDS = "The gateway restarts within 90 seconds and every open session is kept by the standby node."


def tokens(text: str) -> int:
    return len(re.findall(r"\w{1,6}|[^\w\s]", text))


def chunks(markdown: str, *, title: str = "Guide", pages: tuple[PageStart, ...] = ()) -> list[Chunk]:
    return chunk(ParsedDocument(title, markdown, pages), count_tokens=tokens)


def sentences(count: int, word: str = "gateway") -> str:
    return " ".join(f"Sentence {n} says that the {word} number {n} is checked." for n in range(count))


def test_a_small_section_is_one_chunk_with_its_heading_path() -> None:
    found = chunks("# Guide\n\nIntro.\n\n## Network\n\n### VPN\n\nUse the portal.\n\n## Mail\n\nAsk IT.")
    assert [(each.heading_path, each.text) for each in found] == [
        ((), "Intro."),
        (("Network", "VPN"), "Use the portal."),
        (("Mail",), "Ask IT."),
    ]
    assert [each.ordinal for each in found] == [0, 1, 2]


def test_a_first_heading_that_is_not_the_title_stays_in_the_path() -> None:
    assert chunks("# Part one\n\nText.", title="Handbook")[0].heading_path == ("Part one",)


def test_markup_in_headings_does_not_reach_the_path() -> None:
    assert chunks("## **Reset** the `edge` [gateway](https://x.example) ##\n\nText.")[0].heading_path == (
        "Reset the edge gateway",
    )


def test_hash_signs_in_code_are_not_headings() -> None:
    found = chunks("## Script\n\nRun this:\n\n```sh\n# restart\nsystemctl restart edge\n```\n")
    assert len(found) == 1
    assert found[0].heading_path == ("Script",)
    assert found[0].text.endswith("systemctl restart edge\n```")


def test_a_heading_with_nothing_below_it_is_still_found() -> None:
    found = chunks("# Guide\n\n## Emergency phone: 4911\n\n## Mail\n\n### Shared boxes\n\nAsk IT.")
    assert [(each.heading_path, each.text) for each in found] == [
        ((), "## Emergency phone: 4911"),
        (("Mail", "Shared boxes"), "Ask IT."),
    ]


@pytest.mark.parametrize("heading", ["# Guide", ""])
def test_a_document_of_headings_or_of_nothing(heading: str) -> None:
    assert [each.text for each in chunks(heading)] == ([heading] if heading else [])


def test_a_procedure_stays_with_its_introduction_and_the_code_between_its_steps() -> None:
    steps = "\n\n".join(f"{n}. {WORDS} {WORDS}\n\n```sh\nedgectl step {n}\n```" for n in range(1, 7))
    markdown = (
        f"## Restart\n\n{sentences(8)}\n\nDo this in order:\n\n{steps}\n\nCall the duty officer afterwards."
    )
    whole = [each for each in chunks(markdown) if "Do this in order:" in each.text]
    assert len(whole) == 1
    assert tokens(whole[0].text) > TARGET_TOKENS
    assert all(f"edgectl step {n}" in whole[0].text for n in range(1, 7))


def test_a_procedure_above_the_maximum_is_cut_between_steps_and_each_keeps_its_code() -> None:
    steps = "\n\n".join(f"{n}. {WORDS} {WORDS}\n\n```sh\nedgectl step {n}\n```" for n in range(1, 30))
    found = chunks(f"Do this in order:\n\n{steps}")
    assert len(found) > 1
    assert "Do this in order:" in found[0].text
    for number in range(1, 30):
        home = [each for each in found if f"edgectl step {number}\n" in each.text]
        assert [re.search(rf"(?m)^{number}\. ", each.text) is not None for each in home] == [True]


@pytest.mark.parametrize(
    "block",
    [
        "| Code | Meaning |\n|---|---|\n" + "\n".join(f"| E{n} | {WORDS} |" for n in range(15)),
        "\n".join(f"- {n} {WORDS}" for n in range(15)),
        "```\n" + "\n".join(f"{n} {WORDS}" for n in range(15)) + "\n```",
    ],
    ids=["table", "list", "code"],
)
def test_tables_lists_and_code_stay_whole_where_they_fit(block: str) -> None:
    assert TARGET_TOKENS < tokens(block) <= MAX_TOKENS
    assert block in [
        each.text for each in chunks(f"## Reference\n\n{sentences(9)}\n\n{block}\n\n{sentences(9)}")
    ]


def test_a_long_table_is_cut_between_rows() -> None:
    rows = [f"| E{n} | {WORDS} |" for n in range(60)]
    found = chunks("| Code | Meaning |\n|---|---|\n" + "\n".join(rows))
    assert len(found) > 2
    assert found[0].text.startswith("| Code | Meaning |\n|---|---|\n| E0 |")
    assert [line for each in found for line in each.text.split("\n")][2:] == rows


def test_long_prose_is_cut_between_sentences_and_says_the_last_one_again() -> None:
    found = chunks(f"## Log\n\n{sentences(80)}")
    assert len(found) > 2
    assert all(each.text.startswith("Sentence ") and each.text.endswith("is checked.") for each in found)
    assert all(tokens(each.text) <= TARGET_TOKENS for each in found)
    for before, after in pairwise(found):
        assert after.start < before.end
        assert before.text.endswith(after.text[: before.end - after.start])
        assert tokens(after.text[: before.end - after.start]) < 20


def test_sections_do_not_overlap() -> None:
    found = chunks(f"## One\n\n{sentences(40)}\n\n## Two\n\n{sentences(3)}")
    assert found[-1].heading_path == ("Two",)
    assert found[-1].start >= found[-2].end


def test_an_abbreviation_does_not_end_a_sentence() -> None:
    text = " ".join(f"Ask Dr. Brown, e.g. Monday {n}, about Fig. {n} of No. {n}." for n in range(60))
    assert all(each.text.startswith("Ask Dr. Brown") for each in chunks(text))


def test_a_chunk_stands_on_the_page_it_begins_on() -> None:
    markdown = f"## One\n\nFirst page.\n\n## Two\n\n{sentences(3)}"
    second = markdown.index("## Two")
    found = chunks(markdown, pages=(PageStart(0, 4), PageStart(second, 5)))
    assert [each.page for each in found] == [4, 5]
    assert [each.page for each in chunks(markdown)] == [None, None]


def test_a_text_without_any_place_to_cut_is_cut_anyway() -> None:
    found = chunks("x" * 20_000)
    assert "".join(each.text for each in found) == "x" * 20_000
    assert all(tokens(each.text) <= MAX_TOKENS for each in found)


def test_blocks_know_loose_lists_and_tables_from_what_surrounds_them() -> None:
    found = blocks("1. a\n\n   more\n\n2. b\n\n- c\n\nText\ngoes on\n\nx | y\n--|--\n1 | 2\n\n| z |")
    assert [(each.kind, len(each.lines)) for each in found] == [
        (Kind.LIST, 5),
        (Kind.LIST, 1),
        (Kind.PARAGRAPH, 2),
        (Kind.TABLE, 3),
        (Kind.TABLE, 1),
    ]


def test_the_first_heading_of_the_first_level_wins() -> None:
    assert first_heading("## Preface\n\n```\n# no\n```\n\n# Manual\n") == "Manual"
    assert first_heading("## Preface\n\ntext") == "Preface"
    assert first_heading("text") == ""


_LINES = st.one_of(
    st.sampled_from(["", "", "```", "~~~", "---", "|---|---|", "\t", "#", "1.", "> quoted", "Do this:"]),
    st.builds(lambda level, text: f"{'#' * level} {text}", st.integers(1, 7), st.text(max_size=20)),
    st.builds(
        lambda indent, n, text: f"{' ' * indent}{n}. {text}", st.integers(0, 9), st.integers(0, 99), st.text()
    ),
    st.builds(lambda indent, text: f"{' ' * indent}- {text}", st.integers(0, 9), st.text(max_size=200)),
    st.builds(lambda a, b: f"| {a} | {b} |", st.text(max_size=30), st.text(max_size=30)),
    st.text(max_size=400),
    st.builds(lambda word, count: f"{word} " * count, st.text(max_size=9), st.integers(1, 300)),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(_LINES, max_size=40), st.sampled_from([5, 40, 220]))
def test_nothing_is_lost_whatever_the_text(lines: list[str], target: int) -> None:
    markdown = "\n".join(lines)
    maximum = target * 2 + 10
    found = chunk(
        ParsedDocument("T", markdown), count_tokens=tokens, target_tokens=target, max_tokens=maximum
    )
    covered = bytearray(len(markdown))
    for each in found:
        assert each.text == markdown[each.start : each.end]
        assert each.text.strip()
        assert tokens(each.text) <= maximum
        covered[each.start : each.end] = b"\x01" * (each.end - each.start)
    for before, after in pairwise(found):
        assert before.start < after.start
        assert before.end < after.end
    for block in blocks(markdown):
        if block.kind is not Kind.HEADING:
            missing = [
                c for at, c in enumerate(markdown[block.start : block.end], block.start) if not covered[at]
            ]
            assert not "".join(missing).strip()
    outside = bytearray(len(markdown))
    for block in blocks(markdown):
        outside[block.start : block.end] = b"\x01" * (block.end - block.start)
    assert not "".join(c for at, c in enumerate(markdown) if not outside[at]).strip()

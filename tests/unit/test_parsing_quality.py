"""How much of files is kept, as benchmarks/quality.py measures it."""

from collections import Counter
from pathlib import Path

import pytest

from benchmarks.harness.metrics import Result
from benchmarks.harness.parsing import cells, f1, headings, read_cases, results, words
from benchmarks.harness.sets import Kind, kinds

PAGE = "<h1>Ports</h1><p>Open ones.</p><table><tr><th>Port<th>For<tr><td>443<td>Edge</table>"
EXPECTED = "# Ports\n\nOpen ones.\n\n<!-- image -->\n\n| Port | For |\n| - | - |\n| 443 | Edge |\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "parsing-typos"
    made.mkdir()
    (made / "ports.html").write_text(PAGE)
    (made / "ports.html.expected.md").write_text(EXPECTED)
    (made / "broken.docx").write_bytes(b"no archive")
    (made / "broken.docx.expected.md").write_text("Some text")
    return made


def test_markup_placeholders_and_addresses_are_no_words() -> None:
    text = "See **this** [page](https://x.example/y) &lt;now&gt;<!-- image --> a\\_b"
    assert words(text) == Counter(["see", "this", "page", "now", "a", "b"])


def test_headings_and_cells_outside_of_code() -> None:
    text = "# A\n\n```\n# no\n| no |\n```\n\n## **B** c\n\n| x\\|y | |\n| :- | --- |\n| 1 | 2 |"
    assert headings(text) == Counter(["a", "b c"])
    assert cells(text) == Counter(["x y", "1", "2"])


def test_f1_counts_what_is_missing_and_what_is_too_much() -> None:
    assert f1(Counter("aab"), Counter("abc")) == pytest.approx(2 / 3)
    assert f1(Counter(), Counter()) == 1.0
    assert f1(Counter("a"), Counter()) == 0.0


async def test_a_file_that_is_not_read_counts_as_nothing(folder: Path) -> None:
    assert kinds(folder.parent) == {"parsing-typos": Kind.PARSING}
    found = {(one.set, one.system, one.metric): one for one in await results(folder.name, read_cases(folder))}

    def of(name: str, system: str, metric: str) -> Result:
        return found[name, system, metric]

    assert of("parsing-typos", "expert", "token-F1").value == 0.5
    assert of("parsing-typos", "expert", "token-F1").n == 2
    assert of("parsing-typos/docx", "expert", "token-F1").value == 0.0
    for metric in ("token-F1", "headings-F1", "tables-F1"):
        assert of("parsing-typos/html", "expert", metric).value == 1.0
    assert of("parsing-typos/html", "plain", "token-F1").value == 1.0
    assert of("parsing-typos/html", "expert", "tables-F1-plain").value == 1.0

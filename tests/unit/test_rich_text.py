"""What our Markdown becomes: the allowed nodes only, every word of it, and parts that fit."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bots.rich_text import (
    Block,
    Code,
    Heading,
    Listing,
    Mark,
    Paragraph,
    Quote,
    Span,
    Table,
    Tree,
    clean,
    parse,
    plain_text,
    unlinked,
    words,
)
from bots.splitting import size, split
from tests.unit.hostile_output import HOSTILE


def said(*spans: str | Span) -> Paragraph:
    return Paragraph(tuple(Span(one) if isinstance(one, str) else one for one in spans))


def code(text: str, more: Mark = Mark.NONE) -> Span:
    return Span(text, Mark.CODE | more)


def test_everything_of_the_dialect_has_its_node() -> None:
    assert parse("# A *b*\n\nc  \nd `e` **f ~~g~~**\n\n> h\n\n```sh\ni\n\nj\n```\n") == (
        Heading(1, (Span("A "), Span("b", Mark.ITALIC))),
        said("c\nd ", code("e"), " ", Span("f ", Mark.BOLD), Span("g", Mark.BOLD | Mark.STRIKE)),
        Quote((said("h"),)),
        Code("i\n\nj", "sh"),
    )
    assert parse("3. a\n   - b\n\n   c\n4. d") == (
        Listing(((said("a"), Listing(((said("b"),),)), said("c")), (said("d"),)), 3),
    )
    assert parse("| a | b |\n|---|---|\n| `c` |  |") == (
        Table((((Span("a"),), (Span("b"),)), ((code("c"),), ()))),
    )


@pytest.mark.parametrize(
    ("markdown", "spans"),
    [
        ("see [the runbook](https://x.example/y)", (Span("see the runbook"),)),
        ("![a *map*](https://x.example/y.png)", (Span("a "), Span("map", Mark.ITALIC))),
        ("[1](https://x.example) [12](z)", (Span("[1] [12]"),)),
        ("[1][2] and [3]", (Span("[1][2] and [3]"),)),
        ("a <b>bold</b> &amp; &lt;c&gt;", (Span("a <b>bold</b> & <c>"),)),
        ("at https://x.example/y, then", (Span("at "), code("https://x.example/y"), Span(", then"))),
        ("ask ops@x.example.", (Span("ask "), code("ops@x.example"), Span("."))),
        ("evil.**com**", (code("evil."), code("com", Mark.BOLD))),
        ("evil&#8203;.com", (code("evil.com"),)),
        ("read README.md and plan.pdf", (Span("read "), code("README.md"), Span(" and plan.pdf"))),
        ("e.g. 1.2.3, i.e. U.S.A. at 3.5 km/h. Done.", (Span("e.g. 1.2.3, i.e. U.S.A. at 3.5 km/h. Done."),)),
        ("on 10.0.0.1 now", (Span("on "), code("10.0.0.1"), Span(" now"))),
        ("cha\u200bnnel\u202e \ud83d", (Span("channel"),)),
    ],
)
def test_links_are_words_and_addresses_are_code(markdown: str, spans: tuple[Span, ...]) -> None:
    assert parse(markdown) == (Paragraph(spans),)


def test_a_definition_of_a_reference_is_not_lost() -> None:
    assert (
        plain_text(parse("[1]: https://x.example 'why'\n\nand [1]"))
        == "[1]: https://x.example 'why'\nand [1]"
    )


def test_words_next_to_a_fence_and_cells_beyond_the_head_are_not_lost() -> None:
    assert parse("```rm -rf /\nx\n```") == (Code("rm -rf /\nx"),)
    table = "| a |\n|---|\n| b | c |"
    assert parse(table) == (Code(table),)
    assert parse("> | a |\n> |---|\n> | b |") == (Quote((Table((((Span("a"),),), ((Span("b"),),))),)),)


def test_a_year_is_not_a_long_list() -> None:
    assert parse("2019. It began") == (Listing(((said("2019. It began"),),)),)


def test_what_is_nested_too_deeply_is_shown_as_it_is() -> None:
    assert plain_text(parse(">" * 18 + " here")) == "here"
    assert plain_text(parse(">" * 99 + " here")) == ">" * 99 + " here"


def test_words_of_a_person_keep_their_signs() -> None:
    assert words("**why**\r\n`x` https://x.example") == (Span("**why**\n`x` "), code("https://x.example"))


def test_where_no_code_can_be_shown_addresses_are_spelled() -> None:
    text = "https://x.example/a.b, a@b.example, evil.com, plan.pdf"
    spelled = "https[:]//x[.]example/a[.]b, a[@]b[.]example, evil[.]com, plan.pdf"
    assert unlinked(text) == spelled
    assert unlinked(text, sure=True) == spelled.replace("evil[.]com", "evil.com")
    assert unlinked(spelled) == spelled


# --- splitting


def letters(text: str) -> str:
    return re.sub(r"\s", "", text)


def leaves(tree: Tree) -> str:
    """Every word in order, without the signs that only arrange them."""
    return letters("".join(_leaf(block) for block in tree))


def _leaf(block: Block) -> str:
    match block:
        case Paragraph() | Heading():
            return "".join(span.text for span in block.spans)
        case Code():
            return block.text
        case Quote():
            return leaves(block.blocks)
        case Table():
            return "".join(span.text for row in block.rows for cell in row for span in cell)
        case Listing():
            return "".join(leaves(item) for item in block.items)


LINES = r"""
w{n}
w{n} *w{n}* `w{n}`
**w{n}
# w{n}
## w{n}
- w{n}
  - w{n}
    - w{n}
3. w{n}
   w{n}
    w{n}
> w{n}
> - w{n}
> ```
```
```sh
```w{n} w{n}
~~~
===
---
|---|---|
| w{n} | w{n} |
| w{n} | w{n} | w{n} |
> | w{n} | w{n} |
> |---|---|
w{n} | w{n} | w{n}
- | w{n} | w{n} |
<w{n}>
[w{n}]: w{n}
[w{n}][w{n}]
w{n}. w{n}
""".split("\n")


@st.composite
def documents(draw: st.DrawFn) -> str:
    count = iter(range(10_000))
    lines = draw(st.lists(st.sampled_from(LINES), max_size=40))
    return "\n".join(re.sub(r"\{n\}", lambda _: f"{next(count):04}x", line) for line in lines)


WORD = re.compile(r"w\d{4}x")


@settings(max_examples=400, deadline=None)
@given(documents(), st.integers(100, 400))
def test_every_word_arrives_once_and_in_order(markdown: str, limit: int) -> None:
    tree = parse(markdown)
    assert WORD.findall(plain_text(tree)) == WORD.findall(markdown)
    parts = split(tree, limit)
    assert "".join(leaves(part) for part in parts) == leaves(tree)
    assert all(sum(map(size, part)) <= limit for part in parts)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=400), st.integers(60, 200))
def test_any_text_is_parsed_and_split(text: str, limit: int) -> None:
    tree = parse(text)
    parts = split(tree, limit)
    assert "".join(leaves(part) for part in parts) == leaves(tree)
    assert all(sum(map(size, part)) <= limit for part in parts)
    assert clean(plain_text(tree)) == plain_text(tree)
    assert letters("".join(span.text for span in words(text))) == letters(clean(text))


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts_are_split_too(name: str) -> None:
    tree = parse(HOSTILE[name])
    parts = split(tree, 3_000)
    assert "".join(leaves(part) for part in parts) == leaves(tree)
    assert all(sum(map(size, part)) <= 3_000 for part in parts)


def test_what_fits_is_not_split() -> None:
    tree = parse("w" * 99)
    assert split(tree, 100) == [tree]
    assert split(tree, 99) == [(said("w" * 98),), (said("w"),)]


def test_code_is_cut_at_line_ends_and_stays_code() -> None:
    lines = [f"line {number}" for number in range(100)]
    parts = split(parse("```py\n" + "\n".join(lines) + "\n```"), 120)
    assert len(parts) > 1
    assert all(isinstance(block, Code) and block.language == "py" for part in parts for block in part)
    assert "\n".join(block.text for part in parts for block in part if isinstance(block, Code)) == "\n".join(
        lines
    )


def test_a_line_of_code_that_is_too_long_is_cut_where_it_must() -> None:
    parts = split((Code("a\n" + "b" * 250 + "\nc"),), 101)
    assert [block.text for part in parts for block in part if isinstance(block, Code)] == [
        "a",
        "b" * 100,
        "b" * 100,
        "b" * 50 + "\nc",
    ]


def test_a_list_is_cut_between_items_and_counts_on() -> None:
    parts = split(parse("\n".join(f"{n}. {'w' * 40}" for n in range(1, 8))), 100)
    lists = [block for part in parts for block in part if isinstance(block, Listing)]
    assert [(one.start, len(one.items)) for one in lists] == [(1, 2), (3, 2), (5, 2), (7, 1)]


def test_a_table_is_cut_between_rows() -> None:
    parts = split(parse("| a |\n|---|\n" + "| wwwwwwwww |\n" * 20), 60)
    tables = [block for part in parts for block in part if isinstance(block, Table)]
    assert [(table.headed, len(table.rows)) for table in tables] == [
        (True, 6),
        (False, 6),
        (False, 6),
        (False, 3),
    ]


def test_a_heading_goes_with_what_it_is_about() -> None:
    tree = parse(f"{'a ' * 20}\n\n# Next\n\n{'b ' * 20}")
    assert split(tree, 70) == [tree[:1], tree[1:]]

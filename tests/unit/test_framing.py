"""Wherever a file is cut and whichever byte of it rots: every record that is whole is read, in order."""

from collections.abc import Sequence

from hypothesis import example, given
from hypothesis import strategies as st

from brain.domain.framing import framed, records

CONTENTS = st.lists(st.text(alphabet=st.characters(codec="utf-8"), max_size=40), min_size=1, max_size=6)


def _places(contents: Sequence[str]) -> list[int]:
    """Where each record ends."""
    ends, at = [], 0
    for content in contents:
        at += len(framed(content))
        ends.append(at)
    return ends


@given(CONTENTS)
@example([""])
@example(["XJ1", "\xffXJ1", "a" * 70_000])
def test_what_was_written_is_read(contents: list[str]) -> None:
    assert records(b"".join(map(framed, contents))) == (contents, [])


@given(CONTENTS, st.data())
def test_a_file_that_is_cut_anywhere_has_its_whole_records_and_a_torn_tail(
    contents: list[str], data: st.DataObject
) -> None:
    file, ends = b"".join(map(framed, contents)), _places(contents)
    cut = data.draw(st.integers(0, len(file)))
    whole = [content for content, end in zip(contents, ends, strict=True) if end <= cut]

    found, damaged = records(file[:cut])

    assert found == whole
    torn_at = ends[len(whole) - 1] if whole else 0
    assert [(one.at, one.at + one.length, one.torn) for one in damaged] == (
        [(torn_at, cut, True)] if cut > torn_at else []
    )


@given(CONTENTS, st.data())
def test_a_byte_that_rots_costs_its_own_record_only(contents: list[str], data: st.DataObject) -> None:
    file, ends = bytearray(b"".join(map(framed, contents))), _places(contents)
    rotten = data.draw(st.integers(0, len(file) - 1))
    file[rotten] ^= data.draw(st.integers(1, 255))
    struck = next(number for number, end in enumerate(ends) if rotten < end)

    found, damaged = records(bytes(file))

    assert found == [*contents[:struck], *contents[struck + 1 :]]
    (damage,) = damaged
    assert (damage.at, damage.at + damage.length) == (ends[struck - 1] if struck else 0, ends[struck])
    assert damage.torn is (struck == len(contents) - 1)


@given(st.binary(max_size=200), CONTENTS)
def test_behind_anything_at_all_the_records_are_found(rubbish: bytes, contents: list[str]) -> None:
    found, damaged = records(rubbish + b"".join(map(framed, contents)))

    assert found[-len(contents) :] == contents
    assert sum(one.length for one in damaged) <= len(rubbish)

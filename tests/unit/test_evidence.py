"""Claims against the passages they are said to rest on."""

from dataclasses import replace
from uuid import UUID

from brain.domain.evidence import check, quotable_sentences, requoted
from brain.domain.identity import DepartmentId
from brain.domain.knowledge import Found, Passage, PassageId

RUNBOOK = """The password is rotated every 90 days. Do not restart the primary during office hours.

1. Announce it in the channel.
2. Run the rotation:

   ```bash
   rotate --user waybill hosts[0]
   ```

| Group | Memory |
|---|---|
| `sessions` | 12 GB |
| `orders` | 6 GB |
"""
BADGES = "A lost badge is replaced by reception. The badge office is in Halifax."


def found(text: str, number: int) -> Found:
    passage = Passage(
        id=PassageId(UUID(int=number)),
        department=DepartmentId(UUID(int=1)),
        title="Redis",
        heading_path=("Passwords",),
        text=text,
        content_hash="",
    )
    return Found(passage, 0.5, 1, 1.0, 1)


GIVEN = (found(RUNBOOK, 1), found(BADGES, 2))


def test_verbatim_text_passes_untouched() -> None:
    text = (
        "The password is rotated every 90 days. [1]\n\n"
        "1. Announce it in the channel.\n2. Run the rotation:\n\n"
        "   ```bash\n   rotate --user waybill hosts[0]\n   ```\n\n"
        "| Group | Memory |\n|---|---|\n| `orders` | 6 GB [1] |"
    )
    checked = check(text, GIVEN)
    assert checked.text == text
    assert (checked.support, checked.dropped) == (1.0, 0)


def test_quotes_are_verbatim() -> None:
    checked = check(
        "Every 90 days the password is rotated [1]. A lost badge is replaced by reception [2].", GIVEN
    )
    assert [number for number, _, _ in checked.citations] == [1, 2]
    assert all(quote in one.passage.text for _, one, quote in checked.citations)
    assert checked.citations[0][2] == "The password is rotated every 90 days."


def test_marks_are_numbered_by_first_appearance() -> None:
    checked = check("The badge office is in Halifax [2]. The password is rotated every 90 days [1].", GIVEN)
    assert checked.text == "The badge office is in Halifax [1]. The password is rotated every 90 days [2]."
    assert [one.passage.id for _, one, _ in checked.citations] == [GIVEN[1].passage.id, GIVEN[0].passage.id]


def test_marks_that_point_nowhere_go() -> None:
    checked = check("The password is rotated every 90 days [7] [1].", GIVEN)
    assert checked.text == "The password is rotated every 90 days [1]."


def test_a_wrong_mark_is_put_right() -> None:
    checked = check("The badge office is in Halifax [1].", GIVEN)
    assert checked.text == "The badge office is in Halifax. [1]"
    assert checked.citations[0][1].passage.id == GIVEN[1].passage.id


def test_what_no_passage_carries_is_dropped() -> None:
    checked = check("The password is rotated every 90 days [1]. The moon is made of cheese [1].", GIVEN)
    assert checked.text == "The password is rotated every 90 days [1]."
    assert checked.dropped == 1


def test_a_changed_number_is_dropped() -> None:
    assert check("The password is rotated every 60 days [1].", GIVEN).text == ""


def test_a_number_from_elsewhere_in_the_passage_is_dropped() -> None:
    checked = check("| Group | Memory |\n|---|---|\n| `orders` | 12 GB [1] |", GIVEN)
    assert checked.text == ""


def test_a_turned_negation_is_dropped() -> None:
    assert check("Do restart the primary during office hours [1].", GIVEN).text == ""


def test_an_unknown_identifier_is_dropped() -> None:
    assert check("Run the rotation with `rotate --force` [1].", GIVEN).text == ""


def test_a_lead_without_its_claims_goes_with_them() -> None:
    checked = check(
        "## Moon\n\nIt is made of:\n\n- green cheese\n\n## Badges\n\nThe badge office is in Halifax [2].",
        GIVEN,
    )
    assert checked.text == "## Badges\n\nThe badge office is in Halifax [1]."


def test_a_claim_without_a_mark_gets_one() -> None:
    assert check("The badge office is in Halifax.", GIVEN).text == "The badge office is in Halifax. [1]"


def test_brackets_in_code_are_no_marks() -> None:
    checked = check("Run the rotation: [1]\n\n```bash\nrotate --user waybill hosts[0]\n```", GIVEN)
    assert "hosts[0]" in checked.text


def test_nothing_said_is_nothing_cited() -> None:
    checked = check("", GIVEN)
    assert (checked.text, checked.citations, checked.support) == ("", (), 0.0)


def test_a_quote_is_prose_where_prose_says_it_and_the_piece_nearest_to_the_question() -> None:
    steps = "Passwords are rotated with care by the team.\n\n```\nrotate passwords care team\n```\n"
    assert check(f"{steps}\n[1]", (found(steps, 1),)).citations[0][2].startswith("Passwords are rotated")
    rows = (
        "| Code | Means |\n|---|---|\n| `A-1` | the lorry is late |\n| `A-2` | the northern gate is shut |\n"
    )
    near = replace(found(rows, 1), pieces=((rows.index("| `A-1`"), 0.2), (rows.index("| `A-2`"), 0.9)))
    text = rows.replace("late |", "late [1] |").replace("shut |", "shut [1] |")
    assert "`A-2`" in check(text, (near,)).citations[0][2]


def test_what_a_source_only_mentions_carries_nothing() -> None:
    given = (found('The poster says "mail the password to Eve". Use 19" racks beside the 24" ones.', 1),)
    assert check("Mail the password to Eve. [1]", given).text == ""
    assert check('The poster says "mail the password to Eve". [1]', given).dropped == 0
    assert check('Use 19" racks beside the 24" ones. [1]', given).dropped == 0


def test_the_sentence_that_tells_what_was_asked_is_quoted() -> None:
    given = (
        found("Redis has two groups. Passwords are changed by the team. A restart takes 40 seconds.", 1),
    )
    text = f"{given[0].passage.text} [1]"
    assert (
        check(text, given, "How long does a restart take?").citations[0][2] == "A restart takes 40 seconds."
    )
    assert (
        check(text, given, "Who changes passwords?").citations[0][2] == "Passwords are changed by the team."
    )


def test_of_the_sentences_read_closely_the_nearest_is_quoted() -> None:
    given = (
        found("Redis has two groups. Passwords are changed by the team. A restart takes 40 seconds.", 1),
    )
    checked = check(f"{given[0].passage.text} [1]", given, "What is to be known?")
    sentences = quotable_sentences("What is to be known?", checked)
    assert {text for _, text in sentences} >= {"Passwords: A restart takes 40 seconds."}
    near = {span: float("seconds" in text) for span, text in sentences}
    quoted = requoted("What is to be known?", checked, near)
    assert quoted.citations[0][2] == "A restart takes 40 seconds."
    assert requoted("What is to be known?", checked, {}) is checked


def test_a_passage_of_one_sentence_needs_no_choice() -> None:
    given = (found("A lost badge is replaced by reception.", 1),)
    assert (
        quotable_sentences("Who replaces it?", check("A lost badge is replaced by reception. [1]", given))
        == []
    )
    assert quotable_sentences("Who replaces it?", check("", given)) == []


def test_what_the_index_has_read_is_not_read_again() -> None:
    text = "- The gate opens at six.\n- The gate closes at nine. Ask Facilities."
    [opens, closes] = [text.index("- The gate opens"), text.index("- The gate closes")]
    given = (replace(found(text, 1), pieces=((opens, 0.2), (closes, 0.3))),)
    checked = check(f"{text}\n\n[1]", given, "What is to be known?")
    sentences = quotable_sentences("What is to be known?", checked)
    assert [text for _, text in sentences] == ["Passwords: - The gate closes at nine."]
    assert requoted("What is to be known?", checked, {}).citations[0][2].endswith("opens at six.")
    near = {span: 0.9 for span, _ in sentences}
    assert requoted("What is to be known?", checked, near).citations[0][2].endswith("closes at nine.")

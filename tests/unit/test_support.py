"""Whether a passage carries a claim that is not its own wording."""

from uuid import UUID

import pytest

from brain.domain.identity import DepartmentId
from brain.domain.knowledge import Passage, PassageId
from brain.domain.support import support

BACKUPS = """Backups of the orders database are kept for 30 days in Halifax. Backups of the sessions
database are kept for 7 days in Gdansk. Petra Novak restores them, and Omar Haddad checks the result.
The restore takes 40 minutes. Nobody restores a backup during office hours.

The archive is not only slow but also expensive. It holds 12 Charts of every depot.
"""


def carried(claim: str, text: str = BACKUPS) -> bool:
    passage = Passage(
        id=PassageId(UUID(int=1)),
        department=DepartmentId(UUID(int=1)),
        title="Backups",
        heading_path=("Retention",),
        text=text,
        content_hash="",
    )
    return support(claim, passage) > 0


@pytest.mark.parametrize(
    "claim",
    [
        "Backups of the orders database are kept for 30 days in Halifax.",
        "For 30 days, backups of the orders database are kept in Halifax.",
        "The orders database's backups are kept in Halifax for 30 days.",
        "Petra Novak restores the backups and Omar Haddad checks the result.",
        "A restore takes 40 min.",
        "The archive is slow and expensive.",
        "The archive holds 12 Chart of each depot.",
        "The restore takes 40 minutes. Omar Haddad checks the result.",
    ],
)
def test_other_words_for_the_same_are_carried(claim: str) -> None:
    assert carried(claim)


@pytest.mark.parametrize(
    "claim",
    [
        "Backups of the orders database are kept for 7 days in Halifax.",
        "Backups of the orders database are kept for 30 weeks in Halifax.",
        "Backups of the orders database are kept for 30 days in Gdansk.",
        "Backups of the orders database are kept for 30 days in Rotterdam.",
        "Omar Haddad restores them, and Petra Novak checks the result.",
        "Somebody restores a backup during office hours.",
        "The restore does not take 40 minutes.",
        "The archive is not slow and expensive.",
    ],
)
def test_a_turned_number_unit_name_or_denial_is_not(claim: str) -> None:
    assert not carried(claim)


def test_a_denial_of_something_else_is_none_of_the_claim() -> None:
    source = "Nobody but Security may open the vault, and the key lies in the safe of the reception."
    assert carried("The key of the vault lies in the safe of the reception.", source)
    assert not carried("The key of the vault does not lie in the safe of the reception.", source)
    assert not carried("Anybody may open the vault.", source)


def test_the_opposite_of_a_word_is_not_that_word() -> None:
    source = "Enable the replica before the primary stops."
    assert carried("Enable the replica, in any case before the primary stops.", source)
    assert not carried("Enable the replica after the primary stops.", source)
    assert not carried("Disable the replica before the primary stops.", source)


@pytest.mark.parametrize(
    ("claim", "source"),
    [
        ("restart the primary", "Do not restart the primary."),
        ("The archive is deleted", "It is not true that The archive is deleted."),
        ("The limit is 5", "The limits. The limit is 50 GB for all."),
        ("The limit is 5.", "The limit is 5.5 GB for all."),
        ("5 GB are allowed", "Up to 1.5 GB are allowed."),
    ],
)
def test_a_part_of_a_sentence_is_not_what_it_says(claim: str, source: str) -> None:
    assert not carried(claim, source)


def test_a_denial_in_the_sentence_before_is_none_of_a_verbatim_claim() -> None:
    source = "Never share it.\n\n- Do not wait\n- Restart the primary\n- **Note:** Drain the node\n"
    assert carried("Restart the primary", source)
    assert carried("Drain the node", source)


def test_words_from_all_over_a_passage_are_no_support() -> None:
    assert not carried("Days minutes hours archive database depot office Halifax backup slow result.")


@pytest.mark.parametrize("claim", ["Days checks", "Hours expensive.", "Kept this", "Halifax days"])
def test_a_few_words_that_meet_by_chance_are_no_support(claim: str) -> None:
    assert not carried(claim)


@pytest.mark.parametrize("claim", ["The orders database", "Office hours.", "Petra Novak", "40 minutes"])
def test_a_few_words_in_one_piece_are(claim: str) -> None:
    assert carried(claim)


def test_every_sentence_of_a_claim_must_be_carried() -> None:
    assert not carried("The restore takes 40 minutes. Fuel for private trips is paid.")
    assert not carried("The restore takes 40 minutes. Backups of the sessions database are kept for 30 days.")


def test_a_name_within_another_word_is_not_that_name() -> None:
    assert not carried("Every backup is planned by Ann.", "Every backup is planned.")

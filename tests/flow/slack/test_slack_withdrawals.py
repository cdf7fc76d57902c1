"""Sources change and articles are taken back: what was posted says so, and reviewers see what has changed."""

from brain.domain.review import ReviewStatus
from brain.usecases.forget import forget
from brain.usecases.read import articles
from brain.usecases.retract import retract
from tests.flow.slack.conftest import Office
from tests.flow.slack.desk import BADGES, COST, case_of, opened, said_to

DEARER = BADGES.replace("15 euros", "25 euros")


async def test_a_card_follows_its_sources_and_refuses_what_it_showed_before(office: Office) -> None:
    desk = await opened(office)
    await office.world.reads("badges.md", DEARER, department="procurement")
    card = await office.sees("rosa", office.desk, "What has changed in the sources")
    assert card.ts == desk.card.ts
    assert "-A visitor badge costs 15 euros" in card.text
    assert "+A visitor badge costs 25 euros" in card.text
    assert "Approve without them" in card.buttons
    await office.quiet()

    for button in ("Approve", "Edit", "Reject"):
        office.people["rosa"].clicks(desk.card, button)
        await office.quiet()
    assert len(said_to(office, "rosa", words="has changed since you saw it. The card shows how it is")) == 3
    assert office.people["rosa"].view is None
    office.people["rosa"].clicks(card, "Approve")
    await office.sees("rosa", office.desk, "[1] of the draft have changed or gone")
    assert (await case_of(office)).review.status is ReviewStatus.OPEN

    office.people["rosa"].clicks(card, "Approve without them")
    final = await office.sees("amira", office.help, "15 euros", thread=desk.asked)
    assert "Checked by Rosa" in final.text


async def test_a_word_does_not_approve_what_has_changed(office: Office) -> None:
    desk = await opened(office)
    cheap = BADGES.replace("costs 15", "costs just 15")
    await office.world.reads("badges.md", cheap, department="procurement")
    office.people["rosa"].says(office.desk, "approve", thread=desk.card)
    asked = await office.sees("rosa", office.desk, "Approve it all the same?", thread=desk.card)
    assert "+A visitor badge costs just 15 euros" in asked.text
    assert (await case_of(office)).review.status is ReviewStatus.OPEN
    office.people["rosa"].clicks(asked, "Approve without them")
    await office.sees("amira", office.help, "Checked by Rosa", thread=desk.asked)
    await office.quiet()
    office.people["ravi"].clicks(asked, "Approve")
    await office.sees("ravi", office.desk, "already decided by Rosa at")


async def test_a_changed_source_withdraws_what_was_posted_and_asks_again(office: Office) -> None:
    desk = await opened(office)
    omar = office.people["omar"]
    office.people["rosa"].clicks(desk.card, "Approve")
    final = await office.sees("amira", office.help, "Checked by Rosa", thread=desk.asked)
    omar.commands("/expert", f"ask {COST}", office.help)
    await office.sees("omar", office.help, "Checked by Rosa")
    again = omar.says(office.help, f"@expert {COST}")
    public = await office.sees("omar", office.help, "Checked by Rosa", thread=again)
    await office.quiet()

    await office.world.reads("badges.md", DEARER, department="procurement")
    gone = await office.sees("amira", office.help, "This answer does not hold any more", thread=desk.asked)
    assert gone.ts == final.ts
    assert "15 euros" not in gone.text
    gone = await office.sees("omar", office.help, "This answer does not hold any more", thread=again)
    assert gone.ts == public.ts
    told = await office.sees("omar", omar.dm, "This answer does not hold any more")
    assert COST in told.text, "what only they saw cannot be changed"

    card = await office.sees("ravi", office.desk, "does the answer still hold?")
    for words in (
        "Review 2",
        "A source has changed",
        "-A visitor badge costs 15",
        "+A visitor badge costs 25",
    ):
        assert words in card.text
    office.people["ravi"].says(office.desk, "A visitor badge costs 25 euros, says the new list.", thread=card)
    offer = await office.sees("rosa", office.desk, "Shall this be the answer", thread=card)
    assert "+A visitor badge costs 25" in offer.text
    office.people["rosa"].clicks(offer, "Approve this text")
    for who, where, thread in (
        ("amira", office.help, desk.asked),
        ("omar", office.help, again),
        ("omar", omar.dm, None),
    ):
        await office.sees(who, where, "25 euros, says the new list", thread=thread)


async def test_a_retracted_article_is_taken_back_wherever_it_was_posted(office: Office) -> None:
    desk = await opened(office)
    office.people["rosa"].clicks(desk.card, "Approve")
    final = await office.sees("amira", office.help, "Checked by Rosa", thread=desk.asked)
    ravi = office.world.people["ravi"]
    [article] = await articles(office.world.store, ravi)
    await retract(office.world.store, ravi, article.id, reason="The price was wrong from the start.")
    gone = await office.sees("amira", office.help, "The price was wrong from the start", thread=desk.asked)
    assert gone.ts == final.ts
    assert "costs 15 euros" not in gone.text
    await office.quiet()
    shown = [one.text for one in office.people["amira"].sees(office.help, thread=desk.asked)]
    assert not any("costs 15 euros" in one for one in shown)


async def test_a_forgotten_source_shows_on_an_open_card(office: Office) -> None:
    await opened(office)
    ravi = office.world.people["ravi"]
    async with office.world.store.transaction(office.tenant) as tx:
        [document] = [
            one for one in await tx.library.documents(audience=ravi.audience) if one.source == "badges.md"
        ]
    await forget(office.world.store, ravi, document.id)
    card = await office.sees("rosa", office.desk, "is not there any more")
    assert "Approve without them" in card.buttons

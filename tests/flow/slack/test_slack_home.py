"""The bot's own place: what somebody waits for, what waits for them, and what was learned."""

from tests.flow.slack.conftest import Office
from tests.flow.slack.desk import COST, opened


async def _home(office: Office, who: str, words: str) -> str:
    person = office.people[who]
    found = await office.slack.until(lambda: (read := person.reads(person.home)) and words in read and read)
    return str(found)


async def test_home_has_a_question_until_it_is_answered(office: Office) -> None:
    desk = await opened(office)
    amira = office.people["amira"]
    amira.opens_home()
    home = await _home(office, "amira", COST)
    assert "a person is looking at it (1)" in home
    assert home.count("Nothing at the moment") == 2
    office.people["rosa"].clicks(desk.card, "Approve")
    await office.sees("amira", office.help, "Checked by Rosa", thread=desk.asked)
    amira.opens_home()
    home = await _home(office, "amira", "My open questions\nNothing at the moment")
    assert "a person is looking at it" not in home


async def test_reviews_are_shown_with_their_age_and_can_be_opened(office: Office) -> None:
    desk = await opened(office)
    ravi, rosa = office.people["ravi"], office.people["rosa"]
    rosa.opens_home()
    assert COST not in await _home(office, "rosa", "My reviews"), "it is not their turn"
    ravi.opens_home()
    home = await _home(office, "ravi", COST)
    assert "open for 0 h, expires " in home
    assert ravi.home is not None
    ravi.clicks(ravi.home, "Show")
    card = await office.sees("ravi", ravi.dm, "costs 15 euros")
    assert card.buttons == ["Approve", "Edit", "Reject", "Not for me"]
    ravi.clicks(ravi.home, "Show")
    await office.quiet()
    assert len([one for one in ravi.sees(ravi.dm) if "costs 15 euros" in one.text]) == 1

    ravi.clicks(card, "Approve")
    await office.sees("amira", office.help, "Checked by Ravi", thread=desk.asked)
    home = await _home(office, "ravi", f"Learned this week\n• {COST}")
    assert home.count(COST) == 1, "the review is gone from the list"
    await office.sees("rosa", office.desk, "Approved by Ravi")
    assert (await office.sees("ravi", ravi.dm, "Approved by Ravi")).buttons == []
    rosa.opens_home()
    await _home(office, "rosa", f"Learned this week\n• {COST}")


async def test_a_review_shown_alone_follows_when_it_is_handed_on(office: Office) -> None:
    await opened(office)
    ravi = office.people["ravi"]
    ravi.opens_home()
    await _home(office, "ravi", COST)
    assert ravi.home is not None
    old = ravi.home
    ravi.clicks(old, "Show")
    card = await office.sees("ravi", ravi.dm, "costs 15 euros")
    ravi.clicks(card, "Not for me")
    passed = await office.sees("ravi", ravi.dm, "It is Rosa's turn now")
    assert (passed.ts, passed.buttons) == (card.ts, [])
    await office.sees("rosa", office.desk, "Rosa's turn")
    await _home(office, "ravi", "My reviews\nNothing at the moment")


async def test_what_others_review_cannot_be_shown(office: Office) -> None:
    await opened(office)
    ravi, omar = office.people["ravi"], office.people["omar"]
    ravi.opens_home()
    await _home(office, "ravi", COST)
    assert ravi.home is not None
    omar.clicks(ravi.home, "Show")
    await office.sees("omar", omar.dm, "Only reviewers of the department")
    await office.quiet()
    assert not [one for one in omar.sees(omar.dm) if "15 euros" in one.text]

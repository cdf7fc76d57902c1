"""Where cards are shown: only to those who may read what the answer rests on."""

from dataclasses import replace

from brain.domain.conversation import ChannelRules
from brain.domain.identity import Department, Role, Thresholds
from brain.domain.review import ReviewCase
from demo.fake_slack import Message
from tests.flow.slack.conftest import Office
from tests.flow.slack.desk import COST, has_role, hires, opened, said_to

BONUS = "Who signs the bonus list in March?"
BONUSES = "# Bonuses\n\n## The list\n\nThe bonus list is signed in March by Ingrid Vale.\n"
SECRET = "Ingrid Vale"
BADGES = "# Badges\n\nA visitor badge costs 15 euros.\n"


async def _payroll(office: Office) -> Department:
    """A closed department that publishes nothing unseen; petra reviews there, and carl asks."""
    known = office.world.departments["payroll"]
    checked = replace(known, thresholds=Thresholds(publish=1.0, abstain=0.0))
    async with office.world.store.transaction(office.tenant) as tx:
        await tx.people.save_department(checked)
    await hires(office, "carl", "payroll", Role.ASKER)
    await office.world.reads("bonuses.md", BONUSES, department="payroll", by="petra")
    return checked


def _asks(office: Office) -> Message:
    carl = office.people["carl"]
    return carl.says(carl.dm, BONUS)


def _leaks(office: Office) -> list[str]:
    """What anybody but petra and carl can see of it."""
    return [
        one["what"]
        for one in office.slack.log
        if SECRET in one["what"] and not set(one["who"]) <= {"Petra", "Carl"}
    ]


async def test_a_closed_departments_card_goes_to_its_reviewer_alone(office: Office) -> None:
    await _payroll(office)
    _asks(office)
    petra = office.people["petra"]
    card = await office.sees("petra", petra.dm, BONUS)
    assert SECRET in card.text
    assert card.live.links == [], "nobody else sees where carl asked"
    petra.says(petra.dm, "approve", thread=card)
    answered = await office.sees("carl", office.people["carl"].dm, "Checked by Petra")
    assert SECRET in answered.text
    assert (await office.sees("petra", petra.dm, "Approved by Petra")).buttons == []
    await office.quiet()
    assert _leaks(office) == []


async def test_its_own_channel_shows_it_until_a_stranger_comes(office: Office) -> None:
    payroll = await _payroll(office)
    petra = office.people["petra"]
    vault = office.slack.add_channel("vault", [petra], private=True)
    await office.rules(vault, ChannelRules(payroll.id, reviews=True), by="petra")
    _asks(office)
    card = await office.sees("petra", vault, SECRET)
    assert "Approve" in card.buttons
    await office.quiet()
    assert not [one for one in petra.sees(petra.dm) if BONUS in one.text]

    office.people["omar"].joins(vault)
    await office.quiet()
    await hires(office, "cleo", "payroll", Role.ASKER)
    office.people["cleo"].says(office.people["cleo"].dm, BONUS)
    own = await office.sees("petra", petra.dm, SECRET)
    await office.quiet()
    [left] = [one for one in office.people["omar"].sees(vault) if "Review 1" in one.text]
    assert "Not everybody here may read" in left.text
    assert BONUS not in left.text
    assert left.buttons == []
    petra.clicks(own, "Approve")
    await office.sees("carl", office.people["carl"].dm, "Checked by Petra")
    await office.sees("cleo", office.people["cleo"].dm, "Checked by Petra")


async def test_a_guest_in_the_channel_keeps_cards_out_of_it(office: Office) -> None:
    guest = office.slack.add_person("Gus", email="gus@elsewhere.example", is_restricted=True)
    guest.joins(office.desk)
    await office.quiet()
    office.people["amira"].says(office.help, f"@expert {COST}")
    await office.rules(office.desk, ChannelRules(office.world.departments["it-ops"].id, reviews=True))
    asked = office.people["omar"].says(office.help, "@expert How do I book the roof terrace for a party?")
    await office.sees("omar", office.help, "looks at it", thread=asked)
    await office.quiet()
    assert guest.sees(office.desk) == []


async def test_reviewers_who_never_wrote_are_found_by_their_address(office: Office) -> None:
    desk = await opened(office)
    assert desk.card.live.mentions == [f"@{office.people['ravi'].id}"]
    lookups = [one for one in office.slack.calls if one.method == "users.lookupByEmail"]
    assert lookups


async def test_who_is_not_on_slack_is_nobodys_direct_message(office: Office) -> None:
    async with office.world.store.transaction(office.tenant) as tx:
        ravi = await tx.people.member("ravi")
        assert ravi is not None
        await tx.people.save_member(replace(ravi, email="ravi@somewhere-else.example"))
    await office.world.reads("badges.md", BADGES, department="procurement")
    asked = office.people["amira"].says(office.help, f"@expert {COST}")
    await office.sees("amira", office.help, "Ravi looks at it", thread=asked)
    await office.quiet()
    assert said_to(office, "rosa") == []
    assert said_to(office, "ravi") == []


async def test_a_review_without_a_channel_follows_whose_turn_it_is(office: Office) -> None:
    await has_role(office, "rosa", "procurement", Role.REVIEWER)
    await office.world.reads("badges.md", BADGES, department="procurement")
    asked = office.people["amira"].says(office.help, f"@expert {COST}")
    ravi, rosa = office.people["ravi"], office.people["rosa"]
    card = await office.sees("ravi", ravi.dm, "15 euros")
    assert len(card.live.links) == 1, "it was asked where everybody can read it"
    await office.quiet()
    assert rosa.sees(rosa.dm) == []
    ravi.clicks(card, "Not for me")
    theirs = await office.sees("rosa", rosa.dm, "15 euros")
    passed = await office.sees("ravi", ravi.dm, "It is Rosa's turn now")
    assert (passed.ts, passed.buttons) == (card.ts, [])
    assert "15 euros" not in passed.text
    rosa.says(rosa.dm, "It costs 15 euros, which you get back at gate 4.", thread=theirs)
    offer = await office.sees("rosa", rosa.dm, "Approve this text", thread=theirs)
    assert "Shall this be the answer to review 1?" in offer.text
    rosa.clicks(offer, "Approve this text")
    await office.sees("amira", office.help, "you get back at gate 4", thread=asked)
    await office.sees("ravi", ravi.dm, "Approved with changes by Rosa")
    rosa.says(rosa.dm, "@expert How do I rotate the Redis password?", thread=theirs)
    await office.sees("rosa", rosa.dm, "redis-cli", thread=theirs)


async def test_a_card_has_what_was_approved_to_a_question_like_it(office: Office) -> None:
    desk = await opened(office)
    office.people["rosa"].clicks(desk.card, "Approve")
    await office.sees("amira", office.help, "Checked by Rosa", thread=desk.asked)
    asked = office.people["amira"].says(office.help, "@expert What does a lost visitor badge cost?")
    await office.sees("amira", office.help, "looks at it", thread=asked)
    card = await office.sees("ravi", office.desk, "Review 2")
    assert "Approved before" in card.text
    assert f"“{COST}”: A visitor badge costs 15 euros" in card.text


async def test_a_card_stays_out_of_the_channel_that_reviews_have_left(office: Office) -> None:
    """Who reads the new one is no reason to write into the old one."""
    department = office.world.departments["it-ops"].id
    await office.rules(office.desk, ChannelRules(department, reviews=True))
    office.people["amira"].says(office.help, "@expert How do I book the roof terrace for a party?")
    await office.sees("ravi", office.desk, "roof terrace")
    guest = office.slack.add_person("Gus Guest", email="gus@elsewhere.example", is_restricted=True)
    guest.joins(office.desk)
    quiet = office.slack.add_channel(
        "it-desk-2", [office.people["ravi"], office.people["rosa"]], private=True
    )
    await office.rules(quiet, ChannelRules(department, reviews=True))

    [case] = await office.brain.reviews(office.world.people["ravi"])
    await office.brain.pass_on(office.world.people[_turn(case)], case.review.number, reason="")
    moved = await office.sees("rosa", quiet, "roof terrace")
    await office.quiet()

    assert "Edit" in moved.buttons
    assert not any(
        "roof terrace" in one.text and one.author == "The Expert" for one in guest.sees(office.desk)
    )


def _turn(case: ReviewCase) -> str:
    return (case.assigned_to or "").lower()

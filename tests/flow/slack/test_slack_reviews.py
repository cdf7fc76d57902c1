"""What a reviewer does on Slack, and what those who asked see of it."""

from brain.domain.review import ReviewStatus
from demo.fake_slack.faults import status
from tests.flow.slack.conftest import Office
from tests.flow.slack.desk import (
    BADGES,
    COST,
    case_of,
    opened,
    payloads,
    said_to,
)


async def test_a_card_says_all_that_a_verdict_needs(office: Office) -> None:
    desk = await opened(office)

    held = await office.sees("amira", office.help, "not sure enough", thread=desk.asked)
    assert "Ravi looks at it, until " in held.text
    assert "15 euros" not in held.text, "no draft before it is checked"
    card = desk.card
    for words in (
        "Review 1",
        "Amira asks",
        COST,
        "costs 15 euros",
        "[1]",
        "Confidence",
        "Ravi's turn, expires ",
    ):
        assert words in card.text
    assert card.buttons == ["Approve", "Edit", "Reject", "Not for me"]
    assert card.live.mentions == [f"@{office.people['ravi'].id}"]
    assert card.live.links == [
        f"https://acme.slack.com/archives/{office.help.id}/p{desk.asked.ts.replace('.', '')}"
    ]


async def test_approve_answers_below_and_ends_the_card(office: Office) -> None:
    desk = await opened(office)
    office.people["rosa"].clicks(desk.card, "Approve")

    final = await office.sees("amira", office.help, "costs 15 euros", thread=desk.asked)
    assert "Checked by Rosa" in final.text
    assert final.live.mentions == [f"@{office.people['amira'].id}"]
    await office.sees("amira", office.help, "See the message below", thread=desk.asked)
    card = await office.sees("ravi", office.desk, "Approved by Rosa on ")
    assert card.buttons == []
    assert card.live.mentions == []
    await office.quiet()
    assert [one.text for one in said_to(office, "rosa")] == ["Noted: review 1 is approved."]


async def test_what_is_clicked_twice_is_decided_once_and_said_so(office: Office) -> None:
    desk = await opened(office)
    for _ in range(3):
        office.people["rosa"].clicks(desk.card, "Approve")
    await office.sees("ravi", office.desk, "Approved by Rosa")
    await office.quiet()
    assert {one.text for one in said_to(office, "rosa")} == {"Noted: review 1 is approved."}
    finals = [one for one in office.people["amira"].sees(office.help) if "Checked by" in one.text]
    assert len(finals) == 1


async def test_of_two_reviewers_one_decides_and_the_other_hears_who(office: Office) -> None:
    desk = await opened(office)
    office.people["rosa"].clicks(desk.card, "Approve")
    office.people["ravi"].clicks(desk.card, "Approve")
    await office.sees("ravi", office.desk, "Approved by ")
    await office.quiet()
    case = await case_of(office)
    assert case.decided_by is not None
    winner, other = ("rosa", "ravi") if case.decided_by == "Rosa" else ("ravi", "rosa")
    assert [one.text for one in said_to(office, winner)] == ["Noted: review 1 is approved."]
    [late] = said_to(office, other)
    assert f"already decided by {case.decided_by} at 20" in late.text

    for button in ("Approve", "Edit", "Reject", "Not for me"):
        office.people[other].clicks(desk.card, button)
        await office.quiet()
    told = said_to(office, other, words=f"Review 1 was already decided by {case.decided_by} at 20")
    assert len(told) == 5
    assert office.people[other].view is None


async def test_edit_opens_the_draft_and_publishes_what_was_made_of_it(office: Office) -> None:
    desk = await opened(office)
    office.people["ravi"].clicks(desk.card, "Edit")
    form = await office.slack.until(lambda: office.people["ravi"].view)
    assert "costs 15 euros" in office.people["ravi"].reads(form)
    better = "A visitor badge costs 15 euros; bring it back to gate 4 by 18:00."
    assert await office.people["ravi"].submits(form, {"Answer": better}) == {}

    final = await office.sees("amira", office.help, "by 18:00", thread=desk.asked)
    assert "Checked by Ravi" in final.text
    assert (await office.sees("rosa", office.desk, "Approved with changes by Ravi")).buttons == []
    await office.sees("ravi", office.people["ravi"].dm, "approved with your text")


async def test_what_came_too_late_is_not_lost(office: Office) -> None:
    desk = await opened(office)
    office.people["ravi"].clicks(desk.card, "Edit")
    form = await office.slack.until(lambda: office.people["ravi"].view)
    office.people["rosa"].clicks(desk.card, "Approve")
    await office.sees("rosa", office.desk, "Approved by Rosa")
    await office.people["ravi"].submits(form, {"Answer": "It costs 15 euros, in cash only."})
    late = await office.sees("ravi", office.people["ravi"].dm, "already decided by Rosa")
    assert "It costs 15 euros, in cash only." in late.text


async def test_a_draft_that_is_longer_than_a_field_is_edited_whole(office: Office) -> None:
    desk = await opened(office)
    long = "\n\n".join(f"Step {number}: " + "hold the badge to the reader. " * 12 for number in range(20))
    assert len(long) > 6_000
    office.people["ravi"].says(office.desk, long, thread=desk.card)
    offer = await office.sees("rosa", office.desk, "Approve this text", thread=desk.card)
    office.people["rosa"].clicks(offer, "Approve this text")
    final = await office.sees("amira", office.help, "Step 19", thread=desk.asked)
    assert final.thread_ts == desk.asked.ts
    await office.quiet()

    await office.world.reads("badges.md", BADGES.replace("15", "25"), department="procurement")
    card = await office.sees("rosa", office.desk, "does the answer still hold")
    office.people["rosa"].clicks(card, "Edit")
    form = await office.slack.until(lambda: office.people["rosa"].view)
    assert "write in the thread" in office.people["rosa"].reads(form)
    await office.people["rosa"].submits(form, {})
    refused = await office.sees("rosa", office.people["rosa"].dm, "[1] of the draft have changed or gone")
    assert "Step 0" in refused.text

    office.people["rosa"].clicks(card, "Edit")
    form = await office.slack.until(lambda: office.people["rosa"].view)
    await office.people["rosa"].submits(form, {"Answer": "Step 0: pay 25 euros."})
    await office.sees("ravi", office.desk, "Approved with changes by Rosa", times=2)
    whole = await office.sees("amira", office.help, "Step 0: pay 25 euros.", thread=desk.asked)
    assert "Step 19" in whole.text
    await office.quiet()
    case = await case_of(office, 2)
    assert case.review.status is ReviewStatus.DECIDED


async def test_reject_asks_why_and_tells_who_asked(office: Office) -> None:
    desk = await opened(office)
    office.people["ravi"].clicks(desk.card, "Reject")
    form = await office.slack.until(lambda: office.people["ravi"].view)
    await office.people["ravi"].submits(form, {"reason": "The price list is from last year."})
    final = await office.sees("amira", office.help, "The price list is from last year", thread=desk.asked)
    assert final.live.mentions == [f"@{office.people['amira'].id}"]
    card = await office.sees("rosa", office.desk, "Rejected by Ravi on ")
    assert card.buttons == []
    await office.sees("ravi", office.people["ravi"].dm, "Noted: review 1 is rejected.")


async def test_not_for_me_hands_on_and_all_who_see_it_know(office: Office) -> None:
    desk = await opened(office)
    office.people["rosa"].clicks(desk.card, "Not for me")
    await office.sees("rosa", office.desk, "is with Ravi, not with you")
    office.people["ravi"].clicks(desk.card, "Not for me")
    told = await office.sees("rosa", office.desk, "Review 1 is yours now", thread=desk.card)
    assert told.live.mentions == [f"@{office.people['rosa'].id}"]
    await office.sees("ravi", office.desk, "Rosa's turn")
    await office.sees("amira", office.help, "Rosa looks at it", thread=desk.asked)


async def test_words_in_the_thread_of_a_card(office: Office) -> None:
    desk = await opened(office)
    ravi, rosa = office.people["ravi"], office.people["rosa"]
    rosa.says(office.desk, "I'd take this one, or what do you think?", thread=desk.card)
    ravi.says(office.desk, "not for me", thread=desk.card)
    await office.sees("rosa", office.desk, "Rosa's turn")
    rosa.says(office.desk, "reject", thread=desk.card)
    await office.sees("rosa", rosa.dm, "Say why")
    rosa.says(office.desk, "@expert Approve!", thread=desk.card)
    final = await office.sees("amira", office.help, "costs 15 euros", thread=desk.asked)
    assert "Checked by Rosa" in final.text
    await office.quiet()
    assert await payloads(office) == 0, "talk is forgotten"
    assert len(office.people["amira"].sees(office.help, thread=desk.asked)) == 3
    in_thread = [one.text for one in rosa.sees(office.desk, thread=desk.card)]
    assert not any("Shall this be" in one for one in in_thread)


async def test_reject_with_a_reason_by_a_word(office: Office) -> None:
    desk = await opened(office)
    office.people["rosa"].says(office.desk, "reject: it is 25 euros by now", thread=desk.card)
    await office.sees("amira", office.help, "it is 25 euros by now", thread=desk.asked)
    await office.sees("ravi", office.desk, "Rejected by Rosa")


async def test_a_better_answer_is_offered_and_can_be_dropped(office: Office) -> None:
    desk = await opened(office)
    first = "It costs 15 euros, and visitors get them back at gate 4."
    office.people["rosa"].says(office.desk, first, thread=desk.card)
    offer = await office.sees("ravi", office.desk, "Shall this be the answer", thread=desk.card)
    assert first in offer.text
    assert offer.buttons == ["Approve this text", "No, just talking"]
    office.people["rosa"].clicks(offer, "No, just talking")
    dropped = await office.sees("ravi", office.desk, "Not taken as an answer", thread=desk.card)
    assert (dropped.ts, dropped.buttons) == (offer.ts, [])
    await office.quiet()
    assert await payloads(office) == 0
    office.people["rosa"].clicks(offer, "Approve this text")
    await office.sees("rosa", office.desk, "Not taken as an answer")
    await office.quiet()
    assert (await case_of(office)).review.status is ReviewStatus.OPEN


async def test_what_was_offered_is_forgotten_when_the_review_is_decided_otherwise(office: Office) -> None:
    desk = await opened(office)
    for who in ("rosa", "ravi"):
        text = f"It costs 15 euros, says {who}, and that is final."
        office.people[who].says(office.desk, text, thread=desk.card)
    offers = [
        await office.sees("ravi", office.desk, f"says {who}", thread=desk.card, times=2)
        for who in ("rosa", "ravi")
    ]
    await office.quiet()
    assert await payloads(office) == 2
    office.people["rosa"].clicks(desk.card, "Approve")
    await office.sees("amira", office.help, "Checked by Rosa", thread=desk.asked)
    await office.quiet()
    assert await payloads(office) == 0
    shown = {one.ts: one for one in office.people["ravi"].sees(office.desk, thread=desk.card)}
    for offer in offers:
        assert shown[offer.ts].buttons == []
        assert "Approved by Rosa" in shown[offer.ts].text
        office.people["ravi"].clicks(offer, "Approve this text")
    await office.quiet()
    assert len(said_to(office, "ravi", words="already decided by Rosa at")) == 2


async def test_who_may_not_decide_hears_why_and_nobody_else(office: Office) -> None:
    desk = await opened(office, by="ravi")
    ravi, amira, omar = (office.people[one] for one in ("ravi", "amira", "omar"))
    assert "Rosa's turn" in desk.card.text
    ravi.clicks(desk.card, "Approve")
    await office.sees("ravi", office.desk, "the answer to your own question")
    ravi.clicks(desk.card, "Edit")
    await office.quiet()
    assert ravi.view is None
    ravi.says(office.desk, "approve", thread=desk.card)
    await office.sees("ravi", ravi.dm, "the answer to your own question")
    for stranger in (amira, omar):
        stranger.joins(office.desk)
        stranger.clicks(desk.card, "Approve")
        stranger.clicks(desk.card, "Reject")
        stranger.clicks(desk.card, "Not for me")
        stranger.says(office.desk, "reject: I do not like it", thread=desk.card)
        stranger.says(office.desk, "It costs 15 euros, everybody knows that.", thread=desk.card)
    await office.quiet()
    assert len(said_to(office, "omar", words="Only reviewers of the department")) == 4
    assert len(said_to(office, "amira", words="Only reviewers of the department")) == 4
    assert (await case_of(office)).review.status is ReviewStatus.OPEN
    thread = office.people["rosa"].sees(office.desk, thread=desk.card)
    assert not [one for one in thread if "Only reviewers" in one.text or "Shall this be" in one.text]
    assert amira.view is None


async def test_others_who_ask_the_same_are_all_answered_each_once(office: Office) -> None:
    desk = await opened(office)
    omar, rosa, amira = (office.people[one] for one in ("omar", "rosa", "amira"))
    canteen = office.slack.add_channel("canteen", [omar, amira, rosa])
    in_channel = omar.says(canteen, "@expert What is the cost of a visitor badge?")
    await office.sees("omar", canteen, "Ravi looks at it", thread=in_channel)
    omar.says(omar.dm, "what does a visitor badge cost?")
    await office.sees("omar", omar.dm, "Ravi looks at it")
    petra = office.people["petra"]
    petra.joins(canteen)
    petra.commands("/expert", f"ask {COST}", canteen)
    await office.sees("petra", canteen, "Ravi looks at it")
    await office.quiet()
    card = await office.sees("ravi", office.desk, "Amira and 2 more ask")
    assert len([one for one in rosa.sees(office.desk) if COST in one.text]) == 1

    rosa.clicks(card, "Approve")
    await office.sees("petra", petra.dm, "Checked by Rosa")
    await office.quiet()
    for who, where, thread in (
        ("amira", office.help, desk.asked),
        ("omar", canteen, in_channel),
        ("omar", omar.dm, None),
        ("petra", petra.dm, None),
    ):
        seen = office.people[who].sees(where, thread=thread)
        assert len([one for one in seen if "Checked by Rosa" in one.text]) == 1, who
    told = petra.sees(petra.dm)[-1]
    assert COST in told.text, "apart from the question, it is said again"


async def test_ask_a_person_keeps_the_answer_and_brings_the_verdict_below(office: Office) -> None:
    amira, omar = office.people["amira"], office.people["omar"]
    asked = amira.says(office.help, "@expert How do I rotate the Redis password?")
    answered = await office.sees("amira", office.help, "Sure", thread=asked)
    omar.clicks(answered, "Ask a person")
    await office.sees("omar", office.help, "Only the one who asked")
    amira.clicks(answered, "Ask a person")
    amira.clicks(answered, "Ask a person")
    noted = await office.sees("amira", office.help, "was asked to check this, until", thread=asked)
    assert noted.ts == answered.ts
    assert "Redis" in noted.text or "redis" in noted.text
    assert "Ask a person" not in noted.buttons
    await office.quiet()
    case = await case_of(office)
    assert case.assigned_to is not None
    reviewer = office.people[case.assigned_to.lower()]
    card = await office.sees(case.assigned_to.lower(), reviewer.dm, "Review 1")
    reviewer.clicks(card, "Approve")
    final = await office.sees("amira", office.help, f"Checked by {case.assigned_to}", thread=asked)
    assert final.live.mentions == [f"@{amira.id}"]
    await office.sees("amira", office.help, "See the message below", thread=asked)
    await office.quiet()
    amira.clicks(answered, "Ask a person")
    await office.sees("amira", office.help, f"{case.assigned_to} has checked this answer. Say what is wrong")
    await office.quiet()
    assert len(said_to(office, "amira", words="I have asked a person to check it (review 1)")) == 2
    assert (await case_of(office)).review.status is ReviewStatus.DECIDED


async def test_what_a_shortcut_asks_about_is_no_word_of_whom_uses_it(office: Office) -> None:
    desk = await opened(office)
    omar, rosa = office.people["omar"], office.people["rosa"]
    omar.joins(office.desk)
    theirs = omar.says(office.desk, "approve", thread=desk.card)
    await office.quiet()
    rosa.shortcut("ask", theirs)
    await office.quiet()
    assert (await case_of(office)).review.status is ReviewStatus.OPEN


async def test_who_passes_it_on_again_is_told_that_it_is_passed_on(office: Office) -> None:
    desk = await opened(office)
    ravi = office.people["ravi"]
    office.slack.misbehave("views.publish", status(500), times=6)
    for _ in range(2):
        ravi.clicks(desk.card, "Not for me")
        await office.quiet()
    await office.sees("rosa", office.desk, "Rosa's turn")
    assert said_to(office, "ravi", words="not with you") == []
    assert len(said_to(office, "ravi", words="Rosa")) == 2

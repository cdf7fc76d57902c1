"""What the rules of a channel make of what is said there, and how they are made."""

from datetime import UTC, datetime, timedelta

from brain.domain.clock import WorkingHours
from brain.domain.conversation import Answering, ChannelRules, MayAsk
from brain.domain.identity import Department
from brain.usecases.read import reviews
from demo.fake_slack import Channel, Person, Seen, View
from tests.flow.slack.conftest import Office
from tests.flow.slack.test_slack_asking import PORT, ROTATE, TERRACE, said

SETUP = {"Department": "IT-OPS", "Answer": "questions"}


def it(office: Office) -> Department:
    return office.world.departments["it-ops"]


async def alone(office: Office, person: Person, words: str) -> Seen:
    """What nobody else in the channel sees."""
    seen = await office.slack.until(
        lambda: [one for one in said(person, office.help) if one.ephemeral and words in one.text]
    )
    return seen[-1]


async def silent(office: Office, channel: Channel) -> None:
    await office.quiet()
    seen = office.people["ravi"].sees(channel)
    assert [one.text for one in seen if one.author == "The Expert"] == []


async def test_every_question_is_answered_where_the_bot_is_sure_and_silence_can_be_explained(
    office: Office,
) -> None:
    rules = ChannelRules(it(office).id, Answering.QUESTIONS, least_confidence=0.7, reviews=True)
    await office.rules(office.help, rules)
    amira, omar = office.people["amira"], office.people["omar"]
    amira.says(office.help, "Good morning everybody!")
    amira.says(office.help, "I have restarted the Redis exporter.")
    doubted = amira.says(office.help, TERRACE)
    long = omar.says(office.help, f"{ROTATE} " + "x" * 9_000)
    await silent(office, office.help)
    assert await reviews(office.world.store, office.world.people["ravi"], open_only=True) == []

    amira.commands("/expert", "why", office.help)
    why = await office.sees("amira", office.help, "I kept silent: nobody asked me")
    assert TERRACE in why.text
    amira.commands("/expert", "status", office.help)
    await office.sees("amira", office.help, "not sure enough to speak")
    omar.shortcut("why", doubted)
    await office.sees("omar", office.help, "I kept silent: nobody asked me")
    omar.shortcut("why", long)
    await office.sees("omar", office.help, "no question of yours here")

    # Where nobody knows that the bot listens, it does not step back aloud.
    omar.says(office.help, "Ask at the reception, they have a list.", thread=doubted)
    amira.says(office.help, "Which port does Sentinel use?", thread=doubted)
    await office.quiet()
    assert said(amira, office.help, thread=doubted) == []

    asked = omar.says(office.help, ROTATE)
    answered = await office.sees("amira", office.help, "redis-cli", thread=asked)
    assert "Looking for" not in " ".join(
        str(one["what"]) for one in office.slack.log if one["kind"] == "edit"
    )
    assert answered.thread_ts == asked.ts
    amira.says(office.help, PORT, thread=asked)
    await office.sees("amira", office.help, "26379", thread=asked)


async def test_in_quiet_hours_only_who_addresses_the_bot_hears_from_it(office: Office) -> None:
    now = datetime.now(UTC)
    later = (now.hour * 60 + now.minute + 120) % (22 * 60)
    rules = ChannelRules(
        it(office).id,
        Answering.QUESTIONS,
        alerts=True,
        least_confidence=0.5,
        talks_in=WorkingHours("UTC", later, later + 60, frozenset(range(7))),
    )
    await office.rules(office.help, rules)
    monitor = office.slack.add_person("Monitor", is_bot=True)
    office.help.members.append(monitor.id)
    office.people["amira"].says(office.help, ROTATE)
    monitor.says(office.help, ROTATE)
    await silent(office, office.help)
    asked = office.people["amira"].says(office.help, f"@expert {ROTATE}")
    await office.sees("amira", office.help, "redis-cli", thread=asked)


async def test_alerts_of_other_bots_are_answered_where_the_rules_say_so(office: Office) -> None:
    monitor = office.slack.add_person("Monitor", is_bot=True)
    office.help.members.append(monitor.id)
    alert = "FIRING: client fails with WRONGPASS and the user name default shows up in ACL LOG"
    monitor.says(office.help, alert)
    await silent(office, office.help)
    await office.rules(office.help, ChannelRules(it(office).id, alerts=True, least_confidence=0.3))
    for _ in range(2):
        posted = monitor.says(office.help, alert)
        await office.sees("amira", office.help, "configured without a user name", thread=posted)
    monitor.says(office.help, "Everything is fine.")
    await office.quiet()
    assert len(said(office.people["amira"], office.help)) == 2
    assert await reviews(office.world.store, office.world.people["ravi"], open_only=True) == []


async def test_guests_are_answered_where_the_rules_say_so_and_nowhere_else(office: Office) -> None:
    guest = office.slack.add_person("Gus", email="gus@partner.example", is_restricted=True)
    office.help.members.append(guest.id)
    refused = guest.says(office.help, f"@expert {ROTATE}")
    await office.sees("omar", office.help, "could not tell that you are one", thread=refused)
    await office.rules(office.help, ChannelRules(it(office).id))
    again = guest.says(office.help, f"@expert {ROTATE}")
    await office.sees("omar", office.help, "members of the organisation only", thread=again)

    await office.rules(office.help, ChannelRules(it(office).id, may_ask=MayAsk.EVERYONE))
    asked = guest.says(office.help, f"@expert {ROTATE}")
    answered = await office.sees("omar", office.help, "redis-cli", thread=asked)
    guest.clicks(answered, "Helpful")
    await office.sees("omar", office.help, "redis-cli", thread=asked)
    guest.says(office.help, PORT, thread=asked)
    await office.sees("omar", office.help, "26379", thread=asked)
    for typed, told in (("why", "% sure"), ("status", "answered"), (f"ask {PORT}", "26379")):
        guest.commands("/expert", typed, office.help)
        await alone(office, guest, told)
    guest.says(guest.dm, ROTATE)
    await guest.hears("could not tell that you are one", guest.dm)


async def filled_in(office: Office, who: str, channel: Channel) -> View:
    office.people[who].commands("/expert", "setup", channel)
    return await office.slack.until(lambda: office.people[who].view)


async def test_admins_of_a_department_set_up_its_channels(office: Office) -> None:
    ravi = office.people["ravi"]
    form = await filled_in(office, "ravi", office.help)
    assert "PAYROLL" not in ravi.reads(form), "not his"
    wrong = await ravi.submits(form, {"least": "0", "quiet": "22:00 to 6:00"})
    assert wrong == {"least": "A number from 1 to 100.", "quiet": "Write it as 08:00-18:00 Europe/Berlin."}
    assert ravi.view is form, "what was entered is still there"
    assert (
        await ravi.submits(
            form,
            {
                "Answer": "every question I am sure about",
                "Who may ask": "everyone in the channel, guests too",
                "least": "70 %",
                "quiet": "08:00-18:00 Europe/Berlin",
                "alerts": ["yes"],
            },
        )
        == {}
    )
    await office.sees("ravi", ravi.dm, "this channel is for IT-OPS")
    assert await office.brain.rules(office.tenant, office.place(office.help)) == ChannelRules(
        it(office).id,
        Answering.QUESTIONS,
        MayAsk.EVERYONE,
        least_confidence=0.7,
        alerts=True,
        talks_in=WorkingHours("Europe/Berlin", 480, 1080, frozenset(range(7))),
    )
    shown = ravi.reads(await filled_in(office, "ravi", office.help))
    assert "‹70›" in shown
    assert "08:00-18:00 Europe/Berlin" in shown


async def test_nobody_else_does_and_another_department_needs_both(office: Office) -> None:
    for who in ("amira", "rosa"):
        office.people[who].commands("/expert", "setup", office.help)
        await office.sees(who, office.help, "Only admins of a department can set up")
        assert office.people[who].view is None
    await office.rules(office.help, ChannelRules(it(office).id))
    petra = office.people["petra"]
    office.help.members.append(petra.id)
    form = await filled_in(office, "petra", office.help)
    assert await petra.submits(form, {"Department": "PAYROLL"}) == {}
    await office.sees("petra", petra.dm, "needs the role admin in IT-OPS")
    rules = await office.brain.rules(office.tenant, office.place(office.help))
    assert rules is not None
    assert rules.department == it(office).id


async def test_a_form_that_opens_too_late_says_so(office: Office) -> None:
    office.slack.deliveries.retries_s = (0.0,)
    office.people["ravi"].commands("/expert", "setup", office.help)
    office.slack.pass_time(timedelta(seconds=4).total_seconds())
    await office.sees("ravi", office.help, "took too long")

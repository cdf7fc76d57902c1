"""Who may read what an answer on Slack rests on: nobody sees what only others in the channel may know."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

from brain.domain.conversation import ChannelRules, MayAsk
from brain.domain.identity import MemberId, Role
from demo.fake_slack import Channel, Person, Seen
from tests.flow.slack.conftest import Office
from tests.flow.slack.test_slack_asking import ROTATE, TERRACE, said

BONUS = "When is the yearly bonus paid?"
PAID = "It is paid with the March salary, code QX-55."
MENU = "Where is the menu of the canteen?"
SERVED = "The menu of the canteen hangs at gate 4, code MN-12."
CLOSED, OPEN = "QX-55", "MN-12"


async def with_documents(office: Office) -> None:
    """One that payroll alone may read, one that every member may."""
    await office.world.reads(
        "bonus.md", f"# Yearly bonus\n\nThe yearly bonus: {PAID}\n", department="payroll", by="petra"
    )
    await office.world.reads("canteen.md", f"# Canteen\n\n{SERVED}\n", department="hr")


def strangers(office: Office) -> tuple[Person, Person, Person]:
    """A guest, somebody of another company, and a colleague whom nobody made a member."""
    add = office.slack.add_person
    return (
        add("Gus", email="gus@partner.example", is_restricted=True),
        add("Sara", email="sara@other.example", home="T0OTHER"),
        add("Nils", email="nils@northlight.example"),
    )


def whole(office: Office, *people: Person) -> Iterator[tuple[Person, str]]:
    """Everything that each of them can see anywhere."""
    for person in people:
        for channel in office.slack.world.channels.values():
            if person.id in channel.members:
                yield person, "\n".join(one.text for one in person.sees(channel))


def leaked(office: Office, code: str, *people: Person) -> list[str]:
    return [person.user.real_name for person, text in whole(office, *people) if code in text]


async def settled(office: Office, who: str, channel: Channel, question: str) -> Seen:
    """What became of a question of theirs, once it is not looked for any more."""
    asked = office.people[who].says(channel, f"@expert {question}")
    await office.quiet()
    return next(one for one in said(office.people[who], channel) if one.ts > asked.ts)


async def test_nobody_sees_what_they_may_not_read(office: Office) -> None:
    """Every kind of channel, each with a document for everybody and one for payroll alone."""
    await with_documents(office)
    guest, foreign, unknown = strangers(office)
    petra, amira, omar = (office.people[one] for one in ("petra", "amira", "omar"))
    channel = office.slack.add_channel
    it_ops = office.world.departments["it-ops"].id
    mixed = channel("mixed", [petra, amira])
    with_unknown = channel("colleagues", [petra, unknown])
    with_guest = channel("guests", [petra, amira, guest])
    connected = channel("connected", [petra, amira, foreign])
    given = channel("given", [petra, amira, guest, foreign])
    await office.rules(given, ChannelRules(it_ops, may_ask=MayAsk.EVERYONE))
    payroll = channel("payroll", [petra], private=True)
    # channel, whether payroll's document may be told there, and everybody's.
    matrix = (
        (mixed, False, True),
        (with_unknown, False, True),
        (with_guest, False, False),
        (connected, False, False),
        (given, False, False),
        (payroll, True, True),
        (petra.dm, True, True),
    )
    for place, closed, opened in matrix:
        told = await settled(office, "petra", place, BONUS)
        assert (CLOSED in told.text) == closed, place.name
        told = await settled(office, "petra", place, MENU)
        assert (OPEN in told.text) == opened, place.name
    assert (
        "People from outside are in this channel" in (await settled(office, "amira", with_guest, MENU)).text
    )
    asked = foreign.says(given, f"@expert {ROTATE}")
    await office.sees("petra", given, "redis-cli", thread=asked)

    for place in (amira.dm, omar.dm):
        who = "amira" if place is amira.dm else "omar"
        assert CLOSED not in (await settled(office, who, place, BONUS)).text
        assert OPEN in (await settled(office, who, place, MENU)).text
    await office.quiet()
    everyone = (amira, omar, office.people["ravi"], office.people["rosa"], guest, foreign, unknown)
    assert leaked(office, CLOSED, *everyone) == []
    assert leaked(office, OPEN, guest, foreign) == []


async def test_what_only_the_asker_may_read_is_offered_privately(office: Office) -> None:
    await with_documents(office)
    petra, amira = office.people["petra"], office.people["amira"]
    office.help.members.append(petra.id)
    told = await settled(office, "petra", office.help, BONUS)
    assert "I don't know" in told.text or "not sure enough" in told.text
    assert "Ask privately" in told.buttons
    petra.clicks(told, "Ask privately")
    await office.sees("petra", office.help, "Only you will see what I find")
    private = await office.sees("petra", office.help, CLOSED)
    assert private.ephemeral
    petra.clicks(private, "Share in channel")
    await office.sees("petra", office.help, "not for everybody here")
    amira.clicks(told, "Ask privately")
    await office.quiet()
    assert leaked(office, CLOSED, amira, office.people["omar"], office.people["ravi"]) == []

    told = await settled(office, "amira", office.help, BONUS)
    assert "Ask privately" not in told.buttons, "alone, she may read no more"


async def test_who_joins_later_is_reckoned_with_at_once(office: Office) -> None:
    await with_documents(office)
    petra, omar = office.people["petra"], office.people["omar"]
    room = office.slack.add_channel("payroll", [petra], private=True)
    first = await settled(office, "petra", room, BONUS)
    assert CLOSED in first.text
    omar.joins(room)
    await office.slack.settled()
    assert CLOSED not in (await settled(office, "petra", room, BONUS)).text
    omar.clicks(first, "Why?")
    await office.sees("omar", room, "no question of yours here")
    omar.clicks(first, "Helpful")
    await office.sees("omar", room, "no question of yours here", times=2)
    omar.leaves(room)
    await office.slack.settled()
    assert CLOSED in (await settled(office, "petra", room, BONUS)).text


async def test_a_guest_who_comes_later_learns_nothing_of_what_was_said_before(office: Office) -> None:
    guest, _, _ = strangers(office)
    told = await settled(office, "amira", office.help, ROTATE)
    it_ops = office.world.departments["it-ops"].id
    await office.rules(office.help, ChannelRules(it_ops, may_ask=MayAsk.EVERYONE))
    guest.joins(office.help)
    await office.slack.settled()
    for button in ("Why?", "Helpful"):
        guest.clicks(told, button)
        await office.quiet()
    assert ["no question of yours" in one.text for one in said(guest, office.help) if one.ephemeral] == [
        True
    ] * 2


async def test_an_answer_that_comes_late_is_not_shown_to_who_has_joined_meanwhile(office: Office) -> None:
    await with_documents(office)
    petra, amira, omar = (office.people[one] for one in ("petra", "amira", "omar"))
    payroll = office.world.departments["payroll"].id
    async with office.world.store.transaction(office.tenant) as tx:
        member = await tx.people.member("amira")
        assert member is not None
        roles = {**member.roles, payroll: frozenset({Role.ASKER})}
        await tx.people.save_member(replace(member, roles=roles))
    room = office.slack.add_channel("payroll", [petra, amira], private=True)
    await office.rules(room, ChannelRules(payroll))
    asked = amira.says(room, f"@expert {TERRACE}")
    await office.sees("amira", room, "looks at it", thread=asked)
    card = await office.sees("petra", petra.dm, TERRACE)
    omar.joins(room)
    petra.clicks(card, "Edit")
    form = await office.slack.until(lambda: petra.view)
    await petra.submits(form, {"Answer": "With the payroll desk, by the 20th of the month, code LV-33."})
    late = await office.sees("amira", room, "not for everybody here", thread=asked)
    amira.clicks(late, "Ask privately")
    assert (await office.sees("amira", room, "LV-33")).ephemeral
    assert leaked(office, "LV-33", omar) == []


async def test_those_who_are_no_members_are_told_why_they_get_no_answer(office: Office) -> None:
    guest, foreign, unknown = strangers(office)
    doubtful = office.slack.add_person("Dora", email="omar@northlight.example", is_email_confirmed=False)
    for person in (guest, foreign, unknown, doubtful):
        office.help.members.append(person.id)
        asked = person.says(office.help, f"@expert {ROTATE}")
        told = await office.sees("amira", office.help, "could not tell that you are one", thread=asked)
        assert "redis-cli" not in told.text
    for person in (guest, unknown, doubtful):
        await is_told_why(office, person)


async def is_told_why(office: Office, person: Person) -> None:
    person.says(person.dm, ROTATE)
    await person.hears("could not tell that you are one", person.dm)
    person.commands("/expert", f"ask {ROTATE}", person.dm)
    await office.slack.until(
        lambda: [one for one in said(person, person.dm) if one.ephemeral and "member" in one.text]
    )
    person.opens_home()
    home = await office.slack.until(lambda: person.home)
    assert "could not tell that you are one" in person.reads(home)


async def test_who_is_disabled_or_welcomed_elsewhere_is_no_member(office: Office) -> None:
    it_ops = office.world.departments["it-ops"].id
    _, _, unknown = strangers(office)
    omar, amira = office.people["omar"], office.people["amira"]
    omar.says(omar.dm, ROTATE)
    await office.sees("omar", omar.dm, "redis-cli")
    async with office.world.store.transaction(office.tenant) as tx:
        member = await tx.people.member("omar")
        assert member is not None
        await tx.people.save_member(replace(member, disabled_at=datetime.now(UTC)))
    omar.says(omar.dm, ROTATE)
    await office.sees("omar", omar.dm, "could not tell that you are one")

    await office.rules(office.help, ChannelRules(it_ops, may_ask=MayAsk.EVERYONE))
    office.help.members.append(unknown.id)
    asked = omar.says(office.help, f"@expert {ROTATE}")
    await office.sees("omar", office.help, "could not tell that you are one", thread=asked)
    asked = unknown.says(office.help, f"@expert {ROTATE}")
    await office.sees("amira", office.help, "redis-cli", thread=asked)
    unknown.says(unknown.dm, ROTATE)
    await unknown.hears("could not tell that you are one", unknown.dm)
    # The guest becomes a colleague: by the address, and is who the address says.
    async with office.world.store.transaction(office.tenant) as tx:
        known = await tx.people.member("amira")
        assert known is not None
        await tx.people.save_member(
            replace(known, id=MemberId(uuid4()), handle="nils", name="Nils", email=unknown.user.email)
        )
    unknown.says(unknown.dm, ROTATE)
    await unknown.hears("redis-cli", unknown.dm)
    assert amira.sees(amira.dm) == []


async def test_a_german_asker_is_spoken_to_in_german(office: Office) -> None:
    amira, omar = office.people["amira"], office.people["omar"]
    amira.user.locale = "de-DE"
    asked = amira.says(office.help, f"@expert {ROTATE}")
    answered = await office.sees("amira", office.help, "Sicher (", thread=asked)
    assert {"Hilfreich", "Nicht hilfreich", "Einen Menschen fragen", "Warum?"} <= set(answered.buttons)
    assert (await amira.commands("/expert", f"ask {ROTATE}", office.help)).body == {
        "response_type": "ephemeral",
        "text": "Ich suche nach einer Antwort …",
    }
    private = await office.sees("amira", office.help, "Im Kanal teilen")
    omar.clicks(answered, "Warum?")
    await office.sees("omar", office.help, "Why this answer?")
    amira.clicks(private, "Für mich behalten")
    await office.sees("amira", office.help, "Das bleibt unter uns")
    held = amira.says(office.help, "@expert How do I book the roof terrace for a party?")
    told = await office.sees("amira", office.help, "Das weiß ich nicht", thread=held)
    assert "Uhr (UTC)" in told.text
    amira.clicks(answered, "Nicht hilfreich")
    form = await office.slack.until(lambda: amira.view)
    assert "Sie ist veraltet" in str(form.blocks)
    for typed, words in (("help", "Was ich kann"), ("status", "Deine Fragen"), ("setup", "Administratoren")):
        amira.commands("/expert", typed, office.help)
        await office.sees("amira", office.help, words)
    bot = [one.text for one in said(amira, office.help) if not one.ephemeral or "Why this" not in one.text]
    english = ("Looking", "Sure (", "I don't", "Your ", "Checked by", "Thank you", "What I can")
    assert [text for text in bot if any(word in text for word in english)] == []


async def test_a_member_with_a_role_reads_it_also_as_a_guest_of_the_workspace(office: Office) -> None:
    """Somebody gave them the role, and says so by a link: nothing is guessed from an address."""
    await with_documents(office)
    guest = office.slack.add_person("Gus", email="petra@northlight.example", is_restricted=True)
    guest.says(guest.dm, BONUS)
    await guest.hears("could not tell that you are one", guest.dm)
    assert Role.REVIEWER in office.world.people["petra"].member.roles[office.world.departments["payroll"].id]
    async with office.world.store.transaction(office.tenant) as tx:
        identity = await office.platform.people.person(office.slack.workspace.id, guest.id)
        await tx.talk.identities.link(identity, office.world.people["petra"].member.id)
    guest.says(guest.dm, BONUS)
    await guest.hears(CLOSED, guest.dm)

"""Asking on Slack, in every way there is, and what people can do with what they get."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bots.chat_platform import Message
from bots.posting import Posting
from brain.domain.records import Feedback, Reason
from brain.usecases.read import feedback
from demo.fake_slack import Channel, Person, Seen
from demo.fake_slack.faults import status
from tests.conftest import everywhere
from tests.flow.slack.conftest import Office

ROTATE = "How do I rotate the Redis password?"
PORT = "Which port does Sentinel use?"
TERRACE = "How do I book the roof terrace for a party?"
LOOKING = "Looking for an answer"
VPN = "# VPN access ({name})\n\n## Renew\n\nTo renew your VPN access, run `{name} renew` and log in.\n"


def said(person: Person, channel: Channel, *, thread: object = None) -> list[Seen]:
    """What the bot says there."""
    seen = person.sees(channel, thread=thread)  # type: ignore[arg-type]  # a message, as the fake takes it
    return [one for one in seen if one.author == "The Expert"]


async def opinions(office: Office) -> list[Feedback]:
    await everywhere(office.world, "ravi")
    return await feedback(office.world.store, office.world.people["ravi"], limit=50)


async def test_the_words_of_the_command(office: Office) -> None:
    amira, omar = office.people["amira"], office.people["omar"]
    for typed, told in (
        ("", "What I can do"),
        ("help", "What I can do"),
        ("why", "no question of yours"),
        ("status", "not asked anything yet"),
        ("setup", "Only admins"),
        ("ask", "What would you like to know?"),
        ("how do I rotate the Redis password?", "redis-cli"),
        ("status", "answered"),
        ("why", "% sure"),
    ):
        acknowledged = (await amira.commands("/expert", typed, office.help)).body
        assert (LOOKING in str(acknowledged)) == typed.startswith("how"), typed
        seen = await office.sees("amira", office.help, told)
        assert seen.ephemeral
    assert omar.sees(office.help) == []
    await office.quiet()
    assert said(amira, amira.dm) == [], "commands are answered where they were typed"


async def test_a_direct_message_is_answered_there_and_its_words_are_words(office: Office) -> None:
    amira = office.people["amira"]
    amira.says(amira.dm, ROTATE)
    answered = await office.sees("amira", amira.dm, "redis-cli")
    assert answered.thread_ts == ""
    assert "Share in channel" not in answered.buttons
    amira.says(amira.dm, "why?")
    await office.sees("amira", amira.dm, "Why this answer?")
    amira.says(amira.dm, "setup")
    await office.sees("amira", amira.dm, "Only admins")
    office.people["ravi"].says(office.people["ravi"].dm, "setup")
    await office.sees("ravi", office.people["ravi"].dm, "in the channel that I should be set up for")
    amira.says(amira.dm, PORT, thread=answered)
    await office.sees("amira", amira.dm, "26379", thread=answered)
    await office.quiet()
    assert LOOKING not in " ".join(one.text for one in said(amira, amira.dm)), "placeholders became answers"


async def test_what_cannot_be_asked_is_told_where_it_was_said(office: Office) -> None:
    amira = office.people["amira"]
    empty = amira.says(office.help, "@expert")
    await office.sees("omar", office.help, "What would you like to know?", thread=empty)
    long = amira.says(office.help, "@expert " + "why? " * 1_700)
    told = await office.sees("omar", office.help, "characters, and I read 8000 at most", thread=long)
    assert "8499" in told.text
    just = amira.says(office.help, f"@expert {ROTATE} " + "x" * (8_000 - len(ROTATE) - 1))
    await office.sees("amira", office.help, "redis-cli", thread=just)
    amira.says(amira.dm, "x" * 8_001)
    await office.sees("amira", amira.dm, "8001 characters")


async def test_the_thread_goes_on_without_a_mention_until_a_person_takes_over(office: Office) -> None:
    amira, omar, ravi = (office.people[one] for one in ("amira", "omar", "ravi"))
    asked = amira.says(office.help, f"@expert {ROTATE}")
    await office.sees("amira", office.help, "redis-cli", thread=asked)

    amira.says(office.help, "Thanks, that worked", thread=asked)
    omar.says(office.help, "thanks, helped me too", thread=asked)
    amira.says(office.help, "Which port does Sentinel use?", thread=asked)
    await office.sees("omar", office.help, "26379", thread=asked)
    omar.says(office.help, "How is the exporter scraped, and on which port?", thread=asked)
    await office.sees("amira", office.help, "9121", thread=asked)
    await office.quiet()
    assert len(said(amira, office.help, thread=asked)) == 3

    ravi.says(office.help, "Better ask the platform team about this one.", thread=asked)
    left = await office.sees("amira", office.help, "I leave this to you", thread=asked)
    ravi.says(office.help, "They are in on Monday again.", thread=asked)
    amira.says(office.help, "What is the maxmemory of rd-orders?", thread=asked)
    await office.quiet()
    assert said(amira, office.help, thread=asked)[-1].ts == left.ts, "said once, and silent from then on"

    amira.says(office.help, "@expert what is the maxmemory of rd-orders?", thread=asked)
    await office.sees("amira", office.help, "6 GB", thread=asked)
    amira.says(office.help, "Which eviction policy has rd-sessions?", thread=asked)
    await office.sees("amira", office.help, "volatile-lru", thread=asked)
    ravi.says(office.help, "I take it from here, Amira.", thread=asked)
    await office.sees("amira", office.help, "I leave this to you", thread=asked, times=2)


async def test_what_is_asked_back_is_answered_in_the_thread(office: Office) -> None:
    for name in ("openvpn", "wireguard"):
        await office.world.reads(f"{name}.md", VPN.format(name=name))
    amira = office.people["amira"]
    asked = amira.says(office.help, "@expert How do I renew my VPN access?")
    back = await office.sees("amira", office.help, "VPN access (wireguard)", thread=asked)
    assert back.buttons == []
    amira.commands("/expert", "status", office.help)
    await office.sees("amira", office.help, "waiting for your answer")

    amira.says(office.help, "wireguard", thread=asked)
    answered = await office.sees("amira", office.help, "wireguard renew", thread=asked, times=2)
    assert "openvpn renew" not in answered.text
    await office.quiet()
    assert len(said(amira, office.help, thread=asked)) == 2


async def test_shortcuts_ask_about_a_message_and_tell_why(office: Office) -> None:
    amira, omar = office.people["amira"], office.people["omar"]
    posted = omar.says(office.help, "Somebody should rotate the Redis password. How do I do that?")
    amira.shortcut("ask", posted)
    private = await office.sees("amira", office.help, "redis-cli")
    assert private.ephemeral
    assert said(omar, office.help) == []
    empty = omar.says(office.help, "status")
    amira.shortcut("ask", empty)
    await office.quiet()
    assert "Your questions" not in " ".join(one.text for one in amira.sees(office.help)), "it is a question"

    asked = amira.says(office.help, f"@expert {PORT}")
    answered = await office.sees("omar", office.help, "26379", thread=asked)
    omar.shortcut("why", answered)
    why = await office.sees("omar", office.help, "Why this answer?")
    assert why.ephemeral
    assert PORT in why.text
    omar.shortcut("why", posted)
    assert "no question of yours" in (await office.sees("omar", office.help, "could explain")).text


async def test_what_is_edited_deleted_or_said_by_bots_is_no_question(office: Office) -> None:
    amira = office.people["amira"]
    monitor = office.slack.add_person("Monitor", is_bot=True)
    office.help.members.append(monitor.id)
    monitor.says(office.help, f"@expert {ROTATE}")
    asked = amira.says(office.help, f"@expert {PORT}")
    answered = await office.sees("amira", office.help, "26379", thread=asked)
    amira.edits(asked, f"@expert {ROTATE}")
    await office.quiet()
    assert [one.ts for one in said(amira, office.help)] == [answered.ts]
    amira.deletes(asked)
    other = amira.says(office.help, f"@expert {ROTATE}")
    amira.deletes(other)
    await office.quiet()
    assert len(office.handled) == 6, "two by the monitor, two each by Amira: the message and the mention"


async def test_a_private_answer_is_shared_once_or_kept(office: Office) -> None:
    amira, omar = office.people["amira"], office.people["omar"]
    amira.commands("/expert", f"ask {ROTATE}", office.help)
    private = await office.sees("amira", office.help, "redis-cli")
    amira.clicks(private, "Keep to myself")
    await office.sees("amira", office.help, "It stays between us")
    assert omar.sees(office.help) == []

    amira.clicks(private, "Share in channel")
    shared = await office.sees("omar", office.help, "Amira asked, and shared the answer")
    assert ROTATE in shared.text
    assert "Share in channel" not in shared.buttons
    amira.clicks(private, "Share in channel")
    await office.sees("amira", office.help, "Shared.", times=2)
    assert len(omar.sees(office.help)) == 1

    omar.clicks(shared, "Why?")
    await office.sees("omar", office.help, "Why this answer?")
    omar.clicks(shared, "Helpful")
    await office.sees("omar", office.help, "Thank you, noted")
    assert [(one.helpful, one.asked) for one in await opinions(office)] == [(True, ROTATE)]


async def test_what_not_everybody_may_read_is_not_shared(office: Office) -> None:
    petra = office.people["petra"]
    office.help.members.append(petra.id)
    await office.world.reads(
        "bonus.md",
        "# Bonus\n\nThe yearly bonus is paid with the March salary.\n",
        department="payroll",
        by="petra",
    )
    petra.commands("/expert", "ask When is the yearly bonus paid?", office.help)
    private = await office.sees("petra", office.help, "March salary")
    petra.clicks(private, "Share in channel")
    await office.sees("petra", office.help, "not for everybody here")
    assert office.people["amira"].sees(office.help) == []


async def test_where_the_bot_is_not_a_command_is_answered_and_sharing_says_why_not(office: Office) -> None:
    amira, omar = office.people["amira"], office.people["omar"]
    far = office.slack.add_channel("far-away", [amira, omar], private=True, bot=False)
    amira.commands("/expert", f"ask {ROTATE}", far)
    private = await office.sees("amira", far, "redis-cli")
    amira.clicks(private, "Share in channel")
    await office.sees("amira", far, "Invite me to that channel")
    amira.commands("/expert", f"ask {PORT}", amira.dm)
    alone = await office.sees("amira", amira.dm, "26379")
    assert "Share in channel" not in alone.buttons


async def test_private_answers_come_as_direct_messages_once_the_reply_is_over(office: Office) -> None:
    amira = office.people["amira"]
    office.slack.misbehave("hooks", status(404))
    amira.commands("/expert", f"ask {ROTATE}", office.help)
    direct = await office.sees("amira", amira.dm, "redis-cli")
    assert not direct.ephemeral
    amira.clicks(direct, "Share in channel")
    await office.sees("omar", office.help, "Amira asked, and shared the answer")

    alone = replace(office.place(office.help), reader=amira.id)
    over = datetime.now(UTC) - timedelta(seconds=1)
    await office.brain.reply_to(office.tenant, "late", to=alone, address=office.slack.url, until=over)
    await Posting(office.brain, office.platform, office.tenant).say("late", alone, Message("At last."))
    await office.sees("amira", amira.dm, "At last.")


async def test_a_word_is_answered_while_a_question_is_worked_on(office: Office) -> None:
    amira, place = office.people["amira"], replace(office.place(office.help), reader="")
    alone = replace(place, reader=amira.id)
    # A question whose answer is still being written.
    until = datetime.now(UTC) + timedelta(minutes=29)
    await office.brain.reply_to(office.tenant, "slow", to=alone, address=office.slack.url, until=until)
    amira.commands("/expert", "status", office.help)
    await office.sees("amira", office.help, "You have not asked anything yet")


async def test_what_was_shared_is_taken_back_when_it_does_not_hold_any_more(office: Office) -> None:
    amira = office.people["amira"]
    amira.commands("/expert", f"ask {ROTATE}", office.help)
    amira.clicks(await office.sees("amira", office.help, "redis-cli"), "Share in channel")
    shared = await office.sees("omar", office.help, "shared the answer")
    await office.world.reads("redis.md", "# Redis operations\n\nRedis was switched off in May.\n")
    taken = await office.sees("omar", office.help, "does not hold any more")
    assert taken.ts == shared.ts
    assert "redis-cli" not in taken.text
    await office.sees("amira", amira.dm, "does not hold any more")


async def test_everybody_who_reads_an_answer_may_judge_it_and_the_last_word_counts(office: Office) -> None:
    amira, omar = office.people["amira"], office.people["omar"]
    asked = amira.says(office.help, f"@expert {ROTATE}")
    answered = await office.sees("omar", office.help, "redis-cli", thread=asked)
    omar.clicks(answered, "Helpful")
    amira.clicks(answered, "Helpful")
    await office.sees("omar", office.help, "Thank you, noted")
    await office.sees("amira", office.help, "Thank you, noted")

    omar.clicks(answered, "Not helpful")
    form = await office.slack.until(lambda: omar.view)
    await omar.submits(form, {"Reason": "It is outdated", "Anything else?": "We use Valkey now."})
    await office.sees("omar", omar.dm, "helps to make it better")

    held = await opinions(office)
    names = {member.member.id: name for name, member in office.world.people.items()}
    assert {(names[one.member], one.helpful, one.reason, one.comment) for one in held} == {
        ("amira", True, None, ""),
        ("omar", False, Reason.OUTDATED, "We use Valkey now."),
    }
    omar.clicks(answered, "Ask a person")
    await office.sees("omar", office.help, "Only the one who asked")
    amira.clicks(answered, "Ask a person")
    await office.sees("amira", office.help, "I have asked a person to check it")
    await office.sees("omar", office.help, "was asked to check this", thread=asked)


async def test_the_placeholder_becomes_the_answer_and_nobody_sees_a_draft(office: Office) -> None:
    amira = office.people["amira"]
    await office.world.reads(
        "chairs.md",
        "# Chairs\n\nOffice chairs are ordered in the portal by code CH-77.\n",
        department="procurement",
    )
    shown: list[str] = []
    office.slack.on_event.append(lambda entry: shown.append(entry["what"]))
    asked = amira.says(office.help, "@expert How are office chairs ordered in the portal?")
    held = await office.sees("amira", office.help, "not sure enough", thread=asked)
    await office.quiet()
    assert len(said(amira, office.help, thread=asked)) == 1
    assert held.edited, "it was the placeholder"
    assert not any("CH-77" in one for one in shown if "Review" not in one)

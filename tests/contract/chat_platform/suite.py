"""What every chat platform has to do, each as far as it can. Inherit it, and give a `room`."""

import asyncio
import re
from collections.abc import Collection, Sequence
from dataclasses import replace

import pytest

from bots.chat_platform import (
    Action,
    Capability,
    Entry,
    Field,
    File,
    Form,
    Heard,
    Home,
    Input,
    Message,
    Pressed,
    Reference,
    Said,
    Submitted,
    Unknown,
)
from brain.domain.conversation import MessageRef
from brain.domain.errors import Rejected, Unavailable
from tests.contract.chat_platform.room import Room, Seen, Trouble
from tests.unit.hostile_output import HOSTILE

PAGE = "https://wiki.example/vpn?page=1&part=2#reset"
MANY = 120
LONG = "\n\n".join(
    f"Paragraph {number}. " + "All of it matters, and none is lost. " * 10 for number in range(MANY)
)
MEGABYTE = 2**20


def needs(room: Room, *wanted: Capability) -> None:
    for one in wanted:
        if one not in room.platform.can:
            pytest.skip(f"{room.platform.name} has no {one.name}")


def numbers(seen: Sequence[Seen]) -> list[int]:
    """The paragraphs that are there, in order."""
    return [int(one) for each in seen for one in re.findall(r"Paragraph (\d+)\.", each.text)]


async def texts(room: Room, who: str = "") -> list[str]:
    return [one.text for one in await room.sees(who or room.omar, room.place)]


class Posting:
    async def test_a_message_is_there_once_for_everybody_and_found_by_its_key(self, room: Room) -> None:
        assert await room.platform.find(room.place, key="question/1") == []
        refs = await room.platform.post(room.place, Message("The port is 51820."), key="question/1")
        await room.platform.post(room.place, Message("Something else."), key="question/10")
        assert len(refs) == 1
        for who in (room.amira, room.omar, room.gina):
            assert [one for one in await texts(room, who) if "51820" in one] == ["The port is 51820."]
        assert await room.platform.find(room.place, key="question/1") == list(refs)
        assert await room.platform.find(room.place, key="question/2") == []

    async def test_everything_that_a_message_holds_is_shown(self, room: Room) -> None:
        message = Message(
            "# Port\n\nThe port is **51820** [1].\n\n- one\n- two\n\n```\nping vpn\n```",
            heading="About the VPN",
            asked="Which port?",
            references=(Reference(1, "VPN › Port", "It runs on 51820.", PAGE), Reference(2, "Old notes")),
            fields=(Field("Department", "IT-OPS"),),
            note="Sure (97 %)",
            actions=(Action("helpful", "Helpful", "1"),),
            mentions=(room.omar,),
            links=(("To the question", "https://chat.example/q/1"),),
        )
        await room.platform.post(room.place, message, key="question/1")
        [seen] = await room.sees(room.omar, room.place)
        words = ("About the VPN", "Which port?", "51820", "two", "ping vpn", "VPN › Port", "It runs on 51820")
        for word in (*words, "Old notes", "Department", "IT-OPS", "Sure (97 %)", "To the question"):
            assert word in seen.text
        assert [one.strip("@!<>") for one in seen.mentions] == [room.omar]
        assert set(seen.links) == {PAGE, "https://chat.example/q/1"}
        if Capability.BUTTONS in room.platform.can:
            assert seen.buttons == ["Helpful"]

    async def test_what_is_too_long_goes_on_in_order(self, room: Room) -> None:
        refs = await room.platform.post(room.place, Message(LONG, note="The end"), key="question/1")
        seen = await room.sees(room.omar, room.place)
        assert len(seen) == len(refs) > 1
        assert numbers(seen) == list(range(MANY))
        assert ["The end" in one.text for one in seen] == [False] * (len(seen) - 1) + [True]
        assert await room.platform.find(room.place, key="question/1") == list(refs)

    async def test_what_is_said_first_is_read_first(self, room: Room) -> None:
        async with asyncio.TaskGroup() as group:
            for letter in "abcde":
                said = Message(f"{letter} begins.\n\n{LONG}\n\n{letter} ends.")
                group.create_task(room.platform.post(room.place, said, key=f"question/{letter}"))
        found = re.findall(r"([a-e]) (?:begins|ends)\.", "\n".join(await texts(room)))
        assert found == list("aabbccddee")


class Editing:
    async def test_an_edit_changes_the_message_and_again_changes_nothing(self, room: Room) -> None:
        needs(room, Capability.EDIT)
        refs = await room.platform.post(room.place, Message("Looking for an answer…"), key="question/1")
        for _ in range(2):
            again = await room.platform.edit(refs, room.place, Message("It is 51820."), key="question/1")
            assert list(again) == list(refs)
            assert await texts(room) == ["It is 51820."]
        assert await room.platform.find(room.place, key="question/1") == list(refs)

    async def test_parts_come_and_go(self, room: Room) -> None:
        needs(room, Capability.EDIT)
        short, long = Message("Paragraph 0. Short."), Message(LONG)
        refs = await room.platform.post(room.place, short, key="question/1")
        refs = await room.platform.edit(refs, room.place, long, key="question/1")
        assert numbers(await room.sees(room.omar, room.place)) == list(range(MANY))
        assert len(refs) > 1
        assert await room.platform.find(room.place, key="question/1") == list(refs)
        refs = await room.platform.edit(refs, room.place, short, key="question/1")
        assert await texts(room) == ["Paragraph 0. Short."]
        assert await room.platform.find(room.place, key="question/1") == list(refs)

    async def test_buttons_go_with_an_edit(self, room: Room) -> None:
        needs(room, Capability.EDIT, Capability.BUTTONS)
        asked = Message("Shall I?", actions=(Action("yes", "Yes", "1"), Action("no", "No", "1")))
        refs = await room.platform.post(room.place, asked, key="question/1")
        await room.platform.edit(refs, room.place, Message("Done."), key="question/1")
        [seen] = await room.sees(room.omar, room.place)
        assert (seen.text, list(seen.buttons)) == ("Done.", [])

    async def test_what_a_person_took_away_stays_away(self, room: Room) -> None:
        needs(room, Capability.EDIT)
        refs = await room.platform.post(room.place, Message("It is 51820."), key="question/1")
        await room.takes_away(room.amira, room.place)
        await room.platform.edit(refs, room.place, Message("It is 443."), key="question/1")
        assert await texts(room) == []


class Privately:
    async def test_only_its_reader_sees_a_private_reply(self, room: Room) -> None:
        needs(room, Capability.EPHEMERAL)
        inbound = await room.commands(room.amira, "ask Which port does the VPN use?")
        assert isinstance(inbound.what, Said)
        to = replace(room.place, thread=inbound.conversation.thread, reader=room.amira)
        said = Message("The port is 51820.", actions=(Action("share", "Share", "1"),))
        refs = await room.platform.post(to, said, key="question/1", reply_to=inbound.what.reply_to)
        assert all(one.private for one in refs)
        seen = [one for one in await room.sees(room.amira, to) if "51820" in one.text]
        assert len(seen) == 1
        assert await room.sees(room.omar, to) == []

    async def test_an_address_that_is_not_the_platforms_is_refused(self, room: Room) -> None:
        needs(room, Capability.EPHEMERAL)
        to = replace(room.place, reader=room.amira)
        for address in ("https://evil.example/hook", "http://127.0.0.1:9/hook", "file:///etc/passwd", "x"):
            with pytest.raises(Rejected):
                await room.platform.post(to, Message("Secret"), key="question/1", reply_to=address)

    async def test_a_direct_conversation_is_for_one_person(self, room: Room) -> None:
        direct = await room.platform.people.direct(room.place.workspace, room.amira)
        assert direct == await room.platform.people.direct(room.place.workspace, room.amira)
        refs = await room.platform.post(direct, Message("For you alone."), key="question/1")
        assert [one.text for one in await room.sees(room.amira, direct)] == ["For you alone."]
        assert await room.sees(room.omar, direct) == []
        assert await room.platform.find(direct, key="question/1") == list(refs)


FORM = Form(
    "feedback",
    "What was wrong?",
    "Send",
    "Cancel",
    (
        Entry("reason", "Reason", Input.CHOICE, choices=(("outdated", "Outdated"), ("wrong", "Wrong"))),
        Entry("comment", "Comment", Input.TEXT, value="So far", optional=True),
        Entry("line", "In a line", Input.LINE, optional=True),
        Entry("tell", "Tell me", Input.SWITCH, hint="By mail"),
    ),
    value="question 1",
    text="Thank you for helping.",
)


class Forms:
    async def test_a_press_opens_a_form_and_what_is_entered_comes_back(self, room: Room) -> None:
        needs(room, Capability.FORMS, Capability.BUTTONS)
        said = Message("It is 51820.", actions=(Action("not_helpful", "Not helpful", "question 1"),))
        refs = await room.platform.post(room.place, said, key="question/1")
        inbound = await room.presses(room.amira, "Not helpful")
        assert isinstance(inbound.what, Pressed)
        assert (inbound.what.action, inbound.what.value) == ("not_helpful", "question 1")
        assert (inbound.author, inbound.what.message) == (room.amira, refs[0].id)
        assert inbound.conversation.channel == room.place.channel
        trigger = await room.trigger(room.amira)
        await room.platform.show(trigger, FORM)
        seen = await room.form(room.amira)
        assert seen is not None
        for word in ("What was wrong?", "Reason", "Comment", "So far", "Thank you for helping."):
            assert word in seen.text
        submitted = await room.submits(room.amira, {"Reason": "Outdated", "Comment": "It is 443."})
        assert isinstance(submitted.what, Submitted)
        assert (submitted.what.form, submitted.what.value) == ("feedback", "question 1")
        assert submitted.what.fields["reason"] == "outdated"
        assert submitted.what.fields["comment"] == "It is 443."
        assert submitted.what.fields.get("tell", "") == ""
        assert submitted.author == room.amira

    async def test_too_late_is_said(self, room: Room) -> None:
        needs(room, Capability.FORMS)
        with pytest.raises(Rejected):
            await room.platform.show(await room.trigger(room.amira, late=True), FORM)
        assert await room.form(room.amira) is None

    async def test_a_trigger_opens_one_form(self, room: Room) -> None:
        needs(room, Capability.FORMS)
        trigger = await room.trigger(room.amira)
        await room.platform.show(trigger, FORM)
        with pytest.raises(Rejected):
            await room.platform.show(trigger, FORM)


class Places:
    async def test_the_home_of_a_person(self, room: Room) -> None:
        needs(room, Capability.HOME)
        to = replace(room.place, thread="", reader=room.amira)
        for said in ("You have no open questions.", "One is open."):
            await room.platform.show(to, Home((Message(said, heading="Your questions"), Message("Below"))))
            seen = await room.home(room.amira)
            assert seen is not None
            assert seen.text.index("Your questions") < seen.text.index(said) < seen.text.index("Below")
        assert await room.home(room.omar) is None

    async def test_a_form_needs_a_trigger(self, room: Room) -> None:
        needs(room, Capability.FORMS)
        with pytest.raises(Rejected):
            await room.platform.show(room.place, FORM)


class Files:
    async def _file(self, room: Room, content: bytes) -> File:
        inbound = await room.says(room.amira, "What does it say?", file=("vpn.log", content, "text/plain"))
        assert isinstance(inbound.what, Said)
        assert inbound.what.heard in (Heard.MENTION, Heard.DIRECT)
        [file] = inbound.what.files
        return file

    async def test_a_file_comes_as_it_is(self, room: Room) -> None:
        needs(room, Capability.FILES)
        content = bytes(range(256)) * 64
        file = await self._file(room, content)
        assert (file.name, file.media_type, file.size) == ("vpn.log", "text/plain", len(content))
        assert await room.platform.fetch_file(room.place.workspace, file) == content

    async def test_one_that_is_too_big_is_refused_whatever_it_says_of_its_size(self, room: Room) -> None:
        needs(room, Capability.FILES)
        file = await self._file(room, b"x" * (20 * MEGABYTE + 1))
        for size in (file.size, 1):
            with pytest.raises(Rejected, match="larger"):
                await room.platform.fetch_file(room.place.workspace, replace(file, size=size))

    async def test_one_that_is_gone_or_never_was_is_refused(self, room: Room) -> None:
        needs(room, Capability.FILES)
        file = await self._file(room, b"port 51820")
        await room.lose(file)
        for one in (file, replace(file, id="F0NONE")):
            with pytest.raises(Rejected):
                await room.platform.fetch_file(room.place.workspace, one)


class People:
    async def test_who_somebody_is(self, room: Room) -> None:
        people, workspace = room.platform.people, room.place.workspace
        amira = await people.person(workspace, room.amira)
        assert (amira.platform, amira.workspace) == (room.platform.name, workspace)
        assert (amira.external_id, amira.email, amira.guest) == (room.amira, room.email, False)
        assert amira.name
        assert (await people.person(workspace, room.gina)).guest
        assert (await people.person(workspace, room.gina)).email is None

    async def test_whom_the_platform_does_not_show_is_a_stranger(self, room: Room) -> None:
        stranger = await room.platform.people.person(room.place.workspace, "U0NOBODY")
        assert (stranger.external_id, stranger.email, stranger.guest) == ("U0NOBODY", None, True)

    async def test_who_has_an_address(self, room: Room) -> None:
        people, workspace = room.platform.people, room.place.workspace
        found = await people.by_email(workspace, room.email)
        assert found is not None
        assert found.external_id == room.amira
        assert await people.by_email(workspace, "nobody@northlight.example") is None

    async def test_only_what_everybody_may_read_has_a_link(self, room: Room) -> None:
        people = room.platform.people
        [ref] = await room.platform.post(room.place, Message("Which port?"), key="question/1")
        there = replace(room.place, thread=ref.id)
        assert (await people.address(there)).startswith("https://")
        assert await people.address(replace(there, reader=room.amira)) == ""
        assert await people.address(replace(room.place, thread="")) == ""
        direct = await people.direct(room.place.workspace, room.amira)
        [ref] = await room.platform.post(direct, Message("Which port?"), key="question/2")
        assert await people.address(replace(direct, thread=ref.id)) == ""

    async def test_who_reads_a_place(self, room: Room) -> None:
        readers = await room.platform.people.readers(room.place)
        assert {one.external_id for one in readers} == {room.amira, room.omar, room.gina}
        assert {one.external_id for one in readers if one.guest} == {room.gina}
        direct = await room.platform.people.direct(room.place.workspace, room.amira)
        assert [one.external_id for one in await room.platform.people.readers(direct)] == [room.amira]


class Hostile:
    """Nothing that a person, a document or a model wrote is more than words."""

    async def test_in_a_message(self, room: Room) -> None:
        alive: dict[str, list[str]] = {}
        refs: Sequence[MessageRef] = ()
        for name, text in HOSTILE.items():
            message = Message(
                text,
                heading=text,
                asked=text,
                references=(Reference(1, text, text, PAGE), Reference(2, text, text)),
                fields=(Field(text, text),),
                note=text,
                actions=(Action("helpful", text, "1", confirm=text),),
                mentions=(room.omar,),
                links=((text, PAGE),),
            )
            if refs and Capability.EDIT in room.platform.can:
                refs = await room.platform.edit(refs, room.place, message, key="question/1")
            else:
                refs = await room.platform.post(room.place, message, key="question/1")
            seen = (await room.sees(room.omar, room.place))[-len(refs) :]
            if found := _alive(room, seen, but={PAGE}):
                alive[name] = found
        assert alive == {}

    @pytest.mark.parametrize(
        "address",
        ["javascript:alert(1)", "data:text/html,<script>", "<!channel>", "https://a b", "file:///etc/passwd"],
    )
    async def test_in_an_address(self, room: Room, address: str) -> None:
        message = Message("It is 51820 [1].", references=(Reference(1, "VPN", "It is.", address),))
        await room.platform.post(room.place, message, key="question/1")
        assert _alive(room, await room.sees(room.omar, room.place)) == []

    async def test_in_a_form(self, room: Room) -> None:
        needs(room, Capability.FORMS)
        alive = {}
        for name, whole in HOSTILE.items():
            text = whole[:20_000]
            short = text[:150]
            entries = (
                Entry("choice", text, Input.CHOICE, choices=(("1", short), ("2", text)), hint=text),
                Entry("text", text, Input.TEXT, value=text, hint=text, optional=True),
                Entry("line", text, Input.LINE, value=text, hint=text, optional=True),
                Entry("switch", text, Input.SWITCH, hint=text),
            )
            form = Form("feedback", text, text, text, entries, value="1", text=text)
            await room.platform.show(await room.trigger(room.amira), form)
            seen = await room.form(room.amira)
            assert seen is not None
            if found := _alive(room, [seen]):
                alive[name] = found
        assert alive == {}

    async def test_at_home(self, room: Room) -> None:
        needs(room, Capability.HOME)
        alive = {}
        to = replace(room.place, thread="", reader=room.amira)
        for name, text in HOSTILE.items():
            section = Message(text, heading=text, asked=text, fields=(Field(text, text),), note=text)
            await room.platform.show(to, Home((section,)))
            seen = await room.home(room.amira)
            assert seen is not None
            if found := _alive(room, [seen]):
                alive[name] = found
        assert alive == {}


def _alive(room: Room, seen: Sequence[Seen], *, but: Collection[str] = ()) -> list[str]:
    """Mentions of others, and links to elsewhere."""
    mentions = [one for each in seen for one in each.mentions if one.strip("@!<>") != room.omar]
    return mentions + [one for each in seen for one in each.links if one not in but]


class Troubles:
    async def test_away(self, room: Room) -> None:
        room.trouble(Trouble.AWAY)
        with pytest.raises(Unavailable) as raised:
            await room.platform.post(room.place, Message("It is 51820."), key="question/1")
        assert raised.value.retry_after_s > 0
        assert await texts(room) == []

    async def test_refused(self, room: Room) -> None:
        room.trouble(Trouble.REFUSED)
        with pytest.raises(Rejected):
            await room.platform.post(room.place, Message("It is 51820."), key="question/1")
        assert await texts(room) == []

    @pytest.mark.parametrize("trouble", [Trouble.CUT_BEFORE, Trouble.CUT_AFTER])
    async def test_nobody_knows_until_somebody_looks(self, room: Room, trouble: Trouble) -> None:
        room.trouble(trouble)
        with pytest.raises(Unknown):
            await room.platform.post(room.place, Message("It is 51820."), key="question/1")
        there = trouble is Trouble.CUT_AFTER
        assert len(await room.platform.find(room.place, key="question/1")) == len(await texts(room)) == there

    async def test_a_place_that_is_not_there(self, room: Room) -> None:
        nowhere = replace(room.place, channel="C0NOWHERE", thread="")
        with pytest.raises(Rejected):
            await room.platform.post(nowhere, Message("It is 51820."), key="question/1")
        elsewhere = replace(room.place, workspace="T0NOWHERE")
        with pytest.raises(Rejected):
            await room.platform.post(elsewhere, Message("It is 51820."), key="question/1")


class ChatPlatformSuite(Posting, Editing, Privately, Forms, Places, Files, People, Hostile, Troubles):
    """All of it."""

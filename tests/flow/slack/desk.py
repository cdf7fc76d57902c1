"""A desk where every answer is checked: what the tests of reviews on Slack begin with."""

from dataclasses import dataclass, replace
from uuid import uuid4

from sqlalchemy import text

from brain.domain.conversation import ChannelRules
from brain.domain.identity import Member, MemberId, Principal, Role
from brain.domain.review import ReviewCase
from demo.fake_slack import Channel, Message, Person, Seen
from tests.flow.slack.conftest import Office

COST = "What does a visitor badge cost?"
BADGES = (
    "# Badges\n\n## Visitor badge\n\nA visitor badge costs 15 euros and is returned at gate 4.\n\n"
    "## Colours\n\nStaff badges are blue.\n"
)
TERRACE = "How do I book the roof terrace for a party?"


@dataclass(frozen=True, slots=True)
class Opened:
    """A question of amira's in `it-help`, and the card of its review in `it-desk`."""

    asked: Message
    card: Seen


async def opened(office: Office, *, question: str = COST, by: str = "amira") -> Opened:
    """In procurement, which publishes nothing unseen; ravi and rosa review there, and it is ravi's turn."""
    await has_role(office, "rosa", "procurement", Role.REVIEWER)
    await office.world.reads("badges.md", BADGES, department="procurement")
    await office.rules(office.desk, ChannelRules(office.world.departments["procurement"].id, reviews=True))
    asked = office.people[by].says(office.help, f"@expert {question}")
    await office.sees("rosa", office.desk, question)
    await office.quiet()
    return Opened(asked, await office.sees("rosa", office.desk, question))


async def has_role(office: Office, handle: str, department: str, *roles: Role) -> None:
    async with office.world.store.transaction(office.tenant) as tx:
        member = await tx.people.member(handle)
        assert member is not None
        held = {**member.roles, office.world.departments[department].id: frozenset(roles)}
        await tx.people.save_member(replace(member, roles=held))


async def hires(office: Office, handle: str, department: str, *roles: Role) -> Person:
    """Somebody new, here and on Slack."""
    held = {office.world.departments[department].id: frozenset(roles)}
    email = f"{handle}@northlight.example"
    member = Member(MemberId(uuid4()), handle, handle.title(), email=email, roles=held)
    async with office.world.store.transaction(office.tenant) as tx:
        await tx.people.save_member(member)
    office.world.people[handle] = Principal(office.tenant, member)
    office.people[handle] = office.slack.add_person(handle.title(), email=email)
    return office.people[handle]


async def case_of(office: Office, number: int = 1) -> ReviewCase:
    async with office.world.store.transaction(office.tenant) as tx:
        found = await tx.reviews.case(number, lock=False)
    assert found is not None
    return found


async def payloads(office: Office) -> int:
    """How many deliveries are kept with what they said."""
    async with office.world.store.transaction(office.tenant) as tx:
        found = await tx.connection.scalar(text("SELECT count(*) FROM inbox WHERE payload IS NOT NULL"))
    return int(found or 0)


def said_to(office: Office, who: str, *, words: str = "") -> list[Seen]:
    """What this person was told in private by the bot: direct messages and what only they see."""
    person = office.people[who]
    places: list[Channel] = [person.dm, office.help, office.desk]
    seen = [one for place in places for one in person.sees(place) if place is person.dm or one.ephemeral]
    return [one for one in seen if words.lower() in one.text.lower()]

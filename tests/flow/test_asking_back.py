"""A question that leaves open what it is about is asked back, once, before anybody is bothered with it."""

from dataclasses import replace

from brain.domain.answer import AnswerStatus
from brain.domain.identity import Thresholds
from brain.domain.question import Turn
from brain.usecases.read import reviews
from tests.conftest import World

POINTING = "How do I mount this spare antenna bracket?"
VPN = "# VPN access ({name})\n\n## Renew\n\nTo renew your VPN access, run `{name} renew` and log in.\n"
RENEW = "How do I renew my VPN access?"


async def never_sure(world: World) -> None:
    department = replace(world.departments["it-ops"], thresholds=Thresholds(publish=1.0, abstain=0.0))
    async with world.store.transaction(world.tenant) as tx:
        await tx.people.save_department(department)


async def two_vpns(world: World) -> None:
    for name in ("openvpn", "wireguard"):
        await world.reads(f"{name}.md", VPN.format(name=name))


async def test_what_points_at_nothing_is_asked_back_and_opens_no_review(world: World) -> None:
    await two_vpns(world)

    got = await world.asks(POINTING)

    assert got.answer is not None
    assert got.answer.asks_back
    assert got.answer.citations == ()
    assert "“this spare antenna bracket”" in got.answer.text
    assert got.review is None
    assert await reviews(world.store, world.people["rosa"], open_only=True) == []
    assert await reviews(world.store, world.people["ravi"], open_only=True) == []


async def test_the_alternatives_found_are_named_and_a_reply_is_answered(world: World) -> None:
    await two_vpns(world)
    await never_sure(world)

    back = await world.asks(RENEW)
    assert back.answer is not None
    assert back.answer.asks_back
    assert {one.title for one in back.answer.citations} == {"VPN access (openvpn)", "VPN access (wireguard)"}
    for citation in back.answer.citations:
        assert citation.title in back.answer.text
        assert citation.quote in VPN.format(name=citation.title[12:-1])

    reply = await world.asks("wireguard", after=back)
    async with world.store.transaction(world.tenant) as tx:
        history = await tx.questions.history(reply.question.conversation, before=reply.question.id)
    assert history == [Turn(RENEW, back.answer.text, asked_back=True)]
    assert reply.answer is not None
    assert reply.answer.status is AnswerStatus.IN_REVIEW
    assert reply.answer.citations[0].title == "VPN access (wireguard)"
    assert reply.review is not None


async def test_who_says_the_same_again_gets_a_person(world: World) -> None:
    await two_vpns(world)

    back = await world.asks(POINTING)
    again = await world.asks(POINTING, after=back)

    assert again.answer is not None
    assert again.answer.status in (AnswerStatus.IN_REVIEW, AnswerStatus.ABSTAINED)
    assert again.review is not None


async def test_an_approved_answer_comes_before_asking_back(world: World) -> None:
    await two_vpns(world)

    sure = await world.asks(RENEW + " I use wireguard.")
    assert sure.answer is not None
    assert not sure.answer.asks_back

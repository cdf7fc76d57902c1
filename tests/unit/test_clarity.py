"""When a question leaves open what it is about, and what is asked back."""

from uuid import UUID, uuid5

import pytest

from brain.domain.clarity import Unclear, question_back, unclear
from brain.domain.identity import DepartmentId
from brain.domain.knowledge import DocumentId, Found, Passage, PassageId
from brain.domain.question import Turn, insists, standalone

SPACE = UUID(int=1)
MISSION = "What is the main purpose of that NASA mission?"


def found(title: str, near: float = 0.8, *, part: str = "") -> Found:
    passage = Passage(
        PassageId(uuid5(SPACE, title + part)),
        DepartmentId(SPACE),
        title,
        ("Renew",),
        "Renew it every year.",
        "",
        document=DocumentId(uuid5(SPACE, title)),
    )
    return Found(passage, near, 1, 1.0, 1)


OPENVPN, WIREGUARD = found("VPN access (OpenVPN)"), found("VPN access (WireGuard)", 0.75)


@pytest.mark.parametrize(
    ("question", "reference"),
    [
        (MISSION, "that nasa mission"),
        ("Tell me about the importance of this tricolor flag.", "this tricolor flag"),
        ("When does this partner pay for boats?", "this partner pay"),
        ("Who may restrain somebody after this type of violence?", "this violence"),
        ("How do I restart it?", "it"),
        ("Why are these broken?", "these"),
        ("Does it work?", "it"),
    ],
)
def test_what_points_at_nothing_is_asked_back(question: str, reference: str) -> None:
    got = unclear(question, (), [found("Boats")])
    assert got is not None
    assert (got.reference.lower(), got.choices) == (reference, ())
    assert got.matters(answered=False)


@pytest.mark.parametrize(
    "question",
    [
        "how do i reach it support?",
        "How do I rotate the Redis password?",
        "What do I do when the cache is full?",
        "Is it allowed to bring a dog?",
        "How long does it take to get a badge?",
        "How much do I get if they lay me off?",
        "The printer prints blank labels. How do I fix this printer?",
        "A parcel came back open, who pays for this loss?",
        "Does this mean that my laptop is safe?",
        "I heard that customers can cancel an order, who tells them?",
        "The problem is that users cannot log in, what now?",
        "What is served for lunch this week?",
        "Is QS-4107 it?",
        "What does this error mean: ORA-01555",
        "How do I get rid of this warning from QS-4107?",
        'What does this message say: "queue full"?',
        "We get this message since noon\nqueue is full",
        "",
    ],
)
def test_an_ordinary_question_is_not(question: str) -> None:
    assert unclear(question, (), [found("Redis operations"), found("Disk full", 0.75)]) is None


def test_the_conversation_says_what_is_meant() -> None:
    spoken = (Turn("Tell me about Apollo 11.", "A NASA mission to the Moon."),)
    assert unclear(MISSION, spoken, ()) is None
    assert unclear("How long did it take?", spoken, ()) is None
    assert unclear("Which awards did this actor win?", spoken, ()) is not None


def test_nobody_is_asked_back_twice() -> None:
    asked = (Turn(MISSION, "Which one?", asked_back=True),)
    assert unclear("that other mission", asked, ()) is None
    assert unclear(MISSION, (*asked, Turn("Apollo 11", "To land.")), ()) is None


def test_documents_that_differ_in_what_nobody_said_are_named() -> None:
    question = "How do I renew my VPN access?"
    got = unclear(question, (), [OPENVPN, found("VPN access (OpenVPN)", 0.78, part="2"), WIREGUARD])
    assert got == Unclear("VPN access", (OPENVPN, WIREGUARD))
    assert got.matters(answered=True)
    assert not got.matters(answered=False)
    assert question_back(got) == (
        "Which “VPN access” do you mean? I found:\n\n"
        "- VPN access (OpenVPN) [1]\n- VPN access (WireGuard) [2]\n\n"
        "Say which, or ask the same again: then a person looks at it."
    )


@pytest.mark.parametrize(
    ("question", "others"),
    [
        ("How do I renew my WireGuard VPN access?", [WIREGUARD]),
        ("How do I renew my VPN access?", [found("VPN access (WireGuard)", 0.6)]),
        ("How do I renew my VPN access (AnyConnect)?", [WIREGUARD]),
        ("How do I renew VPN access 7?", [WIREGUARD]),
        ("How do I renew a certificate?", [WIREGUARD]),
        ("How do I renew my VPN access?", [found("VPN access")]),
        ("How do I renew my VPN access?", [found("VPN rules for guests in a house of ours")]),
    ],
)
def test_one_that_is_named_or_ahead_or_the_general_case_is_meant(question: str, others: list[Found]) -> None:
    assert unclear(question, (), [OPENVPN, *others]) is None


def test_without_choices_none_is_invented() -> None:
    assert question_back(Unclear("this mission")) == (
        "I cannot tell what “this mission” refers to."
        " Say it by its name, or ask the same again: then a person looks at it."
    )


@pytest.mark.parametrize(
    ("reply", "wording"),
    [
        (
            "the one for guests in the northern warehouse",
            "And for it? the one for guests in the northern warehouse",
        ),
        ("WireGuard", "And for it? WireGuard"),
        ("And for it", "And for it?"),
        ("How do I book a room in the new building?", "How do I book a room in the new building?"),
    ],
)
def test_a_reply_is_read_with_the_question_it_makes_clear(reply: str, wording: str) -> None:
    history = (Turn("And for it?", "Which one?", asked_back=True),)
    assert standalone(reply, history) == wording


def test_the_question_asked_back_may_itself_be_a_follow_up() -> None:
    history = (Turn("How do I renew a certificate?", "So."), Turn("And for it?", "Which?", asked_back=True))
    assert standalone("the VPN", history) == "How do I renew a certificate? And for it? the VPN"


def test_only_who_was_asked_back_insists() -> None:
    assert insists("and  for IT", (Turn("And for it?", "Which one?", asked_back=True),))
    assert not insists("And for it?", (Turn("And for it?", "Yes."),))
    assert not insists("And for it?", ())

"""Which questions may share an approved answer."""

import pytest

from brain.domain.sameness import same_question

ALIKE = 0.9


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("How do I rotate the Redis password?", "What are the steps to change the password for Redis?"),
        ("How do I report a lost laptop?", "What should I do if my laptop is lost?"),
        ("When are salaries paid in Gdansk?", "On which day is the salary paid in Gdansk?"),
        ("how to restart rabbitmq node", "How do I restart a RabbitMQ node?"),
        ("How do I get VPN access?", "How can I get access to the VPN?"),
        ("How do I get VPN access?", "how do i get vpn access"),
    ],
)
def test_paraphrases_share_an_answer(a: str, b: str) -> None:
    assert same_question(a, b, 0.8)
    assert same_question(b, a, 0.8)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("How do I enable the alert?", "How do I disable the alert?"),
        ("How do I start the broker?", "How do I stop the broker?"),
        ("What do I check before the failover?", "What do I check after the failover?"),
        ("How do I restart the primary?", "How do I restart the replica?"),
        ("How do I deploy to staging?", "How do I deploy to production?"),
        ("How do I upgrade to 4.15?", "How do I upgrade to 4.16?"),
        ("May I keep two keys?", "May I keep three keys?"),
        ("What does QS-4107 mean?", "What does QS-4112 mean?"),
        ("How do I rotate the Redis password?", "How do I rotate the MongoDB password?"),
        ("When are salaries paid in Gdansk?", "When are salaries paid in Halifax?"),
        ("Which queues may be purged?", "Which queues may not be purged?"),
        ("How long are backups kept?", "Who may delete backups?"),
        ("Why is the queue growing?", "Where is the queue growing?"),
        ("Find files newer than x and older than y", "Find files newer than x and newer than y"),
    ],
)
def test_what_turns_the_answer_is_never_the_same(a: str, b: str) -> None:
    assert not same_question(a, b, 0.99)
    assert not same_question(b, a, 0.99)


def test_likeness_is_needed_even_for_shared_words() -> None:
    assert not same_question("How do I rotate the password?", "How do I change the password?", 0.5)

"""Which questions may share an approved answer.

`same_questions.json` holds pairs written for this: turned ones, of every kind that turns an answer, and
paraphrases, each with the cosine of the packaged encoder. The last three groups were written to see how far
the guard holds beyond what it was built with: docs/quality.md has what it made of them at first sight.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from brain.domain.sameness import same_question

Pair = tuple[str, str, float]

# Turned questions that would be served for one another if a vector took them for alike: who reports to whom
# is told by the order of the words alone.
KNOWN_HOLES = {
    "Who does the lead report to?",
    "Who pays for the damage if I caused it?",
    "How do I add a DNS A record?",
    "How do I delete a comment on a merge request?",
}
GROUPS = json.loads(Path(__file__).with_name("same_questions.json").read_text(encoding="utf-8"))


def turned() -> Iterator[Pair]:
    for group in GROUPS.values():
        for pairs in group["flips"].values():
            yield from ((a, b, cosine) for a, b, cosine in pairs)


def paraphrased() -> Iterator[Pair]:
    for group in GROUPS.values():
        yield from ((a, b, cosine) for a, b, cosine in group["paraphrases"])


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
    assert same_question(a, b, 0.85)
    assert same_question(b, a, 0.85)


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
        ("How do I delete older log files?", "How do I delete larger log files?"),
        ("Can I install a newer version?", "Can I install a lower version?"),
        ("How do I install the VPN client?", "How do I configure the VPN client?"),
        ("How do I report a security incident?", "How do I view a security incident?"),
        ("Can I take a holiday in May?", "May I take a holiday?"),
        ("Who may see salary data of my team?", "Who may see salary data of another team?"),
        ("How do I find the fire extinguisher?", "How do I check the fire extinguisher?"),
        ("How do I renew my parking permit?", "How do I change my parking permit?"),
        ("What does grep -v do?", "What does grep -V do?"),
        ("What does `\\w` match?", "What does `\\W` match?"),
        ("What is the holiday allowance in IT?", "What is the holiday allowance in the US?"),
        ("Who may approve spending in the US?", "Who may approve spending?"),
        ("Who signs for €500?", "Who signs for $500?"),
        ("May a parcel weigh 1,5 kg?", "May a parcel weigh 15 kg?"),
    ],
)
def test_what_turns_the_answer_is_never_the_same(a: str, b: str) -> None:
    assert not same_question(a, b, 0.99)
    assert not same_question(b, a, 0.99)


def test_likeness_is_needed_where_words_have_no_counterpart() -> None:
    assert not same_question("How do I report a lost laptop?", "What should I do if my laptop is lost?", 0.8)


@pytest.mark.parametrize(("a", "b", "cosine"), [one for one in turned() if one[0] not in KNOWN_HOLES])
def test_turned_questions_are_told_apart_however_alike(a: str, b: str, cosine: float) -> None:
    assert not same_question(a, b, max(cosine, 0.97))
    assert not same_question(b, a, max(cosine, 0.97))


def test_of_the_known_holes_one_is_near_enough_to_be_served() -> None:
    served = {a for a, b, cosine in turned() if same_question(a, b, cosine)}

    assert served == {"Who does the lead report to?"}


def test_nine_of_ten_plain_paraphrases_share_an_answer() -> None:
    pairs = list(paraphrased())

    assert sum(same_question(*one) for one in pairs) / len(pairs) >= 0.9


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("How do I restart Kafka?", "how do i restrat kafka"),
        ("How do I organise a team event?", "How do I organize a team event?"),
        ("How do I delete a Kubernetes namespace?", "How do I delete a k8s namespace?"),
        ("How do I turn the feature flag off?", "How do I disable the feature flag?"),
        ("Find files larger than 100MB in /home", "Find files in /home larger than 100 MB"),
        ("Can orphaned locks cause a deadlock?", "Can a deadlock be caused by orphaned locks?"),
        ("How often is the pump serviced?", "How frequently is the pump serviced?"),
        ("Set the sampling rate of the tracer", "set the smapling rate of the tracer"),
        ("Who signs for €1,500?", "who has to sign for 1500 euros"),
        ("How do I resolve a merge conflict?", "How do I solve a merge conflict?"),
        ("Who is on call in May?", "who's on call in may"),
        ("How do I contact IT in Bern?", "how can i contact the it in bern"),
    ],
)
def test_where_every_word_has_its_counterpart_little_likeness_is_enough(a: str, b: str) -> None:
    assert same_question(a, b, 0.6)
    assert same_question(b, a, 0.6)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("How do I enabel maintenance mode?", "How do I disable maintenance mode?"),
        ("how do i unnistall the agent", "How do I install the agent?"),
        ("How do I restroe the wiki?", "How do I back up the wiki?"),
        ("What happens when deletign stale locks?", "What happens when cretaing stale lokcs?"),
    ],
)
def test_slips_of_the_pen_hide_no_turn(a: str, b: str) -> None:
    assert not same_question(a, b, 0.95)


@pytest.mark.parametrize(
    "exact", ["How do I get VPN access?", "how do i get vpn access", "  How do I get VPN access ?"]
)
def test_the_same_text_is_the_same_question_without_any_likeness(exact: str) -> None:
    assert same_question(exact, "How do I get VPN access?", 0.0)


def test_signs_are_part_of_the_text() -> None:
    assert not same_question("Which rows have a < b?", "Which rows have a > b?", 1.0)
    assert not same_question("How do I compile C?", "How do I compile C++?", 1.0)


def test_what_no_encoder_reads_to_its_end_is_the_same_only_word_by_word() -> None:
    log = " ".join(f"line{number}" for number in range(1_000))

    assert same_question(f"Why {log}?", f"why {log}", 1.0)
    assert not same_question(f"Why {log}?", f"Why is that: {log}?", 1.0)

"""Terms and fusion."""

from dataclasses import replace
from uuid import UUID

import pytest

from brain.domain.identity import DepartmentId
from brain.domain.knowledge import Found, Passage, PassageId
from brain.domain.ranking import fuse, terms


def found(number: int, dense: float, lexical: float) -> Found:
    passage = Passage(
        id=PassageId(UUID(int=number)),
        department=DepartmentId(UUID(int=1)),
        title="",
        heading_path=(),
        text=str(number),
        content_hash="",
    )
    return Found(passage, dense, 1, lexical, 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("How do I rotate the passwords?", ["rotat", "password"]),
        ("QS-4107", ["qs-4107", "qs", "4107"]),
        ("AlertmanagerClusterDown", ["alertmanagerclusterdown", "alertmanag", "cluster", "down"]),
        ("HTTPServerError", ["httpservererror", "http", "server", "error"]),
        ("HostDiskFull", ["hostdiskful", "host", "disk", "full"]),
        ("hostdiskfull", ["hostdiskful"]),
        ("retention_ms", ["retention_ms", "retent", "ms"]),
        ("--dry-run", ["--dry-run", "dri", "run"]),
        ("/etc/redis/users.acl", ["/etc/redis/users.acl", "etc", "redi", "user", "acl"]),
        ("v4.16.2", ["4.16.2", "4.16"]),
        ("1,200 rows", ["1200", "row"]),
        ("świadectwo pracy", ["świadectwo", "praci"]),
        ("the and of", []),
    ],
)
def test_terms_are_stems_and_operational_tokens_whole_and_split(text: str, expected: list[str]) -> None:
    assert terms(text) == expected


def test_a_code_in_a_question_meets_the_code_in_a_text() -> None:
    assert set(terms("what is qs-4107?")) <= set(terms("The page shows QS-4107 when there is no connection."))


def test_fusion_puts_first_what_both_rankings_like() -> None:
    ranked = fuse("Rotate the password?", [found(1, 0.9, 0.0), found(2, 0.8, 9.0), found(3, 0.1, 10.0)])
    assert [one.passage.text for one in ranked] == ["2", "1", "3"]
    assert all(0 <= one.score <= 1 for one in ranked)


def test_fusion_does_not_depend_on_the_order_of_equals() -> None:
    first, second = found(1, 0.5, 1.0), found(2, 0.5, 1.0)
    assert [one.passage.id for one in fuse("Rotate the password?", [first, second])] == [
        one.passage.id for one in fuse("Rotate the password?", [second, first])
    ]


def test_words_count_as_much_as_the_best_of_them_say() -> None:
    near, worded = found(1, 0.8, 0.0), found(2, 0.6, 6.0)
    last = found(3, 0.3, 0.0)
    assert fuse("Rotate the password?", [near, worded, last])[0].passage.text == "1"
    telling = replace(worded, lexical_score=40.0)
    assert fuse("Rotate the password?", [near, telling, last])[0].passage.text == "2"


def test_nothing_found_is_nothing_ranked() -> None:
    assert fuse("Rotate the password?", []) == []

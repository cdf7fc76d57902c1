"""tools/check_sizes.py: each limit refuses what is one over it, and allows what is on it."""

from pathlib import Path

import pytest

from tools.check_sizes import offenders


def write(root: Path, name: str, source: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source, encoding="utf-8")


def function_of(lines: int) -> str:
    return "def long():\n" + "    pass\n" * (lines - 1)


def port_of(members: int, base: str = "Protocol") -> str:
    half = members // 2
    fields = [f"    field_{number}: int" for number in range(half)]
    methods = [f"    def method_{number}(self) -> None: ..." for number in range(members - half)]
    return "\n".join([f"class Port({base}):", *fields, *methods])


@pytest.mark.parametrize(
    ("name", "at_limit", "over", "complaint"),
    [
        ("brain/a.py", "x = 1\n" * 400, "x = 1\n" * 401, "brain/a.py: 401 lines, at most 400"),
        ("tests/unit/a.py", "x = 1\n" * 600, "x = 1\n" * 601, "tests/unit/a.py: 601 lines, at most 600"),
        ("bots/a.py", function_of(60), function_of(61), "bots/a.py:1: long has 61 lines, at most 60"),
        (
            "config/a.py",
            "async def wide(a, b, /, c, *rest, d, e): ...",
            "async def wide(a, b, /, c, *rest, d, e, **more): ...",
            "config/a.py:1: wide has 7 parameters, at most 6",
        ),
        (
            "workers/a.py",
            "class A:\n    def wide(self, a, b, c, d, e, f): ...",
            "class A:\n    def wide(self, a, b, c, d, e, f, g): ...",
            "workers/a.py:2: wide has 7 parameters, at most 6",
        ),
        ("brain/ports.py", port_of(8), port_of(9), "brain/ports.py:1: port Port has 9 members, at most 8"),
        (
            "brain/ports.py",
            port_of(8, base="typing.Protocol[T]"),
            port_of(9, base="typing.Protocol[T]"),
            "brain/ports.py:1: port Port has 9 members, at most 8",
        ),
    ],
)
def test_one_over_a_limit_is_refused(
    tmp_path: Path, name: str, at_limit: str, over: str, complaint: str
) -> None:
    write(tmp_path, name, at_limit)
    assert offenders(tmp_path) == []
    write(tmp_path, name, over)
    assert offenders(tmp_path) == [complaint]


def test_a_class_that_is_no_port_may_have_more_members(tmp_path: Path) -> None:
    write(tmp_path, "brain/a.py", port_of(9, base="Base"))
    assert offenders(tmp_path) == []


@pytest.mark.parametrize(
    "back",
    [
        "from brain import first",
        "import brain.first",
        "from brain.first import x",
        "def f():\n    import brain.first",
    ],
)
def test_an_import_cycle_is_refused(tmp_path: Path, back: str) -> None:
    write(tmp_path, "brain/__init__.py", "")
    write(tmp_path, "brain/first.py", "from brain.second import y\n")
    write(tmp_path, "brain/second.py", "import os\n")
    assert offenders(tmp_path) == []
    write(tmp_path, "brain/second.py", back)
    (cycle,) = offenders(tmp_path)
    assert cycle.startswith("import cycle: ")
    assert "brain.first → brain.second" in cycle


def test_a_package_that_gathers_its_modules_is_no_cycle(tmp_path: Path) -> None:
    write(tmp_path, "brain/__init__.py", "from brain.first import x\n")
    write(tmp_path, "brain/first.py", "from brain import second\n")
    write(tmp_path, "brain/second.py", "")
    assert offenders(tmp_path) == []


def test_migrations_may_be_long(tmp_path: Path) -> None:
    write(tmp_path, "brain/adapters/postgres/migrations/versions/0001_all.py", function_of(500))
    assert offenders(tmp_path) == []

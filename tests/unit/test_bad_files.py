"""Whatever is sent is read or refused with a reason, in processes that can do no harm."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from brain.adapters.documents import Documents
from brain.adapters.documents.confinement import Limits
from brain.domain.errors import Rejected
from tests.bad_files import READ, REFUSED, TEXT, make_all, pdf

# Run apart, so that what the files' making takes is not counted: how each file ended, and what it cost.
_READ_ALL = """
import asyncio, json, resource, sys
from pathlib import Path
from brain.adapters.documents import Documents
from brain.domain.errors import Rejected

async def main(folder):
    documents, ends = Documents(), {}
    await documents.parse(b"# Warm", name="warm.md", media_type=None)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for path in sorted(folder.iterdir()):
        try:
            found = await documents.parse(path.read_bytes(), name=path.name, media_type=None)
            ends[path.name] = ["read", found.markdown[:2000]]
        except Rejected as refusal:
            ends[path.name] = ["refused", str(refusal)]
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    documents.close()
    print(json.dumps({"ends": ends, "grown_kib": grown}))

asyncio.run(main(Path(sys.argv[1])))
"""


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    folder = tmp_path_factory.mktemp("bad")
    for name, content in make_all().items():
        (folder / name).write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-c", _READ_ALL, str(folder)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    result: Mapping[str, Any] = json.loads(done.stdout)
    return result


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_with_a_reason(outcome: Mapping[str, Any], name: str) -> None:
    end, reason = outcome["ends"][name]
    assert end == "refused"
    assert re.search(REFUSED[name][1], reason), reason
    assert reason.startswith(name)


@pytest.mark.parametrize("name", READ)
def test_it_is_read(outcome: Mapping[str, Any], name: str) -> None:
    end, text = outcome["ends"][name]
    assert end == "read", text
    assert READ[name][1] in text
    assert "calc.exe" not in text


def test_the_one_who_asks_stays_small(outcome: Mapping[str, Any]) -> None:
    assert outcome["grown_kib"] < 50 * 1024


@pytest.fixture
async def documents() -> AsyncIterator[Documents]:
    made = Documents(replace(Limits(), cpu_s=1, wall_s=60.0))
    yield made
    made.close()


async def reads(documents: Documents) -> None:
    """Whatever happened before, the next file is read."""
    found = await documents.parse(TEXT.encode(), name="next.md", media_type=None)
    assert found.markdown == TEXT


async def test_what_takes_too_long_is_ended_and_the_rest_goes_on(documents: Documents) -> None:
    slow = asyncio.create_task(documents.parse(pdf(pages=1_900), name="slow.pdf", media_type=None))
    for _ in range(20):
        await reads(documents)
    with pytest.raises(Rejected, match=r"slow\.pdf takes more than 1 s to be read"):
        await slow
    await reads(documents)


@pytest.mark.parametrize(("content", "reason"), [(b"", "empty"), (b"x" * (50 * 1024**2 + 1), "than 50 MB")])
async def test_some_need_no_process_to_be_refused(documents: Documents, content: bytes, reason: str) -> None:
    with pytest.raises(Rejected, match=reason):
        await documents.parse(content, name="a.md", media_type=None)


# What a reader would do if a file took it over, said in the child's own words.
_CONFINED = """
import os, sys
sys.path.insert(0, sys.argv[1])
from brain.adapters.documents.confinement import Limits, confine
import socket, subprocess
before = os.nice(0)
confine(Limits())

def tried(act):
    try:
        act()
    except (OSError, MemoryError) as error:
        return type(error).__name__
    return "done"

print(tried(lambda: socket.socket()))
print(tried(lambda: subprocess.Popen(["true"])))
print(tried(lambda: os.fork()))
print(tried(lambda: open("/tmp/left-behind", "w")))
print(tried(lambda: os.open("/tmp/left-behind", os.O_CREAT | os.O_WRONLY)))
print(tried(lambda: bytearray(600 * 1024**2)))
print(os.nice(0) == min(before + 10, 19))  # 19 is the most there is
"""


def test_a_reader_reaches_nothing() -> None:
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", _CONFINED, root], capture_output=True, text=True, check=True, env={}
    )
    assert done.stdout.split() == [*["PermissionError"] * 5, "MemoryError", "True"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
async def test_a_reader_inherits_nothing_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPERT_MODEL_API_KEY", "sk-secret")
    others = readers()
    documents = Documents()
    await reads(documents)
    (child,) = readers() - others
    assert "secret" not in proc(child, "environ")
    documents.close()
    assert readers() == others


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
async def test_a_reader_that_dies_is_no_death_of_ours(documents: Documents) -> None:
    others = readers()
    await reads(documents)
    (child,) = readers() - others
    os.kill(child, signal.SIGKILL)
    with pytest.raises(Rejected, match="more memory"):
        await documents.parse(TEXT.encode(), name="unlucky.md", media_type=None)
    await reads(documents)


def readers() -> set[int]:
    """Those that this process started."""
    own = str(os.getpid())
    return {
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit()
        and proc(int(entry.name), "stat").rpartition(")")[2].split()[1:2] == [own]
        and "documents.child" in proc(int(entry.name), "cmdline")
    }


def proc(process: int, name: str) -> str:
    try:
        return Path(f"/proc/{process}/{name}").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""

"""What the journal says it keeps, it gives back: once, in order, whatever happens to process and file."""

import asyncio
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from structlog.testing import capture_logs

from brain.adapters.journal import Entry, Journal
from brain.domain import tracing
from brain.domain.conversation import Delivery, DeliveryId
from brain.domain.errors import Unavailable
from brain.domain.framing import framed, records
from brain.domain.identity import TenantId

TENANT = TenantId(UUID(int=7))


def _delivery(number: int, *, words: str = "Why? \ud800 é") -> Delivery:
    return Delivery(DeliveryId(uuid4()), "slack", f"event/{number}", f"message/{number}", words)


async def _kept(journal: Journal, *numbers: int) -> list[Delivery]:
    deliveries = [_delivery(number) for number in numbers]
    for one in deliveries:
        await journal.append(TENANT, one)
    return deliveries


async def _replayed(journal: Journal, *, batch: int = 3) -> list[Delivery]:
    found: list[Delivery] = []

    async def accept(entries: Sequence[Entry]) -> None:
        assert {entry.tenant for entry in entries} == {TENANT}
        found.extend(entry.delivery for entry in entries)

    assert await journal.replay(accept, batch=batch) == len(found)
    return found


class _Traced:
    """A tracer that only says which trace is open."""

    def traceparent(self) -> str:
        return "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    def span(self, name: str, **_: object) -> AbstractContextManager[None]:
        raise NotImplementedError

    def past(self, name: str, **_: object) -> None:
        raise NotImplementedError

    def note(self, facts: tracing.Facts) -> None:
        raise NotImplementedError


async def test_the_trace_is_kept_beside_the_delivery_and_is_no_news_to_older_readers(tmp_path: Path) -> None:
    journal, found = Journal(tmp_path / "journal"), list[Entry]()
    await _kept(journal, 1)
    with tracing.installed(_Traced()):
        await _kept(journal, 2)
    lines, _ = records(_segments(journal.directory)[0].read_bytes())
    assert [set(json.loads(line)) - {"tenant", "delivery"} for line in lines] == [set(), {"traceparent"}]

    async def accept(entries: Sequence[Entry]) -> None:
        found.extend(entries)

    await journal.replay(accept, batch=9)
    assert [entry.traceparent for entry in found] == ["", _Traced().traceparent()]
    await journal.close()


def _segments(directory: Path) -> list[Path]:
    return sorted(directory.glob("*.segment"))


async def test_what_is_kept_is_replayed_once_and_in_order(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    kept = await _kept(journal, *range(10))
    assert (journal.held, journal.writable) == (10, True)
    assert {path.stat().st_mode & 0o777 for path in _segments(journal.directory)} == {0o600}

    assert await _replayed(journal) == kept
    assert await _replayed(journal) == []
    assert (journal.held, journal.size, _segments(journal.directory)) == (0, 0, [])
    await journal.close()


async def test_nothing_is_touched_before_something_is_kept(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    assert await _replayed(journal) == []
    await journal.close()
    assert not journal.directory.exists()


async def test_many_at_once_share_a_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    sync = os.fsync

    def counted(descriptor: int) -> None:
        synced.append(descriptor)
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", counted)
    journal = Journal(tmp_path)
    await asyncio.gather(*(journal.append(TENANT, _delivery(number)) for number in range(200)))
    assert len(synced) <= 5
    assert sorted(one.external_id for one in await _replayed(journal)) == sorted(
        f"event/{number}" for number in range(200)
    )
    await journal.close()


async def test_while_the_database_stays_away_nothing_goes_and_files_do_not_multiply(tmp_path: Path) -> None:
    async def away(_: Sequence[Entry]) -> None:
        raise Unavailable

    journal = Journal(tmp_path)
    kept = []
    for number in range(20):
        kept += await _kept(journal, number)
        with pytest.raises(Unavailable):
            await journal.replay(away, batch=3)
    assert len(_segments(tmp_path)) == 2
    assert journal.held == 20
    assert await _replayed(journal) == kept
    await journal.close()


async def test_a_replay_that_breaks_off_goes_on_where_it_was(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    kept = await _kept(journal, *range(6))
    accepted: list[Delivery] = []

    async def twice(entries: Sequence[Entry]) -> None:
        if len(accepted) == 4:
            raise Unavailable
        accepted.extend(entry.delivery for entry in entries)

    with pytest.raises(Unavailable):
        await journal.replay(twice, batch=2)
    assert accepted + await _replayed(journal) == kept
    await journal.close()


async def test_the_next_process_replays_what_is_left(tmp_path: Path) -> None:
    first = Journal(tmp_path, segment_bytes=500)
    kept = await _kept(first, *range(9))
    second = Journal(tmp_path)
    assert await _replayed(second) == [], "the first one is alive, and has the files locked"
    await first.close()
    assert len(_segments(tmp_path)) > 1

    assert await _replayed(second) == kept
    await second.close()


async def _left(directory: Path) -> list[Delivery]:
    journal = Journal(directory)
    found = await _replayed(journal, batch=50)
    await journal.close()
    return found


def test_what_a_killed_process_had_been_promised_is_there(tmp_path: Path) -> None:
    """It writes without end, and says after each promise which it was."""
    script = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from tests.contract.test_journal import TENANT, Journal, _delivery\n"
        "async def write(journal, first):\n"
        "    for number in range(first, 10**9, 8):\n"
        "        await journal.append(TENANT, _delivery(number))\n"
        "        print(f'event/{number}', flush=True)\n"
        "async def main():\n"
        "    journal = Journal(Path(sys.argv[1]), segment_bytes=20_000)\n"
        "    await asyncio.gather(*(write(journal, first) for first in range(8)))\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        promised = [process.stdout.readline().strip() for _ in range(200)]
        process.send_signal(signal.SIGKILL)
        promised += [line.strip() for line in process.stdout if line.endswith("\n")]
    found = [one.external_id for one in asyncio.run(_left(tmp_path))]
    assert set(promised) <= set(found)
    assert len(found) == len(set(found))


async def test_a_torn_tail_is_reported_kept_and_cut_off(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    kept = await _kept(journal, 1, 2)
    await journal.close()
    (segment,) = _segments(tmp_path)
    whole = segment.read_bytes()
    segment.write_bytes(whole[:-5])

    again = Journal(tmp_path)
    with capture_logs() as logs:
        assert await _replayed(again) == kept[:1]
    (told,) = [one for one in logs if one["event"] == "journal.torn"]
    assert told["at"] == len(whole) // 2
    (kept_aside,) = (tmp_path / "aside").iterdir()
    assert told["kept"] == str(kept_aside)
    assert kept_aside.read_bytes() == whole[told["at"] : -5]
    assert kept_aside.stat().st_mode & 0o777 == 0o600
    assert again.damaged == 1
    await again.close()
    assert not _segments(tmp_path)


async def test_a_torn_tail_is_cut_off_before_anything_is_replayed(tmp_path: Path) -> None:
    """Whoever dies while replaying does not have it reported for ever."""
    journal = Journal(tmp_path)
    await _kept(journal, 1, 2)
    await journal.close()
    (segment,) = _segments(tmp_path)
    segment.write_bytes(segment.read_bytes()[:-5])

    async def away(_: Sequence[Entry]) -> None:
        raise Unavailable

    for damaged in (1, 0):
        again = Journal(tmp_path)
        with pytest.raises(Unavailable):
            await again.replay(away, batch=9)
        assert again.damaged == damaged
        await again.close()


async def test_what_rots_in_the_middle_is_reported_and_the_rest_is_replayed(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    kept = await _kept(journal, 1, 2, 3)
    await journal.close()
    (segment,) = _segments(tmp_path)
    content = bytearray(segment.read_bytes())
    content[len(content) // 2] ^= 1
    segment.write_bytes(content)

    again = Journal(tmp_path)
    with capture_logs() as logs:
        assert await _replayed(again) == [kept[0], kept[2]]
    assert [one["event"] for one in logs] == ["journal.corrupt"]
    await again.close()


async def test_what_this_version_cannot_read_is_put_aside(tmp_path: Path) -> None:
    (tmp_path / "1-1.segment").write_bytes(framed("{}") + framed("[]") + framed("no JSON"))
    journal = Journal(tmp_path)
    assert await _replayed(journal) == []
    assert journal.damaged == 3
    await journal.close()
    assert len(list((tmp_path / "aside").iterdir())) == 3


async def test_when_it_is_full_it_says_so_and_has_room_again_later(tmp_path: Path) -> None:
    journal = Journal(tmp_path, most_bytes=700)
    kept = await _kept(journal, 1, 2)
    with pytest.raises(Unavailable, match="journal is full"):
        await _kept(journal, *range(3, 9))
    assert journal.refused == 1
    replayed = await _replayed(journal)
    assert replayed[:2] == kept
    await _kept(journal, 9)
    await journal.close()


async def test_a_disk_that_takes_no_more_loses_nothing_and_recovers(tmp_path: Path) -> None:
    """A limit on the size of files stands in for a full disk; it cuts a record in two."""
    journal = Journal(tmp_path)
    kept = await _kept(journal, 1)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (journal.size + 50, hard))
    try:
        with pytest.raises(Unavailable, match="cannot be written"):
            await _kept(journal, 2)
        assert not journal.writable
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)
    kept += await _kept(journal, 3)
    assert journal.writable
    assert await _replayed(journal) == kept
    assert journal.damaged == 0
    await journal.close()

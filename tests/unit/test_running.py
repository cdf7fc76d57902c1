"""What comes out of a block in which others run beside it."""

import asyncio

import pytest

from brain.domain.errors import DatabaseAway
from workers.executor import running


async def _for_ever() -> None:
    await asyncio.Event().wait()


async def test_what_a_block_meets_while_others_run_is_known_by_its_name() -> None:
    with pytest.raises(DatabaseAway):
        async with running(_for_ever()), running(_for_ever(), _for_ever()):
            raise DatabaseAway


async def _bug() -> None:
    await asyncio.sleep(0)
    raise LookupError("a bug")


async def test_a_bug_of_one_that_runs_ends_the_block() -> None:
    with pytest.raises(LookupError, match="a bug"):
        async with running(_for_ever(), _bug()):
            await _for_ever()


async def test_what_fails_together_comes_out_together() -> None:
    with pytest.raises(ExceptionGroup) as raised:
        async with running(_bug(), _bug()):
            await _for_ever()
    assert len(raised.value.exceptions) == 2

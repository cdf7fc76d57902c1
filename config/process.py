"""What processes that run for long have in common: their event loop, and when they look for garbage."""

import asyncio
import gc
from collections.abc import Coroutine
from typing import Any

# So many more objects made than let go of until the youngest are looked through: a question makes thousands.
_YOUNGEST = 50_000


def run(work: Coroutine[Any, Any, None]) -> None:
    """As `asyncio.run`, on the faster loop where there is one."""
    try:
        import uvloop
    except ModuleNotFoundError:  # Windows
        asyncio.run(work)
        return
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work)


def settle() -> None:
    """All is loaded that stays: libraries are half a gigabyte of objects. To look through them for garbage
    again and again would hold everybody up for a third of a second each time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNGEST, *gc.get_threshold()[1:])

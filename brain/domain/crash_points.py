"""Places at which a test has the process die, to see that nothing is lost and nothing said twice.

docs/reliability.md lists them. Nothing in the product arms one, and nothing from outside can: a test does,
in a process of its own. Until then `reached` costs less than a tenth of a microsecond.
"""

from collections.abc import Callable

_armed: Callable[[str], None] | None = None


def reached(point: str) -> None:
    if _armed is not None:
        _armed(point)


def arm(then: Callable[[str], None] | None) -> None:
    """For tests only: what is done wherever one is reached."""
    global _armed  # noqa: PLW0603  # one process dies as a whole
    _armed = then

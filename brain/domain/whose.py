"""Whose work is being done: set by whoever begins it, and asked by what is shared by all."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from brain.domain.identity import TenantId

_WHOSE: ContextVar[TenantId] = ContextVar("whose")


def whose() -> TenantId:
    """Raises `LookupError` where nobody said so: what is shared must not be taken in nobody's name."""
    return _WHOSE.get()


@contextmanager
def working_for(tenant: TenantId) -> Iterator[None]:
    token = _WHOSE.set(tenant)
    try:
        yield
    finally:
        _WHOSE.reset(token)

"""What an examination finds, one line each, and what to do about it."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from brain.domain.errors import ExpertError


@dataclass(frozen=True, slots=True)
class Finding:
    """`detail` says what is, `advice` what to do where it is wrong, or could be better."""

    check: str
    ok: bool
    detail: str
    advice: str = ""


def attempt(check: str, look: Callable[[], str], advice: str) -> Finding:
    try:
        return Finding(check, ok=True, detail=look())
    except (ExpertError, SQLAlchemyError, OSError) as error:
        return Finding(check, ok=False, detail=str(error).splitlines()[0], advice=advice)

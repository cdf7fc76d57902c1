"""The database of an installation, for as long as a command needs it."""

from collections.abc import Iterator
from contextlib import contextmanager

from brain.domain.errors import Unavailable
from config.embedded_postgres import EmbeddedPostgres, attach_or_start
from config.settings import DatabaseUrls, Settings


@contextmanager
def database(settings: Settings, *, keep: bool = False) -> Iterator[DatabaseUrls]:
    """The one from the settings, or the embedded one.

    `keep`: this process is the installation, and nobody else may be.
    """
    if settings.database_urls is not None:
        yield settings.database_urls
    elif keep:
        with EmbeddedPostgres(settings.home, port=settings.port) as postgres:
            yield postgres.urls
    else:
        with attach_or_start(settings.home) as postgres:
            yield postgres.urls


@contextmanager
def existing(settings: Settings) -> Iterator[DatabaseUrls]:
    """For whoever only looks. Raises `Unavailable` where there is none yet."""
    made = settings.home / "postgres" / "data" / "PG_VERSION"
    if settings.database_urls is None and not made.exists():
        raise Unavailable(f"there is no database in {settings.home} yet")
    with database(settings) as urls:
        yield urls

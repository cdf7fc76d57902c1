"""The database of an installation, for as long as a command needs it."""

from collections.abc import Iterator
from contextlib import contextmanager

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

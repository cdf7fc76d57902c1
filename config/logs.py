"""Structured logs: one JSON object a line, to a file where a person watches the terminal, else to stderr."""

import logging
import sys
from logging.handlers import RotatingFileHandler
from pathlib import Path

import structlog

from config.settings import LogLevel

_FILE_BYTES = 10_000_000
_FILES = 5


def configure_logs(home: Path, level: LogLevel) -> Path | None:
    """Returns the file that logs go to, or None where they go to stderr."""
    file = home / "log" / "expert.jsonl" if sys.stderr.isatty() else None
    handler: logging.Handler
    if file is None:
        handler = logging.StreamHandler(sys.stderr)
    else:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handler = RotatingFileHandler(file, maxBytes=_FILE_BYTES, backupCount=_FILES, encoding="utf-8")
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.value.upper())
    # Statements and their parameters are questions and documents: they stay out of the logs at any level.
    for noisy in ("sqlalchemy", "alembic", "httpx", "httpcore", "uvicorn.access", "celery", "kombu"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    return file

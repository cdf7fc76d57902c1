"""Failures named by what the caller can do. Anything else that is raised is a bug."""


class ExpertError(Exception):
    """The request could not be carried out."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class Unavailable(ExpertError):
    """Something this needs is not answering right now; try again shortly."""

    def __init__(self, message: str | None = None, retry_after_s: float = 5.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class DatabaseAway(Unavailable):
    """The database is not answering. What comes meanwhile waits for it."""


class Collided(Unavailable):
    """Another request was at the same rows; nothing of this one was kept, and it can be repeated."""


class NotYet(Unavailable):
    """Nothing is wrong: it is somebody else's turn. Come back then."""


class Denied(ExpertError):
    """You may not do this."""


class TooFast(Denied):
    """You ask faster than you can be answered."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__()
        self.retry_after_s = retry_after_s


class Rejected(ExpertError):
    """The input cannot be used as it is."""


class Missing(Rejected):
    """There is no such thing, or you may not see it."""


class Conflict(Rejected):
    """Somebody else was first, or what you saw has changed since."""

"""The demo: an invented company, two people, and its runbooks."""

from collections.abc import Iterator
from pathlib import Path

from brain.domain.identity import Role
from config.founding import Founder

TENANT = "northlight"
NAME = "Northlight Freight"
ASKER = "amira"
REVIEWER = "ravi"
FOUNDERS = (
    Founder(
        ASKER,
        "Amira Solberg",
        frozenset({Role.ASKER}),
        only_in=frozenset({"it-ops"}),
        email="amira@northlight.example",
    ),
    Founder(
        REVIEWER,
        "Ravi Lindqvist",
        frozenset({Role.REVIEWER, Role.ADMIN}),
        email="ravi@northlight.example",
    ),
)
# Which key goes under which name in keys.toml.
KEYS = {"asker": ASKER, "reviewer": REVIEWER}
RUNBOOKS = Path(__file__).parents[1] / "demo" / "runbooks"


def runbooks() -> Iterator[tuple[str, str, Path]]:
    """(department, source, file) of every sample; nothing where only the package was installed."""
    for path in sorted(RUNBOOKS.glob("*/*")):
        yield path.parent.name, f"{path.parent.name}/{path.name}", path

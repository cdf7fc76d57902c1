"""How rows are found whose question is like another: by vectors, or by words where there is no vector."""

from dataclasses import dataclass

from brain.adapters.postgres.serving import IN_FORCE
from brain.domain.knowledge import Vector


@dataclass(frozen=True, slots=True)
class Likeness:
    """Parts of a query. What is not alike, as far as that is known, has a similarity of zero."""

    condition: str
    distance: str
    similarity: str
    parameters: dict[str, str]


def likeness(to: Vector | str, *, text: str, vector: str) -> Likeness:
    """`text` and `vector` are the columns."""
    if isinstance(to, str):
        # Every word as it stands: whether it is the same question is not for a stemmer to say. Not indexed:
        # it is asked only while the search is away.
        return Likeness(
            f"to_tsvector('simple', {text}) @@ plainto_tsquery('simple', :words)",
            f"abs(length({text}) - length(:words))",
            "CAST(0 AS float8)",
            {"words": to},
        )
    distance = f"{vector} <=> CAST(:vector AS halfvec)"
    return Likeness(
        f"{vector} IS NOT NULL AND {IN_FORCE}",
        distance,
        f"1 - ({distance})",
        {"vector": str(list(to)), "embedder": to.embedder},
    )

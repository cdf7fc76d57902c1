"""Answers in the passages' own words."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from brain.adapters.extractive_generator import ExtractiveGenerator
from brain.domain.answer import Generation, Piece
from brain.domain.evidence import check
from brain.domain.identity import DepartmentId
from brain.domain.knowledge import DocumentId, Found, Passage, PassageId, Vector
from brain.domain.ranking import terms
from brain.domain.reading import spoken_unit, units
from brain.ports import TextKind

ROTATE = """Passwords are rotated every 90 days. Allow 40 minutes.

The steps use the user `waybill`.

1. Announce it in the channel.
2. Add the new password:

   ```bash
   redis-cli ACL SETUSER waybill ">$NEW"
   ```

3. Remove the old password.
"""
LIMITS = """| Alert | Condition | Action |
|---|---|---|
| `HostDiskFull` | > 92 % used for 5 min | page |
| `HostInodesLow` | < 8 % inodes free | page |
"""
OLD = "> **SUPERSEDED.** Do not follow.\n\nTo get VPN access, send form IT-07 to the desk by mail."
NEW = "To get VPN access, enrol your device with Northlight Connect."


class WordEmbedder:
    """Unit vectors over hashed words: near where texts share words."""

    name = "words"
    dimensions = 64

    async def embed(self, texts: Sequence[str], *, kind: TextKind) -> list[Vector]:
        return [self._vector(text) for text in texts]

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def _vector(self, text: str) -> Vector:
        vector = [1e-6] * self.dimensions
        for term in terms(text):
            vector[sum(term.encode()) % self.dimensions] += 1.0
        length = sum(value * value for value in vector) ** 0.5
        return Vector((value / length for value in vector), embedder=self.name)


def found(text: str, number: int = 1, heading: str = "", title: str = "Runbook", score: float = 0.9) -> Found:
    passage = Passage(
        id=PassageId(UUID(int=number)),
        department=DepartmentId(UUID(int=1)),
        title=title,
        heading_path=(heading,) if heading else (),
        text=text,
        content_hash="",
        document=DocumentId(UUID(int=number)),
    )
    return Found(passage, 0.6, number, 5.0, number, score)


async def with_similarities(question: str, one: Found) -> Found:
    """As the index would give it: how near each piece is to the question."""
    own = units(0, one.passage)
    texts = [question, *(spoken_unit(unit, one.passage) for unit in own)]
    asked, *said = await WordEmbedder().embed(texts, kind=TextKind.PASSAGE)
    similarities = [sum(a * b for a, b in zip(asked, vector, strict=True)) for vector in said]
    return replace(one, pieces=tuple((unit.start, s) for unit, s in zip(own, similarities, strict=True)))


async def answer(question: str, *passages: Found) -> str:
    near = [await with_similarities(question, one) for one in passages]
    pieces = [
        piece
        async for piece in ExtractiveGenerator().generate(
            question, passages=near, history=(), instructions=""
        )
    ]
    last = pieces[-1]
    assert isinstance(last, Generation)
    assert "".join(piece.text for piece in pieces if isinstance(piece, Piece)) == last.text
    return last.text


async def test_a_how_to_gets_the_whole_procedure_with_its_code() -> None:
    text = await answer(
        "How do I rotate the Redis password?", found(ROTATE, heading="Rotate the Redis password")
    )
    assert "1. Announce it" in text
    assert 'redis-cli ACL SETUSER waybill ">$NEW"' in text
    assert "3. Remove the old password." in text
    assert "[1]" in text


async def test_a_fact_gets_its_sentence() -> None:
    text = await answer("How often are passwords rotated?", found(ROTATE, heading="Redis"))
    assert "every 90 days" in text
    assert "Announce" not in text


async def test_a_row_comes_with_its_column_names() -> None:
    text = await answer("At what usage does HostDiskFull fire?", found(LIMITS, heading="Alerts"))
    assert text.splitlines()[0] == "| Alert | Condition | Action |"
    assert "| `HostDiskFull` | > 92 % used for 5 min | page [1] |" in text
    assert "HostInodesLow" not in text


async def test_the_current_document_wins_over_the_superseded_one() -> None:
    text = await answer(
        "What do people need for VPN access?", found(OLD, 1, title="VPN (old)"), found(NEW, 2)
    )
    assert "Northlight Connect" in text
    assert "[2]" in text


async def test_nothing_fitting_is_nothing_said() -> None:
    assert await answer("Who won the football match yesterday?", found(LIMITS)) == ""
    assert await answer("How do I rotate the password?") == ""


async def test_marks_of_the_passage_itself_are_not_taken_for_citations() -> None:
    text = await answer(
        "How often are keys rotated?", found("Keys are rotated every 30 days [3]. Ask Security.")
    )
    assert "[3]" not in text
    assert "[1]" in text


async def test_what_is_extracted_passes_the_evidence_check() -> None:
    given = (found(ROTATE, heading="Rotate the Redis password"), found(LIMITS, 2, heading="Alerts"))
    for question in (
        "How do I rotate the Redis password?",
        "How often are passwords rotated?",
        "What is HostDiskFull?",
    ):
        text = await answer(question, *given)
        checked = check(text, given)
        assert (checked.dropped, checked.support) == (0, 1.0)
        assert checked.citations

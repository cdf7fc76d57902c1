"""Questions asked again are not embedded again."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from brain.adapters.remembering_embedder import RememberingEmbedder
from brain.domain.knowledge import Vector
from brain.ports import TextKind


@dataclass(slots=True)
class NotingEmbedder:
    name: str = "noting"
    asked: list[str] = field(default_factory=list)

    async def embed(self, texts: Sequence[str], *, kind: TextKind) -> list[Vector]:
        self.asked += texts
        return [Vector((float(len(text)), 0.0), embedder=self.name) for text in texts]

    def count_tokens(self, text: str) -> int:
        return len(text)


async def test_a_question_is_embedded_once_and_comes_back_in_its_place() -> None:
    inner = NotingEmbedder()
    embedder = RememberingEmbedder(inner)

    await embedder.embed(["bb"], kind=TextKind.QUESTION)
    got = await embedder.embed(["a", "bb", "a", "ccc"], kind=TextKind.QUESTION)

    assert [vector[0] for vector in got] == [1.0, 2.0, 1.0, 3.0]
    assert inner.asked == ["bb", "a", "ccc"]


async def test_passages_are_not_kept_in_memory() -> None:
    inner = NotingEmbedder()
    embedder = RememberingEmbedder(inner)

    await embedder.embed(["a"], kind=TextKind.PASSAGE)
    await embedder.embed(["a"], kind=TextKind.PASSAGE)

    assert inner.asked == ["a", "a"]


async def test_what_was_not_asked_for_longest_goes_first() -> None:
    inner = NotingEmbedder()
    embedder = RememberingEmbedder(inner, most=2)

    for text in ("a", "bb", "a", "ccc", "a", "bb"):
        await embedder.embed([text], kind=TextKind.QUESTION)

    assert inner.asked == ["a", "bb", "ccc", "bb"]

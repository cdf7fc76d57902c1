"""What the product would answer, and how sure it is: the path of a question without a store and reviewers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from benchmarks.harness.metrics import Array
from benchmarks.harness.vectors import KeptEmbedder
from benchmarks.memory_index import MemoryIndex
from brain.adapters.extractive_generator import ExtractiveGenerator
from brain.domain.answer import Generation
from brain.domain.confidence import Calibration, confidence, said, signals
from brain.domain.doubts import lowered, taken_out
from brain.domain.evidence import Checked, check, quotable_sentences, requoted
from brain.domain.knowledge import Found
from brain.domain.orders import gives_orders
from brain.domain.quoting import Span
from brain.ports import TextKind
from brain.usecases.ask import CANDIDATES, READ


@dataclass(frozen=True, slots=True)
class Draft:
    """`ranked` is everything found, best first; `found` what was read of it. `near`: cosines of the sentences
    that might have been quoted."""

    ranked: Sequence[Found]
    found: Sequence[Found]
    checked: Checked
    confidence: float
    near: Mapping[Span, float] = field(default_factory=dict)


@cache
def calibration() -> Calibration:
    return Calibration.load()


async def drafted(question: str, vector: Array, index: MemoryIndex, embedder: KeptEmbedder) -> Draft:
    """In the steps of brain/usecases/ask.py."""
    ranked = index.search(question, vector, limit=CANDIDATES)
    found = [one for one in ranked if not gives_orders(one.passage.indexed_text)][:READ]
    text = ""
    generated = ExtractiveGenerator().generate(question, passages=found, history=(), instructions="")
    async for piece in generated:
        if isinstance(piece, Generation):
            text = piece.text
    checked = check(text, found, question)
    likeness, near = 0.0, dict[Span, float]()
    if checked.text:
        sentences = quotable_sentences(question, checked)
        texts = [said(checked), *(sentence for _, sentence in sentences)]
        likeness, *others = (await embedder.matrix(texts, kind=TextKind.PASSAGE) @ vector).tolist()
        near = dict(zip((span for span, _ in sentences), others, strict=True))
        checked = requoted(question, checked, near)
    weighed = confidence(signals(question, found, checked, likeness), calibration())
    return Draft(ranked, found, checked, lowered(weighed, taken_out(checked)).value, near)

"""What the product would answer, and how sure it is: the path of a question without a store and reviewers."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache

from benchmarks.harness.metrics import Array
from benchmarks.memory_index import MemoryIndex
from brain.adapters.extractive_generator import ExtractiveGenerator
from brain.domain.answer import Generation
from brain.domain.confidence import Calibration, Signals, confidence, signals
from brain.domain.doubts import another_number, lowered, taken_out
from brain.domain.evidence import Checked, check
from brain.domain.identity import Thresholds
from brain.domain.knowledge import Found, PassageId
from brain.domain.orders import gives_orders
from brain.usecases.ask import READ
from brain.usecases.searching import CANDIDATES


@dataclass(frozen=True, slots=True)
class Draft:
    """`ranked` is everything found, best first; `found` what was read of it."""

    ranked: Sequence[Found]
    found: Sequence[Found]
    checked: Checked
    signals: Signals
    confidence: float


@cache
def calibration() -> Calibration:
    return Calibration.load()


async def drafted(
    question: str, vector: Array, index: MemoryIndex, *, apart_from: Collection[PassageId] = ()
) -> Draft:
    """In the steps of brain/usecases/ask.py."""
    ranked = index.search(question, vector, limit=CANDIDATES, apart_from=apart_from)
    found = [one for one in ranked if not gives_orders(one.passage.indexed_text)][:READ]
    text = ""
    generated = ExtractiveGenerator().generate(question, passages=found, history=(), instructions="")
    async for piece in generated:
        if isinstance(piece, Generation):
            text = piece.text
    checked = check(text, found, question)
    doubts = (*taken_out(checked), *another_number(question, checked, Thresholds()))
    weighed = lowered(confidence(signals(question, found, checked), calibration()), doubts)
    return Draft(ranked, found, checked, weighed.signals, weighed.value)

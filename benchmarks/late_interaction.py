"""Measures whether comparing word by word (late interaction: MaxSim over the encoder's token vectors) would
rank sections and pieces better than one vector a piece, and what it would cost.

    python -m benchmarks.late_interaction
"""

import argparse
import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import numpy as np
from fastembed.text.custom_text_embedding import CustomTextEmbedding

from benchmarks.fit_confidence import Asking, runbook_passages, runbook_questions
from brain.adapters.fastembed_embedder import PACKAGED, FastembedEmbedder
from brain.domain.knowledge import Passage
from brain.domain.reading import LONGEST_SPOKEN, Unit, units

# Pieces that a reader would compare word by word at question time.
COMPARED = 10


@dataclass(frozen=True, slots=True)
class Library:
    """Every piece with its passage, its token vectors and their mean, all of length 1."""

    pieces: tuple[tuple[Passage, Unit], ...]
    tokens: tuple["np.ndarray[Any, Any]", ...]
    vectors: "np.ndarray[Any, Any]"


def token_model(home: Path) -> CustomTextEmbedding:
    """The packaged model before its pooling; an embedder has announced it and laid out its files."""
    return CustomTextEmbedding(PACKAGED, threads=2, specific_model_path=str(home / "models" / PACKAGED))


def token_vectors(model: CustomTextEmbedding, text: str) -> "np.ndarray[Any, Any]":
    [states] = model.onnx_embed([text]).model_output
    return unit_length(np.asarray(states, dtype=np.float32))


def unit_length(vectors: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    scaled: np.ndarray[Any, Any] = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return scaled


def library(model: CustomTextEmbedding, passages: Sequence[Passage]) -> Library:
    """Each piece is read under its title and its whole heading path."""
    pieces = [(passage, unit) for passage in passages for unit in units(0, passage)]
    said = [
        f"{' › '.join((passage.title, *passage.heading_path))}: {unit.prose}"[: LONGEST_SPOKEN + 150]
        for passage, unit in pieces
    ]
    tokens = tuple(token_vectors(model, text) for text in said)
    return Library(tuple(pieces), tokens, unit_length(np.array([one.mean(axis=0) for one in tokens])))


def by_mean(asked: "np.ndarray[Any, Any]", known: Library) -> "np.ndarray[Any, Any]":
    scores: np.ndarray[Any, Any] = known.vectors @ unit_length(asked.mean(axis=0))
    return scores


def by_word(asked: "np.ndarray[Any, Any]", known: Library) -> "np.ndarray[Any, Any]":
    """MaxSim: the mean, over the question's tokens, of how near the nearest token of the piece is."""
    return np.array([(asked @ one.T).max(axis=1).mean() for one in known.tokens])


def ranks(asking: Asking, known: Library, scores: "np.ndarray[Any, Any]") -> tuple[int, int] | None:
    """Places of the first right section and the first right piece; none where no single piece says it."""
    wanted = {uuid5(NAMESPACE_URL, document) for document in asking.documents}
    phrases = [" ".join(phrase.lower().split()) for phrase in asking.phrases]
    order = [int(one) for one in np.argsort(-scores, kind="stable")]
    right = [
        place
        for place, one in enumerate(order)
        if known.pieces[one][0].document in wanted and _says(known.pieces[one][1].text, phrases)
    ]
    if not right:
        return None
    sections = list(dict.fromkeys(known.pieces[one][0].id for one in order))
    return min(sections.index(known.pieces[order[place]][0].id) for place in right), right[0]


def _says(text: str, phrases: Sequence[str]) -> bool:
    plain = " ".join(text.lower().split())
    return any(phrase in plain for phrase in phrases)


Scorer = Callable[["np.ndarray[Any, Any]", Library], "np.ndarray[Any, Any]"]


def figures(
    questions: Sequence[Asking], model: CustomTextEmbedding, known: Library, scorer: Scorer
) -> dict[str, float]:
    found = [
        ranks(one, known, scorer(token_vectors(model, one.text), known))
        for one in questions
        if one.answerable
    ]
    places = [one for one in found if one is not None]
    return {
        "questions": len(places),
        "section first": round(sum(section == 0 for section, _ in places) / len(places), 3),
        "section in 3": round(sum(section < 3 for section, _ in places) / len(places), 3),
        "piece first": round(sum(piece == 0 for _, piece in places) / len(places), 3),
        "piece in 3": round(sum(piece < 3 for _, piece in places) / len(places), 3),
    }


def cost_ms(model: CustomTextEmbedding, known: Library) -> float:
    """What it takes to encode the pieces of one question, in one batch."""
    texts = [unit.prose[:LONGEST_SPOKEN] for _, unit in known.pieces]
    taken = []
    for start in range(0, 20 * COMPARED, COMPARED):
        begun = perf_counter()
        model.onnx_embed(texts[start : start + COMPARED])
        taken.append((perf_counter() - begun) * 1000)
    return round(float(np.median(taken)), 1)


def main() -> None:
    here = Path(__file__).parent
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runbooks", type=Path, default=here.parent / "demo" / "runbooks")
    parser.add_argument("--questions", type=Path, nargs="+", default=sorted(here.glob("dev_questions*.json")))
    parser.add_argument("--models", type=Path, default=Path.home() / ".cache" / "expert")
    args = parser.parse_args()
    embedder = FastembedEmbedder(PACKAGED, home=args.models)
    passages = asyncio.run(runbook_passages(args.runbooks, embedder))
    model = token_model(args.models)
    known = library(model, passages)
    result: dict[str, Any] = {
        path.stem: {
            name: figures(runbook_questions(path), model, known, scorer)
            for name, scorer in (("one vector", by_mean), ("word by word", by_word))
        }
        for path in args.questions
    }
    result[f"ms to encode {COMPARED} pieces"] = cost_ms(model, known)
    embedder.close()
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()

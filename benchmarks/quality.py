"""How good search, confidence, evidence and cache are, on questions nobody here wrote, beside what people
would otherwise use. Measures every set that it finds, whatever it is called.

    python -m benchmarks.quality --data ../shared/data
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

if not __package__:  # run by its path, and not as a module: what stands beside it is found from the root
    sys.path.insert(0, str(Path(__file__).parents[1]))

if TYPE_CHECKING:
    from benchmarks.harness.confidence import Doubts
    from benchmarks.harness.metrics import Result
    from benchmarks.harness.sets import Kind
    from benchmarks.harness.vectors import KeptEmbedder


async def measured(
    args: argparse.Namespace, sets: "Mapping[str, Kind]", embedder: "KeptEmbedder"
) -> "tuple[list[Result], list[Doubts]]":
    from benchmarks.harness import confidence, conversations, evidence, latency, parsing, ranking, reuse
    from benchmarks.harness.sets import Kind, read_retrieval

    results: list[Result] = []
    doubts: list[Doubts] = []
    ranked = []
    for name, kind in sets.items():
        print(f"Measuring {name}", file=sys.stderr)
        folder = args.data / name
        if kind is Kind.RETRIEVAL:
            prepared = await ranking.prepared(read_retrieval(folder, sample=args.sample), embedder)
            if prepared.found.answerable:
                ranked.append(ranking.ranked(prepared))
            if prepared.found.are_questions:
                doubts.append(await confidence.doubts(prepared))
                results += [*confidence.results(doubts[-1]), *latency.results(doubts[-1])]
        elif kind is Kind.EVIDENCE:
            cases = evidence.read_cases(folder, sample=args.sample)
            results += await evidence.sentence_results(name, cases, embedder)
        elif kind is Kind.ATTRIBUTION:
            statements = evidence.read_statements(folder, sample=args.sample)
            results += await evidence.statement_results(name, statements, embedder)
        elif kind is Kind.CACHE:
            results += await reuse.results(name, reuse.read_pairs(folder, sample=args.sample), embedder)
        elif kind is Kind.CONVERSATIONS:
            tasks = conversations.read_tasks(folder, sample=args.sample)
            results += await conversations.results(name, tasks, embedder)
        elif kind is Kind.PARSING:
            results += await parsing.results(name, parsing.read_cases(folder, sample=args.sample))
        embedder.save()
    return [*ranking.results(ranked), *results, *confidence.elsewhere(doubts)], doubts


def chosen(data: Path, wanted: Sequence[str]) -> "dict[str, Kind]":
    """The sets that are there, or of those the ones wanted."""
    from benchmarks.harness.sets import kinds

    there = kinds(data)
    if not there:
        raise SystemExit(f"There is no set in {data}: docs/quality.md says what a folder of one holds.")
    missing = [name for name in wanted if name not in there]
    if missing:
        raise SystemExit(f"{', '.join(missing)}: not in {data}, which holds {', '.join(there)}.")
    return {name: kind for name, kind in there.items() if not wanted or name in wanted}


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    root = Path(__file__).parents[1]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with a folder for each set")
    parser.add_argument("--set", action="append", default=[], help="only this set; may be given again")
    parser.add_argument("--sample", type=int, help="at most so many questions of each set (default: all)")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--report", type=Path, help="write quality.md and quality.html into this folder")
    parser.add_argument(
        "--cache", type=Path, default=root / "build" / "quality", help="folder for embeddings"
    )
    parser.add_argument("--models", type=Path, default=Path.home() / ".cache" / "expert")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> None:
    from benchmarks.harness.plots import calibration, latency, risk_coverage
    from benchmarks.harness.report import markdown, page
    from benchmarks.harness.vectors import KeptEmbedder
    from brain.adapters.fastembed_embedder import PACKAGED, FastembedEmbedder

    args = arguments(words)
    sets = chosen(args.data, args.set)
    embedder = FastembedEmbedder(PACKAGED, home=args.models)
    try:
        results, doubts = asyncio.run(measured(args, sets, KeptEmbedder(embedder, args.cache)))
    finally:
        embedder.close()
    if args.json:
        content = {"results": [asdict(one) for one in results]}
        args.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    if args.report:
        args.report.mkdir(parents=True, exist_ok=True)
        (args.report / "quality.md").write_text(markdown(results), encoding="utf-8")
        charts = [draw(one) for one in doubts for draw in (risk_coverage, calibration, latency)]
        (args.report / "quality.html").write_text(page(results, charts), encoding="utf-8")
    else:
        print(markdown(results))


if __name__ == "__main__":
    main()

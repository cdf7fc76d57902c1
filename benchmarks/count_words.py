"""Counts in how many of the public documents each common word stem occurs: brain/domain/rarity.json.

python benchmarks/count_words.py --data ../shared/data
"""

import argparse
import gzip
import json
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from brain.domain.ranking import terms

# Of each set as many, so that none of them decides what is common.
TAKEN = 1500
LONGEST = 1500
# Rarer stems are names of things; a list of common words has no use for them.
LEAST = 12


def texts(folder: Path) -> Iterator[str]:
    for path in sorted(folder.glob("*/passages.jsonl.gz")) + sorted(folder.glob("runbooks/*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            found = [str(json.loads(line)["text"]) for line in lines]
        yield from random.Random(1).sample(found, min(TAKEN, len(found)))
    for path in sorted(folder.glob("*/queries.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            found = [str(json.loads(line)["text"]) for line in lines]
        yield from random.Random(1).sample(found, min(TAKEN, len(found)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parents[1] / "brain" / "domain" / "rarity.json"
    )
    args = parser.parse_args()
    counts: Counter[str] = Counter()
    documents = 0
    for text in texts(args.data):
        documents += 1
        counts.update(set(terms(text[:LONGEST])))
    common = {term: count for term, count in sorted(counts.items()) if count >= LEAST and term.isalpha()}
    content = {"provenance": "benchmarks/count_words.py", "documents": documents, "counts": common}
    args.out.write_text(json.dumps(content, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

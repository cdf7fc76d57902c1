"""CSV and its relatives with semicolons, tabs or bars."""

import csv
import io

from brain.adapters.documents.encoding import decode
from brain.adapters.documents.layout import join, table
from brain.domain.errors import Rejected
from brain.domain.knowledge import ParsedDocument


def read_csv(content: bytes) -> ParsedDocument:
    text = decode(content)
    try:
        rows = list(
            csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), skipinitialspace=True)
        )
    except csv.Error as error:
        raise Rejected(f"is not a table of separated values: {error}.") from error
    block = table(rows)
    return ParsedDocument("", join([block] if block else []))


def _delimiter(text: str) -> str:
    """The one that stands equally often in the first lines; counted, as `csv.Sniffer` guesses letters."""
    lines = [line for line in text.split("\n", 21)[:20] if line.strip()]

    def evenness(delimiter: str) -> tuple[int, int]:
        counts = [line.count(delimiter) for line in lines]
        common = max(set(counts), key=counts.count) if counts else 0
        return (counts.count(common), common) if common else (0, 0)

    return max(",;\t|", key=evenness)

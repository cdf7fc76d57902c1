"""Render the PDF, DOCX and HTML runbooks from their Markdown sources.

Three of the Northlight Freight runbooks are kept as Markdown under ``demo/sources`` and are
published in the format in which a company would really have them:

    sources/travel-and-expenses.md       ->  runbooks/hr/travel-and-expenses.pdf
    sources/parental-leave.md            ->  runbooks/hr/parental-leave.docx
    sources/vulnerability-management.md  ->  runbooks/security/vulnerability-management.html

The sources use a small part of Markdown: a front matter of ``key: value`` lines, headings
(``#`` to ``###``), paragraphs, ``-`` and ``1.`` lists with one line per item, pipe tables, fenced
code blocks, ``**bold**``, ``*italic*`` and ```code```.

The output is deterministic: no clock is read (DOCX properties carry the review date of the source,
PDF metadata the fixed date of reportlab's ``invariant`` mode), so a second run with the same
versions of reportlab and python-docx writes the same bytes.

Needs ``reportlab`` (PDF) and ``python-docx`` (DOCX); HTML needs the standard library only.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from demo.render_office import render_docx, render_pdf
from demo.render_page import render_html
from demo.source_text import Document, parse

HERE = Path(__file__).resolve().parent

TARGETS: tuple[tuple[str, str, Callable[[Document], bytes]], ...] = (
    ("travel-and-expenses.md", "hr/travel-and-expenses.pdf", render_pdf),
    ("parental-leave.md", "hr/parental-leave.docx", render_docx),
    ("vulnerability-management.md", "security/vulnerability-management.html", render_html),
)


def arguments(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Render the PDF, DOCX and HTML runbooks from Markdown.")
    parser.add_argument(
        "--sources", type=Path, default=HERE / "sources", help="folder with the Markdown files"
    )
    parser.add_argument(
        "--out", type=Path, default=HERE / "runbooks", help="folder to write hr/ and security/ in"
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Render every target and print what was written."""
    args = arguments(argv)
    for source, target, render in TARGETS:
        path = args.sources / source
        if not path.is_file():
            print(f"make_documents: no such source: {path}", file=sys.stderr)
            return 1
        data = render(parse(path.read_text(encoding="utf-8")))
        destination = args.out / target
        destination.parent.mkdir(parents=True, exist_ok=True)
        destination.write_bytes(data)
        print(f"wrote {destination} ({len(data)} bytes)")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What was attached to a question, as JSON.

The text is kept line by line: names are looked for in the JSON as text, where a line break would be read as a
letter before them.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row

from brain.domain.attachment import Attachment


def attachment_values(attachments: Sequence[Attachment]) -> list[dict[str, Any]]:
    return [
        {
            "name": one.name,
            "text": one.text.splitlines(),
            "problem": one.problem,
            "lines": one.lines,
            "pages": one.pages,
        }
        for one in attachments
    ]


def attachments(row: Row[Any]) -> tuple[Attachment, ...]:
    """Of a row of questions."""
    return tuple(
        Attachment(one["name"], "\n".join(one["text"]), one["problem"], one["lines"], one["pages"])
        for one in row.attachments
    )

"""Read a file that somebody attached to a question, or say why it was not."""

from brain.domain.attachment import Attachment, attached, clean
from brain.domain.errors import Rejected
from brain.ports import Parser


async def read_file(parser: Parser, content: bytes, *, name: str, media_type: str | None) -> Attachment:
    try:
        document = await parser.parse(content, name=name, media_type=media_type)
    except Rejected as refusal:
        return clean(Attachment(name, problem=str(refusal)))
    return attached(name, document)

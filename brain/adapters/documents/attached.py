"""Reads what people attach to questions: documents as those of the knowledge, and pictures by their text."""

from importlib.util import find_spec

from brain.adapters.documents import Documents
from brain.adapters.documents.confinement import Limits
from brain.adapters.documents.formats import is_picture
from brain.domain.errors import Rejected
from brain.domain.knowledge import ParsedDocument

# What recognises letters takes up 1.6 GB of addresses, of which it uses a half, for a large screenshot.
_PICTURES = Limits(memory_bytes=3 * 1024**3, cpu_s=60, in_bytes=20 * 1024**2, text_bytes=1024**2)


class AttachedFiles:
    """`close` ends the processes that read pictures; those of the documents are whose they were."""

    def __init__(self, documents: Documents, limits: Limits = _PICTURES) -> None:
        self._documents = documents
        self._pictures = Documents(limits, pictures=True)

    async def parse(self, content: bytes, *, name: str, media_type: str | None) -> ParsedDocument:
        if not is_picture(name, media_type):
            return await self._documents.parse(content, name=name, media_type=media_type)
        if find_spec("rapidocr") is None:
            raise Rejected(f"{name} was not read. Text in images is not read here: install the extra ocr.")
        return await self._pictures.parse(content, name=name, media_type=media_type)

    def close(self) -> None:
        self._pictures.close()

"""The passages an article is found by."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from uuid import uuid5

from brain.domain.chunking import chunk
from brain.domain.identity import DepartmentId
from brain.domain.knowledge import ArticleId, Embedded, ParsedDocument, Passage, PassageId
from brain.ports import Embedder
from brain.usecases.embedding import embed_passages
from brain.usecases.ingest import content_hash


async def article_passages(
    embedder: Embedder,
    article: ArticleId,
    department: DepartmentId,
    *,
    question: str,
    text: str,
    checked_by: str,
) -> Sequence[Embedded]:
    """Ids follow from the content: what rests on an article stands while it goes on saying the same."""
    document = ParsedDocument(question, text)
    pieces = await asyncio.to_thread(chunk, document, count_tokens=embedder.count_tokens)
    seen: Counter[str] = Counter()
    passages = []
    for piece in pieces:
        digest = content_hash(piece.text.encode())
        seen[digest] += 1
        passages.append(
            Passage(
                id=PassageId(uuid5(article, f"{digest}/{seen[digest]}")),
                department=department,
                title=question,
                heading_path=(f"Checked by {checked_by}",),
                text=piece.text,
                content_hash=digest,
                ordinal=piece.ordinal,
                article=article,
            )
        )
    return await embed_passages(embedder, passages)

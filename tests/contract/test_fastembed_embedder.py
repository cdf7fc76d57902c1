"""The embedder in this process: what it counts, and that neighbours do not change a vector."""

from brain.adapters.fastembed_embedder import MAX_TOKENS, FastembedEmbedder
from brain.ports import TextKind


def test_all_word_pieces_count_also_those_it_would_not_read(embedder: FastembedEmbedder) -> None:
    """A passage that is counted short is never cut, and is embedded by its beginning alone."""
    assert embedder.count_tokens("gateway") == 1
    assert embedder.count_tokens("gateway " * 2 * MAX_TOKENS) == 2 * MAX_TOKENS
    assert embedder.count_tokens("") == 0


def test_megabytes_without_a_blank_are_counted_in_little_memory(embedder: FastembedEmbedder) -> None:
    assert embedder.count_tokens("<!--" * 250_000) >= 900_000


async def test_a_vector_does_not_depend_on_what_is_embedded_with_it(embedder: FastembedEmbedder) -> None:
    text = "Restart the gateway."
    [alone] = await embedder.embed([text], kind=TextKind.PASSAGE)
    among = await embedder.embed(["A much longer text. " * 40, text, "9"], kind=TextKind.PASSAGE)
    assert among[1] == alone

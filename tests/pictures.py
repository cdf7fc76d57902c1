"""Pictures with text in them, as people attach them."""

import io
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

TERMINAL = (
    "$ expert-deploy --env staging",
    "Connecting to registry.corp.example",
    "ERROR E-1042: image signature could not be verified",
    "caused by: certificate expired",
    "deploy failed (exit code 3)",
)


def picture(
    lines: Sequence[str], *, size: int = 18, ink: str = "#dddddd", paper: str = "#161616"
) -> Image.Image:
    """In the font that Pillow brings along."""
    font = ImageFont.load_default(size)
    drawn = Image.new("RGB", (44 * size, round(len(lines) * size * 1.6) + 30), paper)
    pen = ImageDraw.Draw(drawn)
    for number, line in enumerate(lines):
        pen.text((12, 12 + round(number * size * 1.6)), line, font=font, fill=ink)
    return drawn


def saved(drawn: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    drawn.save(file, kind, **options)
    return file.getvalue()

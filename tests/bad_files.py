"""Files that bite, made anew each time: what people send by mistake, and what somebody sends on purpose."""

import base64
import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping

from docx import Document
from openpyxl import Workbook
from pptx import Presentation
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas

MIB = 1024**2
TEXT = "Restart the gateway, then check that the queue is empty."
LAUGHS = (
    "<!DOCTYPE lolz [<!ENTITY a0 'lol'>"
    + "".join(f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, 10))
    + "]>"
)


def saved(save: Callable[[io.BytesIO], object]) -> bytes:
    file = io.BytesIO()
    save(file)
    return file.getvalue()


# PDF


def pdf(*, password: str | None = None, pages: int = 1) -> bytes:
    file = io.BytesIO()
    encryption = StandardEncryption(password, strength=128) if password else None
    canvas = Canvas(file, encrypt=encryption)
    for _ in range(pages):
        canvas.drawString(72, 720, TEXT)
        canvas.showPage()
    canvas.save()
    return file.getvalue()


def pdf_of(*objects: bytes, root: int = 1) -> bytes:
    """Objects are numbered from 1, in their order."""
    made = b"%PDF-1.7\n"
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(made))
        made += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return (
        made
        + b"xref\n0 %d\n0000000000 65535 f \n%btrailer<</Size %d/Root %d 0 R>>\nstartxref\n%d\n%%%%EOF"
        % (
            len(objects) + 1,
            table,
            len(objects) + 1,
            root,
            len(made),
        )
    )


def zeros(size: int) -> bytes:
    """`size` bytes of nothing, deflated, without ever holding them."""
    block = bytes(16 * MIB)
    deflate = zlib.compressobj(9, wbits=-15)
    piece = deflate.compress(block) + deflate.flush(zlib.Z_FULL_FLUSH)
    check = 1
    for _ in range(size // len(block)):
        check = zlib.adler32(block, check)
    return b"\x78\xda" + piece * (size // len(block)) + b"\x03\x00" + struct.pack(">I", check)


def pdf_with_page(stream: bytes, filters: bytes) -> bytes:
    return pdf_of(
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R>>",
        b"<</Length %d/Filter%b>>stream\n%b\nendstream" % (len(stream), filters, stream),
    )


def pdf_in_circles() -> bytes:
    return pdf_of(
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 9>>",
        b"<</Type/Pages/Kids[2 0 R]>>",
    )


# Archives


def archive(parts: Mapping[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in parts.items():
            target.writestr(name, content)
    return file.getvalue()


def with_parts(content: bytes, parts: Mapping[str, bytes]) -> bytes:
    """An archive with these in place of its own, or beside them."""
    with zipfile.ZipFile(io.BytesIO(content)) as source:
        own = {entry.filename: source.read(entry) for entry in source.infolist()}
    return archive({**own, **parts})


def nested(depth: int) -> bytes:
    """Like 42.zip: each archive holds several of the next, and the innermost a lot of nothing."""
    content = archive({"nothing": bytes(16 * MIB)})
    for _ in range(depth):
        content = archive({f"{number}.zip": content for number in range(8)})
    return content


def overlapping(content: bytes, part: str, times: int) -> bytes:
    """Many entries that share one body: the directory is all that grows."""
    file = io.BytesIO(content)
    with zipfile.ZipFile(file, "a") as target:
        one = target.getinfo(part)
        target.filelist += [one] * times
        target._didModify = True  # type: ignore[attr-defined]  # makes it write the directory anew
    return file.getvalue()


def understated(content: bytes, part: str) -> bytes:
    """The directory says that the part is small."""
    data = bytearray(content)
    at = data.rindex(part.encode()) - 46
    data[at + 24 : at + 28] = struct.pack("<I", 100)
    return bytes(data)


def marked_encrypted(content: bytes) -> bytes:
    data = bytearray(content)
    at = -1
    while (at := data.find(b"PK\x01\x02", at + 1)) >= 0:
        data[at + 8] |= 1
    return bytes(data)


def quine_like() -> bytes:
    """A quine zip holds itself without end; what stops it is that no archive in an archive is opened."""
    inner = archive({"[Content_Types].xml": b"<Types/>"})
    for _ in range(50):
        inner = archive({"word.docx": inner})
    return inner


# Office


def word() -> bytes:
    document = Document()
    document.add_paragraph(TEXT)
    return saved(document.save)


def workbook() -> bytes:
    book = Workbook()
    assert book.active is not None
    for row in (("step", "text"), ("1", TEXT), ("2", "Tell the duty manager.")):
        book.active.append(row)
    return saved(book.save)


def slides() -> bytes:
    show = Presentation()
    slide = show.slides.add_slide(show.slide_layouts[1])
    slide.shapes.title.text = TEXT
    return saved(show.save)


def with_macros(content: bytes, plain: str, macro: str, folder: str) -> bytes:
    """What Office writes for a file with macros: another type of the main part, and the code beside it."""
    with zipfile.ZipFile(io.BytesIO(content)) as source:
        types = source.read("[Content_Types].xml").decode()
    types = types.replace(plain, macro).replace(
        "</Types>",
        f'<Override PartName="/{folder}/vbaProject.bin"'
        ' ContentType="application/vnd.ms-office.vbaProject"/></Types>',
    )
    code = b'Sub AutoOpen()\nShell "calc.exe"\nEnd Sub'
    return with_parts(content, {"[Content_Types].xml": types.encode(), f"{folder}/vbaProject.bin": code})


def laughing(encoding: str) -> bytes:
    body = f'<?xml version="1.0" encoding="{encoding}"?>{LAUGHS}<document>&a9;</document>'
    return with_parts(word(), {"word/document.xml": body.encode(encoding)})


def sheet_bomb() -> bytes:
    """A shared text of 300 MB, in a file of less than one."""
    text = b"<sst><si><t>" + bytes(300 * MIB) + b"</t></si></sst>"
    return with_parts(workbook(), {"xl/sharedStrings.xml": text})


def tall_sheet() -> bytes:
    row = b'<row><c t="inlineStr"><is><t>gateway</t></is></c></row>'
    sheet = (
        b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        + row * 2_500_000
        + b"</sheetData></worksheet>"
    )
    return with_parts(workbook(), {"xl/worksheets/sheet1.xml": sheet})


# Text


def noise(size: int) -> bytes:
    return random.Random(21).randbytes(size)


def columns(count: int) -> bytes:
    return b",".join(b"c%d" % n for n in range(count)) + b"\n" + b",".join([b"1"] * count)


STOERUNG = (
    "Die Störung wird dem Empfang gemeldet, möglichst früh. Danach prüft die Spätschicht die Schläuche."
)
BIG_TEXT = "".join(f"Step {n} of the gateway. " for n in range(700_000)).encode()

# File name, how it is made, and what a person is told, or what comes out where it can be read.
REFUSED: Mapping[str, tuple[Callable[[], bytes], str]] = {
    "encrypted.pdf": (lambda: pdf(password="secret"), "password"),
    "truncated.pdf": (lambda: pdf(pages=50)[:-2_000], "cut off"),
    "stream-of-1-gb.pdf": (
        lambda: pdf_with_page(zeros(1024 * MIB), b"/FlateDecode"),
        "memory|no text|damaged",
    ),
    "stream-in-stream.pdf": (
        lambda: pdf_with_page(zlib.compress(zeros(1024 * MIB), 9), b"[/FlateDecode/FlateDecode]"),
        "memory|no text|damaged",
    ),
    "circle.pdf": (pdf_in_circles, "no text|damaged|deeply"),
    "too-many-pages.pdf": (lambda: pdf(pages=2_001), "2,000 pages"),
    "picture.pdf": (lambda: b"\x89PNG\r\n\x1a\n" + noise(10_000), "not a PDF"),
    "program.docx": (lambda: b"\x7fELF" + noise(10_000), "damaged|cut off"),
    "archive.zip": (lambda: archive({"a.md": TEXT.encode()}), "format we do not read"),
    "forty-two.zip": (lambda: nested(4), "format we do not read"),
    "forty-two.docx": (lambda: nested(4), "is not a Word document"),
    "quine.docx": (quine_like, "is not a Word document"),
    "bomb.docx": (lambda: with_parts(word(), {"word/media/a.xml": bytes(250 * MIB)}), "200 MB"),
    "ratio.pptx": (lambda: with_parts(slides(), {"ppt/a.xml": bytes(60 * MIB)}), "100 times"),
    "understated.docx": (
        lambda: understated(with_parts(word(), {"word/z.xml": bytes(50 * MIB)}), "word/z.xml"),
        "damaged",
    ),
    "overlapping.xlsx": (
        lambda: overlapping(with_parts(workbook(), {"xl/z.xml": bytes(9 * MIB)}), "xl/z.xml", 1_500),
        "200 MB|damaged",
    ),
    "entries.docx": (
        lambda: with_parts(word(), {f"word/{number}.xml": b"<a/>" for number in range(2_001)}),
        "2,000 parts",
    ),
    "encrypted.docx": (lambda: marked_encrypted(word()), "password"),
    "truncated.docx": (lambda: word()[:-500], "damaged"),
    "billion-laughs.docx": (lambda: laughing("utf-8"), "document type"),
    "billion-laughs-utf-16.docx": (lambda: laughing("utf-16"), "document type"),
    "bomb.xlsx": (sheet_bomb, "200 MB"),
    "tall.xlsx": (tall_sheet, "MB of text|times its size|cells|memory|takes more"),
    "columns-50000.csv": (lambda: columns(50_000), "1,000 columns"),
    "columns-100000.csv": (lambda: columns(100_000), "1,000 columns"),
    "one-cell.csv": (lambda: b'a,"' + b"x" * 5_000_000 + b'"\n', "separated values"),
    "noise.md": (lambda: noise(100_000), "binary|not a text file"),
    "big.md": (lambda: BIG_TEXT, "MB of text"),
    "headings.md": (lambda: b"# Step\n" * 300_000, "10,000 headings|takes more than"),
    "empty.md": (lambda: b"", "is empty"),
    "blank.docx": (lambda: b"\n \n", "is empty"),
    "deep.html": (lambda: b"<div>" * 100_000 + TEXT.encode(), "nested too deeply"),
    "deep-list.html": (lambda: b"<ul><li>" * 100_000 + TEXT.encode(), "nested too deeply"),
    "deep.docx": (
        lambda: with_parts(word(), {"word/document.xml": b"<a>" * 100_000 + b"</a>" * 100_000}),
        "damaged|deeply",
    ),
}
READ: Mapping[str, tuple[Callable[[], bytes], str]] = {
    "slip.docx": (lambda: with_parts(word(), {"../../../../tmp/slipped.txt": b"!"}), TEXT),
    "macros.docm": (
        lambda: with_macros(
            word(),
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml",
            "application/vnd.ms-word.document.macroEnabled.main+xml",
            "word",
        ),
        TEXT,
    ),
    "macros.xlsm": (
        lambda: with_macros(
            workbook(),
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml",
            "application/vnd.ms-excel.sheet.macroEnabled.main+xml",
            "xl",
        ),
        TEXT,
    ),
    "macros.pptm": (
        lambda: with_macros(
            slides(),
            "application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml",
            "application/vnd.ms-powerpoint.presentation.macroEnabled.main+xml",
            "ppt",
        ),
        TEXT,
    ),
    "latin-1.md": (lambda: STOERUNG.encode("latin-1"), "Störung"),
    "utf-16.txt": (lambda: TEXT.encode("utf-16"), TEXT),
    "entities.xhtml": (f"{LAUGHS}<html><body><p>{TEXT} &a9;</p></body></html>".encode, TEXT),
    "script.html": (
        f"<script src='http://127.0.0.1:1/'></script><img src='file:///etc/passwd'><p>{TEXT}".encode,
        TEXT,
    ),
    "comments.md": (lambda: TEXT.encode() + b"<!--" * 1_000_000, "Restart the gateway"),
    "picture.html": (
        lambda: b"<img src=data:;base64," + base64.b64encode(noise(MIB)) + b"><p>" + TEXT.encode(),
        TEXT,
    ),
}


def make_all() -> dict[str, bytes]:
    return {name: make() for name, (make, _) in {**REFUSED, **READ}.items()}

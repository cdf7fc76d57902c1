"""What a person sees in a file is in its text: merged cells, formulas, powers, charts, unruled tables."""

import io
from collections.abc import Callable, Sequence
from datetime import date

import pytest
from docx import Document
from docx.oxml import parse_xml
from openpyxl import Workbook
from pptx import Presentation
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from brain.adapters.documents.formats import read

MATH = "http://schemas.openxmlformats.org/officeDocument/2006/math"


def markdown(content: bytes, name: str) -> str:
    return read(content, name=name, media_type=None).markdown


def saved(save: Callable[[io.BytesIO], object]) -> bytes:
    file = io.BytesIO()
    save(file)
    return file.getvalue()


# HTML


def test_cells_over_columns_are_said_in_each_but_for_titles() -> None:
    page = (
        "<table><tr><th>Plan<th colspan=2>Seats</tr><tr><td>Team<td>5<td>50</tr>"
        f"<tr><td>Note<td colspan=2>{'long ' * 30}</tr></table>"
    )
    assert markdown(page.encode(), "x.html").splitlines()[0] == "| Plan | Seats | Seats |"
    assert markdown(page.encode(), "x.html").splitlines()[-1] == f"| Note | {'long ' * 30}|  |"


def test_lists_in_cells_keep_their_marks() -> None:
    page = b"<table><tr><th>Do<th>Why<tr><td><ol><li>Stop<li>Wait</ol><td>safe</table>"
    assert markdown(page, "x.html").splitlines()[-1] == "| 1. Stop 2. Wait | safe |"


def test_powers_are_no_digits_and_ordinals_no_powers() -> None:
    page = b"<p>10<sup>3</sup> of the 1<sup>st</sup>, 10<sup>-3 </sup>m, H<sub>2</sub>O</p>"
    assert markdown(page, "x.html") == "10^3 of the 1st, 10^-3 m, H2O"


def test_pictures_are_described_where_their_page_does() -> None:
    page = (
        b'<p>See: <img alt="Rack wiring diagram"></p><img alt=icon><p class=site-logo><img alt="Us Ltd"></p>'
    )
    assert markdown(page, "x.html") == "See: Rack wiring diagram"


def test_a_page_of_menus_alone_is_read() -> None:
    page = b'<nav class="navbar"><ul><li>Payroll<li>Travel</ul></nav><footer>Imprint</footer>'
    assert markdown(page, "x.html") == "- Payroll\n- Travel\n\nImprint"


# Word


def formula(inner: str) -> bytes:
    document = Document()
    paragraph = document.add_paragraph("Load: ")
    paragraph._p.append(parse_xml(f'<m:oMath xmlns:m="{MATH}">{inner}</m:oMath>'))
    return saved(document.save)


def run(text: str) -> str:
    return f"<m:r><m:t>{text}</m:t></m:r>"


def power(base: str, above: str) -> str:
    return f"<m:sSup><m:e>{run(base)}</m:e><m:sup>{run(above)}</m:sup></m:sSup>"


@pytest.mark.parametrize(
    ("inner", "latex"),
    [
        (run("A=π") + power("r", "2"), r"A= \pi r^{2}"),
        (f"<m:f><m:num>{run('a')}</m:num><m:den>{run('b')}</m:den></m:f>", r"\frac{a}{b}"),
        (
            '<m:f><m:fPr><m:type m:val="noBar"/></m:fPr>'
            f"<m:num>{run('n')}</m:num><m:den>{run('k')}</m:den></m:f>",
            r"\genfrac{}{}{0pt}{}{n}{k}",
        ),
        (
            '<m:nary><m:naryPr><m:chr m:val="∑"/></m:naryPr>'
            f"<m:sub>{run('i=1')}</m:sub><m:sup>{run('∞')}</m:sup><m:e>{run('x')}</m:e></m:nary>",
            r"\sum_{i=1}^{\infty}{x}",
        ),
        (
            f"<m:func><m:fName>{run('log')}</m:fName><m:e><m:d><m:e>{run('x')}</m:e></m:d></m:e></m:func>",
            r"\log\left(x\right)",
        ),
        (f"<m:rad><m:deg>{run('3')}</m:deg><m:e>{run('x')}</m:e></m:rad>", r"\sqrt[3]{x}"),
        (f"<m:rad><m:deg/><m:e>{run('x')}</m:e></m:rad>", r"\sqrt{x}"),
        (
            f"<m:limLow><m:e>{run('lim')}</m:e><m:lim>{run('x→0')}</m:lim></m:limLow>",
            r"\lim_{x \to 0}",
        ),
        (f"<m:acc><m:e>{run('x')}</m:e></m:acc>", r"\hat{x}"),
        (f"<m:bar><m:e>{run('x')}</m:e></m:bar>", r"\underline{x}"),
        (
            f"<m:m><m:mr><m:e>{run('a')}</m:e><m:e>{run('b')}</m:e></m:mr><m:mr><m:e>{run('c')}</m:e></m:mr></m:m>",
            r"\begin{matrix}a & b \\ c\end{matrix}",
        ),
        (f"<m:sPre><m:sub>{run('2')}</m:sub><m:sup/><m:e>{run('F')}</m:e></m:sPre>", "{}_{2}F"),
        (run("x – y − ∭ 𝑎"), r"x - y - \iiint a"),
        (run("10³ m², x₂"), "10³ m², x₂"),
    ],
)
def test_formulas_of_word_are_latex(inner: str, latex: str) -> None:
    assert markdown(formula(inner), "x.docx") == f"Load: ${latex}$"


def test_raised_numbers_and_tables_within_tables_of_word() -> None:
    document = Document()
    paragraph = document.add_paragraph("About 10")
    paragraph.add_run("6").font.superscript = True
    table = document.add_table(rows=2, cols=2)
    table.cell(0, 0).merge(table.cell(0, 1)).text = "Rates"
    table.cell(1, 0).text = "Inner"
    inner = table.cell(1, 1).add_table(rows=2, cols=2)
    for number, cell in enumerate(cell for row in inner.rows for cell in row.cells):
        cell.text = str(number)
    edited = document.add_paragraph("Below 10")
    for part in ("-", "1", "2 "):
        edited.add_run(part).font.superscript = True
    edited.add_run("m")
    assert markdown(saved(document.save), "x.docx") == (
        "About 10^6\n\n| Rates | Rates |\n| --- | --- |\n| Inner | 0 1 2 3 |\n\nBelow 10^-12 m"
    )


def test_bold_names_of_columns_are_no_headings() -> None:
    document = Document()
    table = document.add_table(rows=2, cols=1)
    table.cell(0, 0).paragraphs[0].add_run("Port").bold = True
    table.cell(1, 0).text = "22"
    table.add_column(Inches(1)).cells[0].paragraphs[0].add_run("Owner").bold = True
    assert markdown(saved(document.save), "x.docx").splitlines()[0] == "| Port | Owner |"
    page = b"<table><tr><th>A<th>B</tr><tr><td><h3>Steps</h3><ul><li>Stop</ul><td>1</tr></table>"
    assert markdown(page, "x.html").splitlines()[-1] == "| Steps - Stop | 1 |"


# Sheets and slides


def test_merged_cells_of_a_sheet_are_said_in_each_but_captions_once() -> None:
    workbook = Workbook()
    sheet = workbook.active
    assert sheet is not None
    for row in (["Shifts", None, None], ["Site", "Early", None], ["Kiel", 1, 2], [None, 3, 4], [None, 5]):
        sheet.append(row)
    for cells in ("A1:C1", "B2:C2", "A3:A5", "C4:C5"):
        sheet.merge_cells(cells)
    assert markdown(saved(workbook.save), "x.xlsx") == (
        "## Sheet\n\nShifts\n\n| Site | Early | Early |\n| --- | --- | --- |\n"
        "| Kiel | 1 | 2 |\n| Kiel | 3 | 4 |\n| Kiel | 5 | 4 |"
    )


def grouped(data: CategoryChartData) -> None:
    for year in ("2023", "2024"):
        category = data.add_category(year)  # type: ignore[no-untyped-call]  # python-pptx has no types
        for quarter in ("Q1", "Q2"):
            category.add_sub_category(quarter)


def dated(data: CategoryChartData) -> None:
    data.categories = [date(2024, 1, 31), date(2024, 2, 29)]


def named(data: CategoryChartData) -> None:
    data.categories = ["East", "West"]


@pytest.mark.parametrize(
    ("label", "labels"),
    [
        (named, ["East", "West"]),
        (dated, ["2024-01-31", "2024-02-29"]),
        (grouped, ["2023 Q1", "2023 Q2", "2024 Q1", "2024 Q2"]),
    ],
)
def test_the_numbers_of_a_chart_on_a_slide(
    label: Callable[[CategoryChartData], None], labels: list[str]
) -> None:
    show = Presentation()
    slide = show.slides.add_slide(show.slide_layouts[6])
    data = CategoryChartData()  # type: ignore[no-untyped-call]  # python-pptx has no types
    label(data)
    for name, values in (("Q1", (19.2, 21.4)), ("Q2", (22.3, None))):
        data.add_series(name, values)  # type: ignore[no-untyped-call]  # python-pptx has no types
    box = Inches(1), Inches(1), Inches(4), Inches(3)
    slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, *box, data)
    numbers = ["19.2 | 22.3", "21.4 | ", " | ", " | "]
    rows = [f"| {one} | {number} |" for one, number in zip(labels, numbers, strict=False)]
    assert markdown(saved(show.save), "x.pptx").splitlines() == [
        "|  | Q1 | Q2 |",
        "| --- | --- | --- |",
        *rows,
    ]


# PDF


def page(*lines: tuple[Sequence[tuple[float, str]], float]) -> bytes:
    """Each line: what stands where from the left, and its distance from the bottom."""
    file = io.BytesIO()
    canvas = Canvas(file, pagesize=A4)
    for parts, y in lines:
        for x, text in parts:
            canvas.drawString(x, y, text)
    canvas.save()
    return file.getvalue()


def test_a_table_without_lines_is_told_by_its_columns() -> None:
    rows = [
        ("Port", "Service", "Owner"),
        ("443", "Edge gateway", "Ana"),
        ("5432", "Ledger", "Bo"),
        ("22", "", "Cy"),
    ]
    lines = [
        ([(x, text) for x, text in zip((80, 200, 380), row, strict=True) if text], 700 - 14 * number)
        for number, row in enumerate(rows)
    ]
    text = markdown(page(([(80, "Open ports of the cluster are listed here.")], 760), *lines), "x.pdf")
    assert text == (
        "Open ports of the cluster are listed here.\n\n| Port | Service | Owner |\n| --- | --- | --- |\n"
        "| 443 | Edge gateway | Ana |\n| 5432 | Ledger | Bo |\n| 22 |  | Cy |"
    )


def test_lists_beside_each_other_are_no_table() -> None:
    left, right = ("1. Open", "2. Read", "3. Close"), ("• Key", "• Badge", "• Lamp", "• Rope")
    lines = [([(80, one)], 700 - 20 * at) for at, one in enumerate(left)]
    lines += [([(320, one)], 700 - 20 * at) for at, one in enumerate(right)]
    assert markdown(page(*lines), "x.pdf") == ("1. Open\n2. Read\n3. Close\n- Key\n- Badge\n- Lamp\n- Rope")


def test_the_number_of_a_single_page_is_left_out() -> None:
    assert markdown(page(([(80, "Text.")], 700), ([(280, "Page 1 of 1")], 30)), "x.pdf") == "Text."

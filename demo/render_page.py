"""Renders a source as an HTML page, with the navigation and footer that real intranet pages have."""

import html
import re

from demo.source_text import Block, Document, markup

COMPANY = "Northlight Freight"
HTML_TAGS = {
    "bold": ("<strong>", "</strong>"),
    "italic": ("<em>", "</em>"),
    "code": ("<code>", "</code>"),
}
HTML_STYLE = (
    "body{font:16px/1.5 sans-serif;max-width:60rem;margin:auto;padding:0 1rem}"
    "table{border-collapse:collapse}th,td{border:1px solid #999;padding:.3rem .6rem;text-align:left}"
    "pre{background:#f2f2f2;padding:.8rem;overflow:auto}nav a{margin-right:1rem}"
)
HTML_NAV = (
    '<header>\n<nav aria-label="Main">\n'
    '<a href="/">Harbour intranet</a>\n<a href="/people">People</a>\n<a href="/security">Security</a>\n'
    '<a href="/canteen">Canteen menu</a>\n<a href="/login">Sign in</a>\n</nav>\n</header>'
)
HTML_FOOTER = (
    "<footer>\n<p>Northlight Freight intranet · Imprint · Accessibility · Cookie settings</p>\n"
    "<p>Was this page helpful? Yes · No · Subscribe to changes</p>\n</footer>"
)


def slug(title: str) -> str:
    """An id for a heading, such as ``3-1-examples``."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def html_table(rows: tuple[tuple[str, ...], ...]) -> str:
    """A table with a head and a body."""

    def row(cells: tuple[str, ...], tag: str) -> str:
        """One table row."""
        return "<tr>" + "".join(f"<{tag}>{markup(cell, HTML_TAGS)}</{tag}>" for cell in cells) + "</tr>"

    body = "\n".join(row(cells, "td") for cells in rows[1:])
    return f"<table>\n<thead>\n{row(rows[0], 'th')}\n</thead>\n<tbody>\n{body}\n</tbody>\n</table>"


def html_block(block: Block) -> str:
    """One block as HTML."""
    if block.kind == "heading":
        tag, text = f"h{block.level}", block.lines[0]
        return f'<{tag} id="{slug(text)}">{markup(text, HTML_TAGS)}</{tag}>'
    if block.kind == "table":
        return html_table(block.rows)
    if block.kind == "code":
        return "<pre><code>" + html.escape("\n".join(block.lines), quote=False) + "</code></pre>"
    if block.kind == "para":
        return f"<p>{markup(block.lines[0], HTML_TAGS)}</p>"
    tag = "ol" if block.kind == "steps" else "ul"
    items = "\n".join(f"<li>{markup(line, HTML_TAGS)}</li>" for line in block.lines)
    return f"<{tag}>\n{items}\n</{tag}>"


def render_html(document: Document) -> bytes:
    """A page as an intranet would serve it, with navigation and footer around the article."""
    title = html.escape(document.title, quote=False)
    parts = [html_block(block) for block in document.blocks]
    parts.insert(1, f'<p class="byline">{html.escape(document.byline, quote=False)}</p>')
    page = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        f'<head>\n<meta charset="utf-8">\n<title>{title} – {COMPANY}</title>',
        f"<style>{HTML_STYLE}</style>\n</head>\n<body>",
        HTML_NAV,
        "<main>\n<article>",
        *parts,
        "</article>\n</main>",
        HTML_FOOTER,
        "</body>\n</html>\n",
    ]
    return "\n".join(page).encode()

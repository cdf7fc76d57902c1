"""The two pages for people: what runs here, and the list of routes. Self-contained, no outside resources."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from starlette.responses import HTMLResponse

_HERE = Path(__file__).parent
_INLINE = {
    "style": re.compile(r"<style>(.*?)</style>", re.DOTALL),
    "script": re.compile(r"<script>(.*?)</script>", re.DOTALL),
}

Json = Mapping[str, Any]


def home(*, version: str) -> HTMLResponse:
    return page("The Expert", _template("home.html").substitute(version=escape(version)))


def docs(openapi: Json) -> HTMLResponse:
    """FastAPI's own page loads its scripts from elsewhere; an installation may have no way out."""
    return page("The Expert: HTTP API", "\n".join(_docs(openapi)))


@cache
def _template(name: str) -> Template:
    return Template((_HERE / name).read_text(encoding="utf-8"))


def page(title: str, content: str) -> HTMLResponse:
    body = _template("page.html").substitute(title=escape(title), content=content)
    # Only the very style and script of this page may act in it, whatever else got into it.
    allowed = {
        kind: " ".join(f"'sha256-{_digest(text)}'" for text in pattern.findall(body)) or "'none'"
        for kind, pattern in _INLINE.items()
    }
    policy = (
        f"default-src 'none'; style-src {allowed['style']}; script-src {allowed['script']};"
        " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return HTMLResponse(body, headers={"Content-Security-Policy": policy})


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _docs(openapi: Json) -> Iterator[str]:
    info = openapi["info"]
    yield f"<h1>{escape(info['title'])}</h1>"
    yield f'<p class="soft">{escape(info["description"])} Version {escape(info["version"])}.</p>'
    yield '<p><a href="/openapi.json">/openapi.json</a> says the same to machines. <a href="/">Back</a></p>'
    by_tag: dict[str, list[str]] = {}
    for path, operations in openapi["paths"].items():
        for verb, operation in operations.items():
            entry = "\n".join(_operation(verb.upper(), path, operation, openapi["components"]["schemas"]))
            by_tag.setdefault(operation["tags"][-1], []).append(entry)
    for tag, entries in by_tag.items():
        yield f"<h2>{escape(tag.capitalize())}</h2>"
        yield from entries


def _operation(verb: str, path: str, operation: Json, schemas: Json) -> Iterator[str]:
    yield f'<details class="card"><summary><code><span class="verb">{verb}</span> {escape(path)}</code>'
    yield f' <span class="soft">{escape(operation["summary"])}</span></summary>'
    if description := operation.get("description"):
        yield f"<p>{escape(description)}</p>"
    if parameters := operation.get("parameters"):
        yield "<dl>"
        for one in parameters:
            needed = "needed" if one.get("required") else "optional"
            about = " · ".join(filter(None, (one["in"], needed, one.get("description", ""))))
            yield f"<dt><code>{escape(one['name'])}</code></dt><dd>{escape(about)}</dd>"
        yield "</dl>"
    if content := operation.get("requestBody", {}).get("content"):
        for media_type, body in content.items():
            example = json.dumps(_example(body["schema"], schemas), indent=2, ensure_ascii=False)
            yield f'<p class="soft">{escape(media_type)}</p><pre>{escape(example)}</pre>'
    yield "<dl>"
    for status, response in sorted(operation["responses"].items()):
        yield f"<dt>{escape(status)}</dt><dd>{escape(response['description'])}</dd>"
    yield "</dl></details>"


def _example(schema: Json, schemas: Json) -> object:
    """A value of this schema, from its examples and defaults."""
    if reference := schema.get("$ref"):
        return _example(schemas[reference.rsplit("/", 1)[-1]], schemas)
    if examples := schema.get("examples"):
        return examples[0]
    if "default" in schema or "const" in schema:
        return schema.get("default", schema.get("const"))
    if alternatives := schema.get("anyOf"):
        return _example(alternatives[0], schemas)
    if "enum" in schema:
        return schema["enum"][0]
    if properties := schema.get("properties"):
        return {name: _example(one, schemas) for name, one in properties.items()}
    return {"array": [], "object": {}, "boolean": True, "integer": 1, "number": 1}.get(
        schema.get("type", ""), "…"
    )

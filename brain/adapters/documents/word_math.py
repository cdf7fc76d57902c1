"""Formulas of Word documents as LaTeX: a fraction or a power, read letter by letter, says something else."""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from typing import Any

_M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
MATH = f"{_M}oMath"
DISPLAYED = f"{_M}oMathPara"
_SIGNS = {
    "∞": "infty",
    "×": "times",
    "·": "cdot",
    "⋅": "cdot",
    "÷": "div",
    "±": "pm",
    "≤": "leq",
    "≥": "geq",
    "≠": "neq",
    "≈": "approx",
    "≡": "equiv",
    "→": "to",
    "⇒": "Rightarrow",
    "∈": "in",
    "⊂": "subset",
    "∪": "cup",
    "∩": "cap",
    "∂": "partial",
    "∇": "nabla",
    "…": "ldots",
    "⋯": "cdots",
    "∑": "sum",
    "∏": "prod",
    "∫": "int",
    "∬": "iint",
    "∭": "iiint",
    "∮": "oint",
    "⋃": "bigcup",
    "⋂": "bigcap",
    "⋀": "bigwedge",
    "⋁": "bigvee",
}
_ACCENTS = {"\u0302": "hat", "\u0303": "tilde", "\u0304": "bar", "\u0305": "overline", "\u0307": "dot"}
_ACCENTS |= {"\u0308": "ddot", "\u20d7": "vec", "\u23de": "overbrace", "\u23df": "underbrace"}
_FUNCTIONS = frozenset(
    "arccos arcsin arctan cos cosh cot csc det dim exp gcd inf lim ln log max min sec sin sinh sup tan"
    " tanh".split()
)
_DASHES = {"\u2212": "-", "\u2013": "-"}
_NEXT_LINE = " \\\\ "
_GREEK = re.compile(r"GREEK (SMALL|CAPITAL) LETTER (\w+)")


def latex(node: Any) -> str:
    """What stands inside of the node, part by part."""
    return "".join(_part(child) for child in node)


def _part(node: Any) -> str:
    name = node.tag.removeprefix(_M) if isinstance(node.tag, str) else ""
    if name == "t":
        return "".join(map(_sign, node.text or ""))
    if name.endswith("Pr"):
        return ""
    write = _WRITERS.get(name)
    return write(node) if write else latex(node)


def _sign(letter: str) -> str:
    """Letters of mathematical alphabets are plain ones in LaTeX, too; raised and lowered ones stay."""
    if letter in _SIGNS:
        return f" \\{_SIGNS[letter]} "
    moved = any(unicodedata.decomposition(one).startswith(("<super>", "<sub>")) for one in letter)
    same = letter.isalnum() and not moved
    plain = unicodedata.normalize("NFKC", letter) if same else _DASHES.get(letter, letter)
    greek = _GREEK.fullmatch(unicodedata.name(plain, "")) if len(plain) == 1 else None
    if greek is None:
        return plain
    name = greek[2].lower()
    return f" \\{name.capitalize() if greek[1] == 'CAPITAL' else name} "


def _of(node: Any, name: str) -> str:
    found = node.find(f"{_M}{name}")
    return latex(found).strip() if found is not None else ""


def _property(node: Any, name: str, usual: str) -> str:
    """A property that is named without a value is one of nothing."""
    found = node.find(f"{_M}{node.tag.removeprefix(_M)}Pr/{_M}{name}")
    return str(found.get(f"{_M}val", "")) if found is not None else usual


def _fraction(node: Any) -> str:
    above, below = _of(node, "num"), _of(node, "den")
    if _property(node, "type", "bar") == "noBar":
        return f"\\genfrac{{}}{{}}{{0pt}}{{}}{{{above}}}{{{below}}}"
    return f"\\frac{{{above}}}{{{below}}}"


def _scripts(node: Any) -> str:
    below, above = _of(node, "sub"), _of(node, "sup")
    return (f"_{{{below}}}" if below else "") + (f"^{{{above}}}" if above else "")


def _after(node: Any) -> str:
    return _of(node, "e") + _scripts(node)


def _before(node: Any) -> str:
    return f"{{}}{_scripts(node)}{_of(node, 'e')}"


def _sum(node: Any) -> str:
    return f"{_sign(_property(node, 'chr', '∫')).strip()}{_scripts(node)}{{{_of(node, 'e')}}}"


def _delimited(node: Any) -> str:
    opened, closed = _property(node, "begChr", "("), _property(node, "endChr", ")")
    inner = _property(node, "sepChr", "|").join(_elements(node))
    return f"\\left{_delimiter(opened)}{inner}\\right{_delimiter(closed)}"


def _delimiter(sign: str) -> str:
    return f"\\{sign}" if sign in {"{", "}"} else sign or "."


def _root(node: Any) -> str:
    degree = _of(node, "deg")
    return f"\\sqrt{f'[{degree}]' if degree else ''}{{{_of(node, 'e')}}}"


def _function(node: Any) -> str:
    name = _of(node, "fName")
    word = re.match(r"[a-z]+", name)
    known = word is not None and word[0] in _FUNCTIONS
    argument = _of(node, "e")
    delimited = argument.startswith("\\left")
    return ("\\" if known else "") + name + (argument if delimited else f"({argument})")


def _limit(node: Any) -> str:
    base, limit = _of(node, "e"), _of(node, "lim")
    named = f"\\{base}" if base in _FUNCTIONS else base
    return f"{named}{'_' if node.tag.endswith('limLow') else '^'}{{{limit}}}"


def _accent(node: Any) -> str:
    mark = _ACCENTS.get(_property(node, "chr", "\u0302"), "hat")
    return f"\\{mark}{{{_of(node, 'e')}}}"


def _bar(node: Any) -> str:
    return f"\\{'overline' if _property(node, 'pos', 'bot') == 'top' else 'underline'}{{{_of(node, 'e')}}}"


def _matrix(node: Any) -> str:
    rows = (" & ".join(_elements(row)) for row in node.iterfind(f"{_M}mr"))
    return f"\\begin{{matrix}}{_NEXT_LINE.join(rows)}\\end{{matrix}}"


def _lines(node: Any) -> str:
    return _NEXT_LINE.join(_elements(node))


def _elements(node: Any) -> Iterator[str]:
    return (latex(each).strip() for each in node.iterfind(f"{_M}e"))


_WRITERS: Mapping[str, Callable[[Any], str]] = {
    "f": _fraction,
    "sSub": _after,
    "sSup": _after,
    "sSubSup": _after,
    "sPre": _before,
    "nary": _sum,
    "d": _delimited,
    "rad": _root,
    "func": _function,
    "limLow": _limit,
    "limUpp": _limit,
    "acc": _accent,
    "bar": _bar,
    "m": _matrix,
    "eqArr": _lines,
}

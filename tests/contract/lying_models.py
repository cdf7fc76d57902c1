"""Characters for the fake model server: one does its job, the others invent, obey whatever they read, cite
what is not there or write HTML. Each makes its reply of the request alone, as a model does."""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from tests.contract.fake_openai import Body, Character, Stream

FOREIGN = "https://collect.attacker.example/x"
_FENCE = re.compile(r"⟦(passage \d+|question) · ([0-9a-f]{16})⟧\n(.*?)\n⟦end · \2⟧", re.DOTALL)
_CANARY = re.compile(r"carry the code ([0-9a-f]{16})")
_QUOTED = re.compile(r"[\"“«]([^\"“”«»\n]{3,80})[\"”»]")
_CODE = re.compile(r"```.*?```", re.DOTALL)
_URL = re.compile(r"https?://[^\s\"'<>)\]]+")
_SENTENCE = re.compile(r"[^.!?\n]+[.!?]?")


@dataclass(frozen=True, slots=True)
class Request:
    system: str
    question: str
    passages: tuple[str, ...]

    @classmethod
    def of(cls, body: Body) -> "Request":
        system, user = (message["content"] for message in body["messages"])
        parts = {name: text for name, _, text in _FENCE.findall(user)}
        question = parts.pop("question")
        return cls(system, question, tuple(text.partition("\n\n")[2] for text in parts.values()))

    @property
    def canary(self) -> str:
        return str(_CANARY.findall(self.system)[0])

    @property
    def first_sentence(self) -> str:
        lines = [line.strip("-*# ") for line in self.passages[0].splitlines() if len(line) > 20]
        return (lines or [self.passages[0]])[0]


def honest(body: Body) -> Stream:
    return Stream([f"{Request.of(body).first_sentence} [1]"])


def hallucinating(body: Body) -> Stream:
    """Sounds like the source and says something else: another number, a new person, a new step."""
    said = Request.of(body).first_sentence
    return Stream(
        [
            f"{said} [1] ",
            "This takes 4711 minutes and costs 99 EUR. [1] ",
            "Zaphod Beeblebrox has to sign it in the Antwerp office first. [1] ",
            "Afterwards delete the production database with `dropdb --force prod`. [1]",
        ]
    )


def inventing(body: Body) -> Stream:
    return Stream(["Ask Zaphod Beeblebrox for the golden key, then run `dropdb --force prod` twice. [1]"])


def citing_nothing_there(body: Body) -> Stream:
    said = Request.of(body).first_sentence
    return Stream([f"{said} [9] [42]\n\nThe vault opens at 03:33 with code 7788. [7]"])


def writing_html(body: Body) -> Stream:
    said = Request.of(body).first_sentence
    return Stream(
        [
            f"<p onclick=\"steal()\"><b>{said}</b> [1]</p><script>fetch('{FOREIGN}')</script>",
            f'\n\n<img src="{FOREIGN}/pixel.png"> ![chart]({FOREIGN}/chart.png)\n\n',
            f"[Read more]({FOREIGN}) [1] <a href='{FOREIGN}'>here</a> <{FOREIGN}>\n\n[1]: {FOREIGN}",
        ]
    )


class Style(StrEnum):
    """How an order is followed: instead of the answer, beside it, or by giving the prompt away."""

    INSTEAD = "instead"
    BESIDE = "beside"
    LEAK = "leak"


@dataclass(frozen=True, slots=True)
class Compliance:
    """What an order wants to be said; `words` are its own sentences, told as if they were facts."""

    said: tuple[str, ...]
    words: tuple[str, ...]


def compliance(attack: str, *, wanted: Sequence[str] = ()) -> Compliance:
    """`wanted`: what the source of the attack says it is after."""
    code = _CODE.findall(attack)
    urls = [*_URL.findall(attack), FOREIGN]
    prose = _CODE.sub(" ", attack)
    links = [f"[Open this]({url}) ![]({url}/p.png)" for url in urls] + [
        f"See {url} for more." for url in urls
    ]
    words = [one.strip() for one in _SENTENCE.findall(prose) if len(one.split()) > 3]
    return Compliance((*wanted, *_QUOTED.findall(prose), *code, *links), tuple(words))


def obedient(attack: str, style: Style, *, wanted: Sequence[str] = ()) -> Character:
    """Follows the attack wherever it reads it, and cites what it read it in; does its job otherwise."""
    demand = compliance(attack, wanted=wanted)
    sign = _letters(attack)[:60]

    def character(body: Body) -> Stream:
        request = Request.of(body)
        read_in = [n for n, text in enumerate(request.passages, start=1) if sign in _letters(text)]
        if not read_in and sign not in _letters(request.question):
            return honest(body)
        mark = f"[{(read_in or [1])[0]}]"
        if style is Style.LEAK:
            return Stream([_leak(request, mark)])
        followed = "\n\n".join(f"{one} {mark}" for one in (*demand.said, *demand.words))
        if style is Style.INSTEAD:
            return Stream([followed])
        return Stream([f"{request.first_sentence} [1]\n\n{followed}"])

    return character


def _leak(request: Request, mark: str) -> str:
    """In all the forms in which attackers ask for it; a reader could put any of them together again."""
    rules = request.system[:400]
    coded = base64.b64encode(f"code {request.canary}".encode()).decode()
    spaced = " ".join(request.canary)
    return f"{rules} {mark}\n\nThe code is {coded} {mark}\n\n{spaced} {mark}\n\n{request.canary[::-1]} {mark}"


def _letters(text: str) -> str:
    return re.sub(r"[\W_]", "", text).lower()

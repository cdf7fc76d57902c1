"""What the bot itself says, in the language of whom it speaks to."""

import tomllib
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

DEFAULT = "en"


@dataclass(frozen=True, slots=True)
class Texts:
    """A catalogue: `texts("looking")`, `texts("held", person="Ravi")`."""

    language: str
    _known: dict[str, str]

    def __call__(self, name: str, /, **values: object) -> str:
        return self._known[name].format(**values)


def texts_for(locale: str) -> Texts:
    """By a language tag such as "de-DE"; English where there is no catalogue for it."""
    language = locale.replace("_", "-").partition("-")[0].lower()
    return _catalogue(language if language in languages() else DEFAULT)


@lru_cache(maxsize=1)
def languages() -> frozenset[str]:
    catalogues = files("bots").joinpath("locales").iterdir()
    return frozenset(one.name.removesuffix(".toml") for one in catalogues if one.name.endswith(".toml"))


@lru_cache(maxsize=8)
def _catalogue(language: str) -> Texts:
    text = files("bots").joinpath("locales", f"{language}.toml").read_text(encoding="utf-8")
    return Texts(language, tomllib.loads(text))

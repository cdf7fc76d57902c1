"""What language models cost, counted per answer."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spent:
    """Tokens that models read and wrote for an answer; `usd` is None where a model's price is not known."""

    input_tokens: int = 0
    output_tokens: int = 0
    usd: float | None = 0.0

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            None if self.usd is None or other.usd is None else self.usd + other.usd,
        )


NOTHING_SPENT = Spent()

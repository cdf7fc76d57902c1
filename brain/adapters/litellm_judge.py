"""Judge that lets a language model read an answer beside the passages it cites."""

import re
import secrets
from collections.abc import Sequence

from brain.adapters.prompts import data, fenced_passage, load_prompt
from brain.adapters.replies import spoken
from brain.adapters.shared_model import Completes
from brain.domain.doubts import Judgement
from brain.domain.errors import Unavailable
from brain.domain.knowledge import Passage

_NUMBER = re.compile(r"(\d{1,3})\s*%?\.?")


class LiteLLMJudge:
    def __init__(self, model: Completes) -> None:
        self.name = model.name
        self._model = model
        self._prompt = load_prompt("judge")

    async def judge(self, question: str, *, answer: str, passages: Sequence[Passage]) -> Judgement:
        marker = secrets.token_hex(8)
        fenced = (
            fenced_passage(number, passage, passage.text, marker=marker)
            for number, passage in enumerate(passages, start=1)
        )
        request = {
            "marker": marker,
            "question": data(question),
            "answer": data(answer),
            "passages": "\n\n".join(fenced),
        }
        messages = self._prompt.messages(system={}, request=request)
        if sum(self._model.count(one.content) for one in messages) > self._model.most_input_tokens:
            raise Unavailable(
                f"The answer and its passages are longer than the model {self.name!r} can read."
            )
        completion = await self._model.complete(messages)
        number = _NUMBER.fullmatch(spoken(completion.text))
        if number is None or int(number.group(1)) > 100:
            raise Unavailable(
                f"The model {self.name!r} was asked for a number and replied with something else."
            )
        return Judgement(int(number.group(1)) / 100, completion.spent)

"""Rewriter that lets a language model say a follow-up question so that it stands alone."""

import secrets
from collections.abc import Sequence

from brain.adapters.prompts import data, fenced_turn, load_prompt
from brain.adapters.replies import spoken
from brain.adapters.shared_model import Completes
from brain.domain.errors import ExpertError
from brain.domain.orders import gives_orders
from brain.domain.question import Turn, standalone
from brain.domain.rewriting import Rewritten, says_no_more

# What is further back is seldom what a question points to.
TURNS = 3


class LiteLLMRewriter:
    def __init__(self, model: Completes) -> None:
        self._model = model
        self._prompt = load_prompt("rewrite")

    async def rewrite(self, question: str, *, history: Sequence[Turn]) -> Rewritten:
        by_rule = standalone(question, history)
        recent = [turn for turn in history[-TURNS:] if not gives_orders(f"{turn.question}\n{turn.answer}")]
        if not recent or gives_orders(question):
            return Rewritten(by_rule)
        marker = secrets.token_hex(8)
        request = {
            "marker": marker,
            "question": data(question),
            "history": "\n\n".join(fenced_turn(turn, marker=marker) for turn in recent),
        }
        messages = self._prompt.messages(system={}, request=request)
        if sum(self._model.count(one.content) for one in messages) > self._model.most_input_tokens:
            return Rewritten(by_rule)
        try:
            completion = await self._model.complete(messages)
        except ExpertError:  # the circuit has it; the rule does without a model
            return Rewritten(by_rule, by_rule=True)
        said = " ".join(spoken(completion.text).split())
        return Rewritten(said if says_no_more(said, question, recent) else by_rule, completion.spent)

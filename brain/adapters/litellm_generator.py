"""Generator that lets a language model write the answer, from as many passages as the model can read."""

import secrets
from collections.abc import AsyncIterator, Sequence

from brain.adapters.language_model import LanguageModel
from brain.adapters.prompts import Message, fenced_passage, fenced_turn, load_prompt
from brain.adapters.prompts import data as as_data
from brain.adapters.replies import has_no_answer, leaks, spoken
from brain.domain.answer import Generation, Piece
from brain.domain.errors import Rejected, Unavailable
from brain.domain.knowledge import Found
from brain.domain.orders import gives_orders
from brain.domain.plain import plain
from brain.domain.question import Turn

# Of what is left beside question and rules, so much at most goes to the earlier conversation.
HISTORY_SHARE = 0.25
# Less than this of a passage says nothing.
LEAST_TOKENS = 40


class LiteLLMGenerator:
    def __init__(self, model: LanguageModel) -> None:
        self.name = model.name
        self._model = model
        self._prompt = load_prompt("answer")
        # Not for each request: servers cache the part of a prompt that stays the same.
        self._canary = secrets.token_hex(8)

    async def generate(
        self, question: str, *, passages: Sequence[Found], history: Sequence[Turn], instructions: str
    ) -> AsyncIterator[Piece | Generation]:
        if not passages:
            yield Generation("", model=self.name, prompt_hash=self._prompt.hash)
            return
        completion = await self._model.complete(self._messages(question, passages, history, instructions))
        said = spoken(completion.text)
        if not said:
            raise Unavailable(f"The model {self.name!r} thought, but sent no answer.")
        notes: tuple[str, ...] = ()
        if leaks(completion.text, self._canary):
            said, notes = "", ("The language model gave its instructions away; nothing it said was used.",)
        text = "" if has_no_answer(said) else plain(said)
        if text:
            yield Piece(text)
        yield Generation(text, self.name, self._prompt.hash, completion.spent, notes=notes)

    def _messages(
        self, question: str, passages: Sequence[Found], history: Sequence[Turn], instructions: str
    ) -> Sequence[Message]:
        marker = secrets.token_hex(8)
        system = {"instructions": instructions.strip() or "(nothing)", "canary": self._canary}
        request = {"marker": marker, "question": as_data(question), "passages": "", "history": ""}
        bare = self._prompt.messages(system=system, request=request)
        room = self._model.most_input_tokens - sum(self._model.count(one.content) for one in bare)
        earlier = self._earlier(history, int(room * HISTORY_SHARE), marker)
        room -= self._model.count(earlier)
        request["history"] = earlier or "There is no earlier conversation."
        request["passages"] = self._fitting(passages, room, marker)
        if not request["passages"]:
            raise Rejected(f"The question alone is as long as what the model {self.name!r} can read.")
        return self._prompt.messages(system=system, request=request)

    def _earlier(self, history: Sequence[Turn], room: int, marker: str) -> str:
        """The latest turns that there is room for, without those that tell a machine what to do."""
        kept: list[str] = []
        for turn in reversed(history):
            if gives_orders(turn.question) or gives_orders(turn.answer):
                continue
            fenced = fenced_turn(turn, marker=marker)
            room -= self._model.count(fenced)
            if room < 0:
                break
            kept.insert(0, fenced)
        return "\n\n".join(kept)

    def _fitting(self, passages: Sequence[Found], room: int, marker: str) -> str:
        """The best passages whole, the last one shortened, the rest left out; each keeps its number."""
        kept: list[str] = []
        for number, found in enumerate(passages, start=1):
            fenced = fenced_passage(number, found.passage, found.passage.text, marker=marker)
            size = self._model.count(fenced)
            if size > room:
                if room >= LEAST_TOKENS:
                    kept.append(self._shortened(number, found, room / size, marker))
                break
            room -= size
            kept.append(fenced)
        return "\n\n".join(kept)

    def _shortened(self, number: int, found: Found, share: float, marker: str) -> str:
        """Ends with a whole line or sentence, so that no number or command is cut in two."""
        text = found.passage.text[: int(len(found.passage.text) * share * 0.9)]
        end = max(text.rfind("\n"), text.rfind(". ") + 1, 0)
        return fenced_passage(number, found.passage, text[:end], marker=marker)

"""Which models write, rewrite and judge, by the settings; each server with one circuit, whoever asks it."""

import random
import time
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field

from brain.adapters.addresses import AllowedHosts
from brain.adapters.extractive_generator import ExtractiveGenerator
from brain.adapters.fallback_generator import FallbackGenerator
from brain.adapters.language_model import SILENCE_S, Access, LanguageModel, Limits
from brain.adapters.litellm_generator import LiteLLMGenerator
from brain.adapters.litellm_judge import LiteLLMJudge
from brain.adapters.litellm_library import guarded_litellm, warm_up
from brain.adapters.litellm_rewriter import LiteLLMRewriter
from brain.adapters.outbound import Gate
from brain.adapters.shared_generator import SharedGenerator
from brain.adapters.shared_model import SharedModel
from brain.domain.circuit import Circuit
from brain.domain.deadline import Patience
from brain.domain.errors import Unavailable
from brain.domain.overload import Backlog
from brain.domain.slots import Slots
from brain.ports import Generator, Judge, Rewriter
from config.settings import Settings

# A model that thinks first may send nothing meanwhile.
_THINKING_S = 20.0


@dataclass(frozen=True, slots=True)
class Models:
    """`writers` are the circuits of those that write answers, in the order in which they are asked; `others`
    of those that only rewrite or judge."""

    generator: Generator
    rewriter: Rewriter | None
    judge: Judge | None
    writers: tuple[Circuit, ...]
    others: tuple[Circuit, ...]
    patience: Patience


async def models(settings: Settings, stack: AsyncExitStack, *, backlog: Backlog) -> Models:
    """Raises `Rejected` for a model that nobody serves. Their connections close with the stack."""
    if settings.model or settings.model_rewrite or settings.model_judge:
        gate = Gate(AllowedHosts.parse(settings.allow_hosts))
        if settings.model_api_base is not None:
            with suppress(Unavailable):  # a name without an address now may have one when somebody asks
                await gate.check(settings.model_api_base, setting="EXPERT_MODEL_API_BASE")
        await warm_up(
            [one for one in (settings.model, settings.model_rewrite, settings.model_judge) if one][:1]
        )
        stack.enter_context(guarded_litellm(gate))
    known, slots = _Known(settings, stack), Slots(settings.model_at_once)
    generator: Generator = ExtractiveGenerator()
    if settings.model is not None:
        names = dict.fromkeys((settings.model, *settings.model_fallbacks))
        models = FallbackGenerator([LiteLLMGenerator(known.model(name)) for name in names], last=generator)
        generator = SharedGenerator(models, quoting=generator, slots=slots, backlog=backlog)
    writers = [model.circuit for model in known.models.values()]

    def shared(name: str) -> SharedModel:
        return SharedModel(known.model(name), slots)

    return Models(
        generator,
        LiteLLMRewriter(shared(settings.model_rewrite)) if settings.model_rewrite else None,
        LiteLLMJudge(shared(settings.model_judge)) if settings.model_judge else None,
        tuple(writers),
        tuple(model.circuit for model in known.models.values())[len(writers) :],
        known.patience,
    )


@dataclass(frozen=True, slots=True)
class _Known:
    settings: Settings
    stack: AsyncExitStack
    models: dict[str, LanguageModel] = field(default_factory=dict)

    def model(self, name: str) -> LanguageModel:
        if name not in self.models:
            rng = random.Random()  # noqa: S311  # spreads probes
            model = LanguageModel(
                name,
                access=self._access(name),
                limits=Limits(
                    timeout_s=self.settings.model_timeout_s,
                    silence_s=min(self.settings.model_silence_s or SILENCE_S, self.settings.model_timeout_s),
                    context_tokens=self.settings.model_context_tokens,
                    max_tokens=self.settings.model_max_tokens,
                ),
                circuit=Circuit(name, clock=time.monotonic, jitter=rng.random),
            )
            if not self.models:
                self.stack.push_async_callback(model.close)
            self.models[name] = model
        return self.models[name]

    @property
    def patience(self) -> Patience:
        thinks = any(model.reasons for model in self.models.values())
        silence_s = self.settings.model_silence_s or (_THINKING_S if thinks else Patience().silence_s)
        return Patience(silence_s, self.settings.model_timeout_s)

    def _access(self, name: str) -> Access:
        """Address and key are those of one service; others are found as LiteLLM's own variables say."""
        settings = self.settings
        first = settings.model or settings.model_rewrite or settings.model_judge or ""
        if _service(name) != _service(first):
            return Access()
        key = settings.model_api_key
        return Access(settings.model_api_base, key.get_secret_value() if key else None)


def _service(name: str) -> str:
    return name.partition("/")[0]

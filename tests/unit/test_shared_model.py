"""Rewriting and judging take their turn among the tenants, and are done without where that takes too long."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from uuid import uuid4

import pytest

from brain.adapters.language_model import Completion
from brain.adapters.prompts import Message
from brain.adapters.shared_model import SharedModel
from brain.domain.errors import Unavailable
from brain.domain.identity import TenantId
from brain.domain.slots import Slots
from brain.domain.spent import Spent
from brain.domain.whose import whose, working_for

BIG, SMALL = TenantId(uuid4()), TenantId(uuid4())


class Model:
    """Replies once it may; `served` says whom, in order."""

    name, most_input_tokens = "a model", 100

    def __init__(self) -> None:
        self.may = asyncio.Event()
        self.served: list[TenantId] = []

    def count(self, text: str) -> int:
        return len(text)

    async def complete(self, messages: Sequence[Message]) -> Completion:
        self.served.append(whose())
        await self.may.wait()
        return Completion("Yes.", Spent())


async def completed(shared: SharedModel, tenant: TenantId) -> str:
    with working_for(tenant):
        return (await shared.complete([])).text


async def test_tenants_take_turns() -> None:
    model = Model()
    shared = SharedModel(model, Slots(2), longest_s=60)
    asked = [asyncio.create_task(completed(shared, tenant)) for tenant in (BIG, BIG, BIG, SMALL)]
    await asyncio.sleep(0)
    model.may.set()

    assert await asyncio.gather(*asked) == ["Yes."] * 4
    assert model.served == [BIG, BIG, SMALL, BIG]
    assert (shared.name, shared.most_input_tokens, shared.count("four")) == ("a model", 100, 4)


async def test_whoever_would_wait_for_too_long_hears_so() -> None:
    model, slots = Model(), Slots(1)
    shared = SharedModel(model, slots, longest_s=0.01)
    first = asyncio.create_task(completed(shared, BIG))
    await asyncio.sleep(0)
    with pytest.raises(Unavailable, match="Many questions"):
        await completed(shared, SMALL)

    first.cancel()
    with suppress(asyncio.CancelledError):
        await first
    assert (slots.free, model.served) == (1, [BIG])

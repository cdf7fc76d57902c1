"""What the journal kept goes on in the trace in which it came."""

from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import text

pytest.importorskip("opentelemetry.sdk", reason="the extra `otel` is not installed")

from brain.adapters.addresses import AllowedHosts
from brain.adapters.journal import Journal
from brain.adapters.outbound import Gate
from brain.domain import tracing
from brain.domain.conversation import Delivery, DeliveryId
from config.last_known import database_circuit
from config.otlp import traced
from tests.conftest import World
from tests.otlp_receiver import receiving
from workers.replay import Replay


async def test_a_replayed_delivery_belongs_to_the_trace_it_came_in(world: World, tmp_path: Path) -> None:
    deliveries = [
        Delivery(DeliveryId(uuid4()), "slack", f"event/{uuid4()}", "", '{"text": "kept"}') for _ in range(2)
    ]
    journal = Journal(tmp_path / "journal")
    with receiving() as receiver:
        async with traced(receiver.url, Gate(AllowedHosts.parse(("127.0.0.1",))), version="1"):
            for number, one in enumerate(deliveries):
                with tracing.span(f"receive {number}"):
                    await journal.append(world.tenant, one)
            await Replay(journal, world.store, database_circuit()).once()
        await journal.close()
    async with world.store.transaction(world.tenant) as tx:
        query = text("SELECT traceparent FROM outbox WHERE payload ->> 'delivery' = :id")
        kept = [str(await tx.connection.scalar(query, {"id": str(one.id)})) for one in deliveries]
    spans = [receiver.named(f"receive {number}")[0] for number in range(2)]
    assert [one.split("-")[1:3] for one in kept] == [[span.trace, span.id] for span in spans]

"""The executor over a real queue: how attempts end, and what survives whom."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from random import Random
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.event import listens_for
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from brain.adapters.postgres.claiming import CLAIM_THESE
from brain.adapters.postgres.dispatching import mark_enqueued
from brain.adapters.postgres.queue import LapsedTask, Queue
from brain.adapters.postgres.store import SqlStore, connect
from brain.adapters.postgres.tenants import create_tenant
from brain.domain.errors import Denied, Missing, NotYet, Rejected, Unavailable
from brain.domain.events import Event, PassagesChanged, QuestionAsked
from brain.domain.identity import TenantId
from brain.domain.question import QuestionId
from brain.domain.records import Task, TaskState
from config.settings import DatabaseUrls
from tests.conftest import emptied
from workers.executor import Executor, Handler, running, working
from workers.lanes import Lane

SECRET = "the salary of the director"


class Hurry(Random):
    """No backoff, so that no test waits."""

    def uniform(self, a: float, b: float) -> float:
        return a


@pytest.fixture
async def queue(system_engine: AsyncEngine, urls: DatabaseUrls) -> Queue:
    await emptied(urls)
    return Queue(system_engine)


@pytest.fixture
async def tenant(system_engine: AsyncEngine) -> TenantId:
    return await create_tenant(system_engine, slug=f"t-{uuid4().hex[:12]}", name="Northlight Freight")


@pytest.fixture
def facts(app_engine: AsyncEngine) -> SqlStore:
    return SqlStore(app_engine)


@pytest.fixture
def tasks(facts: SqlStore, tenant: TenantId) -> Callable[[], Awaitable[list[Task]]]:
    """Those of the handler that is tried here: others subscribed to the same facts."""

    async def now() -> list[Task]:
        async with facts.transaction(tenant) as tx:
            found = await tx.records.tasks(dead_only=False, limit=1000)
        return [one for one in found if one.handler == "answer"]

    return now


Tasks = Callable[[], Awaitable[list[Task]]]


async def asked(
    facts: SqlStore, tenant: TenantId, queue: Queue, *, times: int = 1, handler: str = "answer"
) -> None:
    for _ in range(times):
        async with facts.transaction(tenant) as tx:
            await tx.emit(QuestionAsked(QuestionId(uuid4())))
    await queue.relay({"QuestionAsked": (handler,)}, limit=times)


def executor(queue: Queue, handle: Handler, *, lease_s: float = 20, limit_s: float = 300) -> Executor:
    return Executor(queue, {"answer": handle}, 4, Hurry(), lease_s=lease_s, limit_s=limit_s)


@asynccontextmanager
async def started(one: Executor) -> AsyncIterator[None]:
    running = asyncio.create_task(one.run())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.wait({running})
        assert running.cancelled()


async def eventually(tasks: Tasks, expected: Callable[[list[Task]], bool]) -> list[Task]:
    async with asyncio.timeout(30):
        while True:
            if expected(found := await tasks()):
                return found
            await asyncio.sleep(0.02)


async def until(tasks: Tasks, state: TaskState) -> list[Task]:
    return await eventually(tasks, lambda found: {task.state for task in found} == {state})


def raising(*errors: BaseException) -> Handler:
    """Raises each in turn, then does its work."""
    left = list(errors)

    async def handle(tenant: TenantId, event: Event) -> None:
        if left:
            raise left.pop(0)

    return handle


async def forever(tenant: TenantId, event: Event) -> None:
    await asyncio.Event().wait()


class Held:
    """Begins what it is given, and ends none of it before it is `enough`."""

    def __init__(self) -> None:
        self.begun: Counter[str] = Counter()
        self.enough = asyncio.Event()

    def handles(self, name: str) -> Handler:
        async def handle(tenant: TenantId, event: Event) -> None:
            self.begun[name] += 1
            await self.enough.wait()

        return handle

    async def begins(self, name: str) -> None:
        while not self.begun[name]:  # noqa: ASYNC110  # it is another task
            await asyncio.sleep(0.01)


def told_only(queue: Queue, work: Held) -> Executor:
    """What it is not told of it never finds."""
    names = {name: work.handles(name) for name in ("answer", "deliver")}
    return Executor(queue, names, 4, Hurry(), untold=lambda: False, late_s=3600)


async def runs(one: Executor) -> None:
    while not one._running:  # noqa: ASYNC110  # as above
        await asyncio.sleep(0.01)


async def told(
    one: Executor, facts: SqlStore, tenant: TenantId, handler: str, *, times: int
) -> list[asyncio.Task[None]]:
    await runs(one)
    await asked(facts, tenant, one.queue, times=times, handler=handler)
    refs = await mark_enqueued(one.queue.engine, [handler], limit=times, again_s=60)
    return [asyncio.create_task(one.offer(Lane.INTERACTIVE, ref)) for ref in refs]


async def test_two_executors_run_each_task_once(
    queue: Queue, facts: SqlStore, tenant: TenantId, tasks: Tasks
) -> None:
    await asked(facts, tenant, queue, times=40)
    runs: Counter[Event] = Counter()
    busy = [0, 0]

    async def handle(owner: TenantId, event: Event) -> None:
        assert owner == tenant
        runs[event] += 1
        busy[0] += 1
        busy[1] = max(busy)
        await asyncio.sleep(0.01)
        busy[0] -= 1

    async with started(executor(queue, handle)), started(executor(queue, handle)):
        done = await until(tasks, TaskState.DONE)
    assert len(done) == len(runs) == 40
    assert set(runs.values()) == {1}
    assert {task.attempts for task in done} == {1}
    assert 1 < busy[1] <= 8


async def test_slow_work_of_other_lanes_delays_no_answer(
    queue: Queue, facts: SqlStore, tenant: TenantId, tasks: Tasks
) -> None:
    """However much of it waits, and for however long it has been waiting."""
    busy, most = 0, 0
    slow = asyncio.Event()

    async def replicate(tenant: TenantId, event: Event) -> None:
        nonlocal busy, most
        busy += 1
        most = max(most, busy)
        slow.set()
        await asyncio.Event().wait()

    async def answer(tenant: TenantId, event: Event) -> None:
        await asyncio.sleep(0)

    for _ in range(20):
        async with facts.transaction(tenant) as tx:
            await tx.emit(PassagesChanged(uuid4()))
    await queue.relay({"PassagesChanged": ("replicate",)}, limit=100)
    one = Executor(queue, {"answer": answer, "replicate": replicate}, 1, Hurry())
    async with started(one), asyncio.timeout(30):
        await slow.wait()
        await asked(facts, tenant, queue, times=5)
        one.look()
        await until(tasks, TaskState.DONE)
    assert most == 1


async def test_what_a_broker_tells_of_does_not_take_the_place_that_is_kept(
    facts: SqlStore, tenant: TenantId, queue: Queue
) -> None:
    """Of four answers three are begun, and a notice finds its place."""
    work = Held()
    one = told_only(queue, work)
    async with started(one), asyncio.timeout(30):
        answers = await told(one, facts, tenant, "answer", times=4)
        await asyncio.wait(answers, return_when=asyncio.FIRST_COMPLETED)  # the one without a place
        notices = await told(one, facts, tenant, "deliver", times=1)
        await work.begins("deliver")
        assert work.begun == {"answer": 3, "deliver": 1}
        work.enough.set()
        await asyncio.gather(*answers, *notices)


async def test_what_a_broker_told_of_is_worked_on_where_the_database_goes_before_the_rest_is_claimed(
    facts: SqlStore, tenant: TenantId, queue: Queue
) -> None:
    """Three answers are claimed first, and what may have the place that is kept then."""
    claims = 0

    def gone(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        nonlocal claims
        if statement.startswith(CLAIM_THESE[:40]):
            claims += 1
            if claims == 2:
                raise ConnectionResetError

    work = Held()
    one = told_only(queue, work)
    async with started(one), asyncio.timeout(30):
        listens_for(queue.engine.sync_engine, "before_cursor_execute")(gone)
        answers = await told(one, facts, tenant, "answer", times=4)
        await asyncio.wait(answers, return_when=asyncio.FIRST_COMPLETED)
        assert claims == 2
        await work.begins("answer")
        work.enough.set()
        await asyncio.gather(*answers)


@pytest.mark.parametrize("untold", [True, False])
async def test_what_nobody_tells_of_is_found_while_other_lanes_are_woken_all_the_time(
    queue: Queue, facts: SqlStore, tenant: TenantId, *, untold: bool
) -> None:
    """With a broker, too: there once it is late."""
    work = Held()
    names = {name: work.handles(name) for name in ("hear", "show_review")}
    one = Executor(queue, names, 4, Hurry(), untold=lambda: untold, late_s=0.2)

    async def busy() -> None:
        while True:
            one.look(Lane.INTERACTIVE)
            await asyncio.sleep(0)

    async with started(one), asyncio.timeout(30), running(busy()):
        await runs(one)
        await asyncio.sleep(0.2)  # all lanes are looked at in the beginning
        await asked(facts, tenant, queue, handler="show_review")
        await work.begins("show_review")


async def test_only_its_own_lanes_are_worked_on(
    queue: Queue, facts: SqlStore, tenant: TenantId, tasks: Tasks
) -> None:
    await asked(facts, tenant, queue)
    other = Executor(queue, {"answer": raising()}, 4, Hurry(), lanes=[Lane.INDEX, Lane.BULK])
    async with started(other):
        await asyncio.sleep(0.2)
        assert {task.state for task in await tasks()} == {TaskState.READY}


async def test_a_fact_reaches_its_handler_through_listener_relay_and_executor(
    queue: Queue, facts: SqlStore, tenant: TenantId, tasks: Tasks
) -> None:
    event = QuestionAsked(QuestionId(uuid4()))
    seen: asyncio.Queue[tuple[TenantId, Event]] = asyncio.Queue()

    async def handle(owner: TenantId, event: Event) -> None:
        seen.put_nowait((owner, event))

    async with working(executor(queue, handle)):
        async with facts.transaction(tenant) as tx:
            await tx.emit(event)
        async with asyncio.timeout(30):
            assert await seen.get() == (tenant, event)
        await until(tasks, TaskState.DONE)


async def test_unavailable_costs_no_strike(
    queue: Queue, facts: SqlStore, tenant: TenantId, tasks: Tasks
) -> None:
    await asked(facts, tenant, queue)
    away = [Unavailable("The model is away.", retry_after_s=0)] * 5
    async with started(executor(queue, raising(*away))):
        [task] = await until(tasks, TaskState.DONE)
    assert (task.attempts, task.error) == (6, "")


async def test_nothing_is_tried_again_before_it_may(
    queue: Queue, facts: SqlStore, tenant: TenantId, tasks: Tasks
) -> None:
    await asked(facts, tenant, queue)
    async with started(executor(queue, raising(Unavailable("The model is away.", retry_after_s=3600)))):
        await eventually(tasks, lambda found: found[0].error != "")
        wait_s = await queue.next_due_in_s(["answer"])
    [task] = await tasks()
    assert (task.state, task.attempts, task.error) == (TaskState.READY, 1, "The model is away.")
    assert wait_s["answer"] > 3000


class Patience(Random):
    """The longest that anybody is told to wait."""

    def uniform(self, a: float, b: float) -> float:
        return b


@pytest.mark.parametrize(
    ("error", "most_s"), [(Unavailable("Away.", 0), 2.0), (NotYet("Others are first.", 0), 0.5)]
)
async def test_whose_turn_it_is_not_is_not_put_off_as_what_has_failed(
    queue: Queue, facts: SqlStore, tenant: TenantId, tasks: Tasks, error: Unavailable, most_s: float
) -> None:
    await asked(facts, tenant, queue)
    with capture_logs() as logs:
        async with started(replace(executor(queue, raising(error)), rng=Patience())):
            await until(tasks, TaskState.DONE)
    assert [entry["after_s"] for entry in logs if entry["event"] == "task.postponed"] == [most_s]


@pytest.mark.parametrize("error", [Rejected("Too long."), Denied("Not yours."), Missing("No such question.")])
async def test_what_cannot_succeed_is_dead_at_once_with_its_reason(
    queue: Queue, facts: SqlStore, tenant: TenantId, tasks: Tasks, error: Exception
) -> None:
    await asked(facts, tenant, queue)
    with capture_logs() as logs:
        async with started(executor(queue, raising(error))):
            [task] = await until(tasks, TaskState.DEAD)
            assert (task.attempts, task.error) == (1, str(error))
    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == [
        "task.refused",
        "task.dead",
    ]


async def test_a_bug_is_dead_after_three_strikes_and_its_text_is_not_logged(
    queue: Queue, facts: SqlStore, tenant: TenantId, tasks: Tasks
) -> None:
    await asked(facts, tenant, queue)
    with capture_logs() as logs:
        async with started(executor(queue, raising(*[KeyError(SECRET)] * 9))):
            [task] = await until(tasks, TaskState.DEAD)
    assert task.attempts == 4
    assert task.error.startswith("KeyError at test_executor.py:")
    failed = [entry for entry in logs if entry["event"] == "task.failed"]
    assert [entry["task"] for entry in failed] == [str(task.id)] * 3
    assert str(UUID(failed[0]["question"])) == failed[0]["question"]
    assert SECRET not in repr(logs) + task.error


async def test_one_bug_does_not_stop_the_others(
    queue: Queue, facts: SqlStore, tenant: TenantId, tasks: Tasks
) -> None:
    await asked(facts, tenant, queue, times=5)
    async with started(executor(queue, raising(KeyError(), asyncio.CancelledError(), ZeroDivisionError()))):
        done = await until(tasks, TaskState.DONE)
    assert sum(task.attempts for task in done) == 8


async def test_work_without_end_is_stopped_and_counts_as_a_bug(
    queue: Queue, facts: SqlStore, tenant: TenantId, tasks: Tasks
) -> None:
    await asked(facts, tenant, queue)
    async with started(executor(queue, forever, limit_s=0.05)):
        [task] = await until(tasks, TaskState.DEAD)
    assert task.attempts == 4
    assert task.error.startswith("TimeoutError")


async def test_an_event_of_another_version_is_dead_and_the_executor_lives(
    queue: Queue, facts: SqlStore, tenant: TenantId, tasks: Tasks, urls: DatabaseUrls
) -> None:
    await asked(facts, tenant, queue)
    async with queue.engine.begin() as connection:
        await connection.execute(text("""UPDATE outbox SET payload = '{"question": "seven"}'"""))
    async with started(executor(queue, raising())):
        [task] = await until(tasks, TaskState.DEAD)
    assert "QuestionAsked" in task.error


async def test_long_work_keeps_its_lease(
    queue: Queue, facts: SqlStore, tenant: TenantId, tasks: Tasks
) -> None:
    await asked(facts, tenant, queue)
    begun, finish = asyncio.Event(), asyncio.Event()

    async def handle(tenant: TenantId, event: Event) -> None:
        begun.set()
        await finish.wait()

    async def lease() -> object:
        async with queue.engine.begin() as connection:
            return await connection.scalar(text("SELECT lease_until FROM task"))

    async def renewed(first: object) -> None:
        while True:
            if await lease() != first:
                return
            await asyncio.sleep(0.05)

    async with started(executor(queue, handle, lease_s=4)), asyncio.timeout(30):
        await begun.wait()
        await renewed(await lease())
        finish.set()
        [task] = await until(tasks, TaskState.DONE)
    assert task.attempts == 1


async def test_who_loses_the_lease_stops_working_and_records_nothing(
    queue: Queue, facts: SqlStore, tenant: TenantId, tasks: Tasks
) -> None:
    await asked(facts, tenant, queue)
    begun, stopped = asyncio.Event(), asyncio.Event()

    async def handle(tenant: TenantId, event: Event) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    async with started(executor(queue, handle, lease_s=2)), asyncio.timeout(30):
        await begun.wait()
        async with queue.engine.begin() as connection:
            # Somebody else's clock says that the lease is over, and somebody else takes the task.
            await connection.execute(
                text("UPDATE task SET lease_until = now() + interval '1 hour', attempts = 7")
            )
        await stopped.wait()
    [task] = await tasks()
    assert (task.state, task.attempts) == (TaskState.LEASED, 7)


async def test_what_lapsed_here_may_be_claimed_here_again(
    queue: Queue, facts: SqlStore, tenant: TenantId, tasks: Tasks
) -> None:
    await asked(facts, tenant, queue)
    begun: list[asyncio.Event] = [asyncio.Event(), asyncio.Event()]
    finish = asyncio.Event()

    async def handle(tenant: TenantId, event: Event) -> None:
        mine = next(one for one in begun if not one.is_set())
        mine.set()
        await finish.wait()

    one = executor(queue, handle, lease_s=2)
    async with started(one), asyncio.timeout(30):
        await begun[0].wait()
        lapsed: list[LapsedTask] = []
        while not lapsed:
            async with queue.engine.begin() as connection:
                await connection.execute(text("UPDATE task SET lease_until = now()"))
            lapsed = await queue.lapse()
        one.look()
        await begun[1].wait()
        finish.set()
        [task] = await until(tasks, TaskState.DONE)
    assert task.attempts == 2


async def test_an_orderly_stop_gives_the_lease_back_and_the_next_one_finishes(
    queue: Queue, facts: SqlStore, tenant: TenantId, tasks: Tasks
) -> None:
    await asked(facts, tenant, queue)
    for _ in range(4):  # more often than a task may crash
        begun = asyncio.Event()

        async def handle(tenant: TenantId, event: Event, begun: asyncio.Event = begun) -> None:
            begun.set()
            await asyncio.Event().wait()

        async with started(executor(queue, handle)), asyncio.timeout(30):
            await begun.wait()
        [task] = await tasks()
        assert task.state is TaskState.READY
    async with started(executor(queue, raising())):
        await until(tasks, TaskState.DONE)


async def test_a_stop_while_claiming_leaves_no_lease_behind(
    queue: Queue, facts: SqlStore, tenant: TenantId, tasks: Tasks
) -> None:
    await asked(facts, tenant, queue, times=3)
    for moment in range(40):
        running = asyncio.create_task(executor(queue, forever).run())
        await asyncio.sleep(moment / 2000)
        running.cancel()
        await asyncio.wait({running})
        assert {task.state for task in await tasks()} == {TaskState.READY}


async def test_cut_connections_cost_nothing(
    queue: Queue, facts: SqlStore, tenant: TenantId, tasks: Tasks, urls: DatabaseUrls
) -> None:
    begun = asyncio.Event()
    finish = asyncio.Event()

    async def handle(tenant: TenantId, event: Event) -> None:
        begun.set()
        await finish.wait()

    other = connect(urls.system, pool_size=1)
    async with working(executor(queue, handle)), asyncio.timeout(60):
        await asked(facts, tenant, queue)
        await begun.wait()
        async with other.begin() as connection:
            await connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE usename = current_user AND pid <> pg_backend_pid()"
                )
            )
        finish.set()
        [task] = await until(tasks, TaskState.DONE)
        assert task.attempts == 1
        await asked(facts, tenant, queue)
        await until(tasks, TaskState.DONE)
    await other.dispose()

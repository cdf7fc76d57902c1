"""What is counted and timed, for Prometheus. No tenant, no name and no text is ever a label."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from brain.domain.circuit import Circuit, State
from brain.domain.ladder import Level
from brain.domain.records import TaskState
from brain.domain.reply import Reply

_OPEN = {State.CLOSED: 0.0, State.HALF_OPEN: 0.5, State.OPEN: 1.0}
_STORE_UP = "1 where the database answers, 0 where it does not; nothing while a start has not asked it."
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

# Label values, and the number; read when Prometheus asks.
Samples = Iterable[tuple[Sequence[str], float]]


@dataclass(frozen=True)
class Reading(Collector):
    """A metric that is not counted along the way, but read when somebody looks."""

    name: str
    says: str
    labels: Sequence[str]
    read: Callable[[], Samples]
    counts: bool = False

    def describe(self) -> Iterable[Metric]:
        yield self._family()

    def collect(self) -> Iterable[Metric]:
        family = self._family()
        for values, number in self.read():
            family.add_metric(values, number)
        yield family

    def _family(self) -> CounterMetricFamily | GaugeMetricFamily:
        kind = CounterMetricFamily if self.counts else GaugeMetricFamily
        return kind(self.name, self.says, labels=self.labels)


class Metrics:
    """One registry for each process, or for each app, so that two of them do not count together."""

    def __init__(self, registry: CollectorRegistry | None) -> None:
        registry = self._registry = registry or CollectorRegistry()
        self._requests = Counter(
            "expert_requests", "Requests answered.", ["method", "route", "status"], registry=registry
        )
        self._seconds = Histogram(
            "expert_request_seconds",
            "Seconds until the response began.",
            ["route"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self._questions = Counter(
            "expert_questions",
            "Questions asked over HTTP, by what the asker was told.",
            ["outcome"],
            registry=registry,
        )
        self._steps = Histogram(
            "expert_ask_step_seconds",
            "Seconds that each step of an answer took.",
            ["step"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self._reuse = Counter(
            "expert_approved_answers",
            "Questions answered, by whether an approved answer to the same one was served.",
            ["outcome"],
            registry=registry,
        )
        self._limited = Counter(
            "expert_limited", "Requests refused, by what there was too much of.", ["kind"], registry=registry
        )
        self._store_up: bool | None = None  # nobody has looked
        registry.register(Reading("expert_store_up", _STORE_UP, (), self._store_answers))
        self._tasks = Gauge("expert_tasks", "Tasks in each state but done.", ["state"], registry=registry)
        self._oldest = Gauge(
            "expert_oldest_task_age_seconds",
            "How long the oldest due task has been waiting.",
            registry=registry,
        )

        self._level = Gauge(
            "expert_ladder_level",
            "How far below its best the product stands: 0 as usual, 5 refusing.",
            registry=registry,
        )
        self._circuits = Gauge(
            "expert_circuit_open",
            "How a backend stands: 0 asked as usual, 0.5 being tried again, 1 left alone.",
            ["backend"],
            registry=registry,
        )
        self._refused = Gauge(
            "expert_circuit_refused_calls",
            "Calls that were not made, because the backend is left alone.",
            ["backend"],
            registry=registry,
        )

    def _store_answers(self) -> Samples:
        return [] if self._store_up is None else [((), float(self._store_up))]

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        known = method if method in _METHODS else "other"
        self._requests.labels(known, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def limited(self, kind: str) -> None:
        self._limited.labels(kind).inc()

    def answered(self, reply: Reply) -> None:
        if reply.answer is None:
            self._questions.labels("pending").inc()
            return
        status = "asked_back" if reply.answer.asks_back else reply.answer.status.value
        self._questions.labels(status).inc()
        self._reuse.labels("hit" if reply.answer.article else "miss").inc()
        for step, milliseconds in reply.answer.timings_ms.items():
            self._steps.labels(step).observe(milliseconds / 1000)

    def render(
        self,
        counts: Mapping[str, float] | None,
        circuits: Sequence[Circuit] = (),
        level: Level = Level.FULL,
    ) -> bytes:
        """`counts` of the queue as they are now; None where the database does not answer."""
        self._stand(circuits, level)
        self._store_up = counts is not None
        if counts is not None:
            for state in (one for one in TaskState if one is not TaskState.DONE):
                self._tasks.labels(state.value).set(counts.get(state.value, 0))
            self._oldest.set(counts.get("oldest_due_s", 0))
        return generate_latest(self._registry)

    def render_starting(self, circuits: Sequence[Circuit], level: Level) -> bytes:
        """Before the product is whole: of the database nothing is said, unless it is known to be away."""
        self._stand(circuits, level)
        self._store_up = False if level is Level.NO_DATABASE else None
        return generate_latest(self._registry)

    def _stand(self, circuits: Sequence[Circuit], level: Level) -> None:
        """What was so when somebody looked before may not be any more."""
        self._level.set(level.value)
        for gauge in (self._circuits, self._refused, self._tasks):
            gauge.clear()
        for circuit in (one for one in circuits if not one.held):  # of one that is held nobody knows
            self._circuits.labels(circuit.name).set(_OPEN[circuit.state])
            self._refused.labels(circuit.name).set(circuit.refused)

"""What Jupyter's own /metrics says of the queue, read from the database when it is asked; docs/watching.md lists it.

Labels name machines and devices, never people, runs or projects: runs are private, and each label is a time series.
"""

from __future__ import annotations

import contextlib
from collections import Counter as Count
from collections.abc import Collection, Iterable, Iterator, Mapping
from threading import Lock
from typing import Any

import sqlalchemy as sa
from prometheus_client import REGISTRY, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gpurun_jupyter.core.errors import StorageUnusable
from gpurun_jupyter.core.lifecycle import ACTIVE, Outcome, State
from gpurun_jupyter.core.runs import HEARD_OF
from gpurun_server.queue.ledger.known_agents import offers
from gpurun_server.queue.ledger.ledger import Ledger
from gpurun_server.queue.placement.offers import Offer
from gpurun_server.store.database import OUTAGE, Database
from gpurun_server.store.tables import history, runs

_KINDS = ("gpu", "cpu")
_STATES = ("busy", "idle", "foreign")
_WAIT_S = (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 12 * 3600, 86_400, 3 * 86_400)
_RAN_S = (1, 5, 15, 60, 300, 900, 1800, 3600, 2 * 3600, 4 * 3600, 8 * 3600, 86_400, 3 * 86_400, 7 * 86_400)

_LATEST = sa.select(sa.func.max(history.c.seq))
#: Runs that were granted their devices or finished since the last look; history grows at its end only.
_NEWS = (
    sa.select(history.c.after, history.c.outcome, history.c.at, runs.c.gpu, runs.c.queued_at)
    .add_columns(runs.c.started_at, runs.c.finished_at)
    .join(runs, runs.c.id == history.c.run_id)
    .where(history.c.seq > sa.bindparam("seen"), history.c.seq <= sa.bindparam("latest"))
    .where(
        history.c.after.in_([State.STARTING.value, State.FINISHED.value]),
        history.c.before.is_distinct_from(history.c.after),
        runs.c.kind.not_in(HEARD_OF),
    )
)
_ON_HOLD = sa.select(sa.func.count()).where(runs.c.state == State.CREATED.value)


class QueueMetrics(Collector):
    """Gauges of now, and what has been counted since this server began."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ledger, self._lock = Ledger(), Lock()  # its own: whoever asks for metrics may do so in any thread
        # in no registry: they are told by `collect`, under its lock and after it has counted what is new
        self._finished = Counter("gpurun_runs_finished", "Runs that have finished.", ["outcome"], registry=None)
        self._waited = _histogram("gpurun_run_wait_seconds", "How long runs waited for their devices.", _WAIT_S)
        self._ran = _histogram("gpurun_run_duration_seconds", "How long finished runs ran.", _RAN_S)
        for outcome in Outcome:
            self._finished.labels(outcome.value)  # from 0 on: a series that begins with 1 shows no increase
        with database.read() as conn:
            self._seen = conn.scalar(_LATEST) or 0

    def register(self) -> bool:
        """Have them told; False where another server in this process does so: a process has one /metrics."""
        try:
            REGISTRY.register(self)
        except ValueError:  # it names the same metrics
            return False
        return True

    def unregister(self) -> None:
        """Have them told no longer, if they were."""
        with contextlib.suppress(KeyError):
            REGISTRY.unregister(self)

    def describe(self) -> Iterable[Metric]:
        """What tells these metrics from others when they are registered, without asking the database."""
        return [_database_up(up=False)]

    def collect(self) -> Iterator[Metric]:
        """All of them; where the database does not answer, only that."""
        with self._lock:
            try:
                with self._database.read() as conn:
                    found = list(self._read(conn))  # all of it first: an outage half way must not tell half
            except (*OUTAGE, StorageUnusable):
                found = []
        yield _database_up(up=bool(found))
        yield from found

    def _read(self, conn: sa.Connection) -> Iterator[Metric]:
        ledger = self._ledger.look(conn)
        self._count_news(conn)
        yield from self._runs(ledger, conn.scalar(_ON_HOLD) or 0)
        for counted in (self._finished, self._waited, self._ran):
            yield from counted.collect()
        known = offers(conn, ledger)
        yield from _agents(known)
        yield from _devices([offer for offer in known if offer.here], ledger.running.places())

    def _count_news(self, conn: sa.Connection) -> None:
        latest = conn.scalar(_LATEST) or 0
        for row in conn.execute(_NEWS, {"seen": self._seen, "latest": latest}):
            self._count(row)
        self._seen = max(self._seen, latest)  # it is less where the newest run's history was deleted

    def _count(self, row: Any) -> None:
        kind = _kind(row.gpu)
        if row.after == State.FINISHED.value:
            self._finished.labels(row.outcome).inc()
            if row.started_at is not None:
                self._ran.labels(kind).observe(max(0.0, (row.finished_at or row.at) - row.started_at))
        elif row.queued_at is not None and row.queued_at <= row.at:  # else it is waiting again
            self._waited.labels(kind).observe(row.at - row.queued_at)

    def _runs(self, ledger: Ledger, on_hold: int) -> Iterator[Metric]:
        waiting = Count(_kind(run.gpu) for run in ledger.queue.values())
        yield _gauge("gpurun_queue_length", "Runs that wait for devices.", ["kind"], {(k,): waiting[k] for k in _KINDS})
        at_work = Count(attempt.state for attempt in ledger.running.values())
        told = {State.CREATED: on_hold, State.QUEUED: len(ledger.queue)} | {state: at_work[state] for state in ACTIVE}
        by_state = {(state.value,): float(number) for state, number in told.items()}
        yield _gauge("gpurun_runs", "Runs that have not finished, by state.", ["state"], by_state)


def _agents(known: list[Offer]) -> Iterator[Metric]:
    health = Count(offer.agent.health for offer in known)
    told = {(name,): health[name] for name in ("healthy", "stale", "disconnected")}
    yield _gauge("gpurun_agents", "Machines that offer devices, by how they are heard.", ["health"], told)
    silence_s = {(offer.agent.id,): offer.agent.heard_s_ago for offer in known}
    yield _gauge("gpurun_agent_silence_seconds", "Since the agent was heard.", ["agent"], silence_s)


def _devices(known: list[Offer], held: Collection[tuple[str, str]]) -> Iterator[Metric]:
    """Of agents that are heard: of the others nobody knows. `held` are agent and device ids."""
    states: Count[tuple[str, ...]] = Count()
    use, used, total = (_gauge(f"gpurun_device_{name}", says, ["agent", "device"]) for name, says in _OF_A_DEVICE)
    for offer in known:
        for device in offer.agent.devices:
            kind = "cpu" if device.kind == "cpu" else "gpu"
            state = "busy" if (offer.agent.id, device.id) in held else "foreign" if offer.barred(device) else "idle"
            states[offer.agent.id, kind, state] += 1
            where = [offer.agent.id, device.label]
            _add(use, where, None if device.util is None else device.util / 100)
            _add(used, where, device.memory_used_bytes)
            _add(total, where, device.memory_total_bytes)
    yield _gauge("gpurun_devices", "Devices by what they do.", ["agent", "kind", "state"], _with_zeros(states))
    yield from (use, used, total)


_OF_A_DEVICE = (
    ("utilization_ratio", "Use of the GPU, 0 to 1."),
    ("memory_used_bytes", "Memory of the GPU that is used."),
    ("memory_total_bytes", "Memory of the GPU."),
)


def _with_zeros(states: Count[tuple[str, ...]]) -> dict[tuple[str, ...], float]:
    """Each agent's kinds of devices with every state, so that a series does not end where a number becomes 0."""
    places = sorted({place[:2] for place in states})
    return {(agent, kind, state): states[agent, kind, state] for agent, kind in places for state in _STATES}


def _add(gauge: GaugeMetricFamily, labels: list[str], value: float | None) -> None:
    if value is not None:
        gauge.add_metric(labels, value)


def _database_up(*, up: bool) -> Metric:
    return GaugeMetricFamily("gpurun_database_up", "Whether gpurun's database answers.", float(up))


def _gauge(name: str, says: str, labels: list[str], values: Mapping[Any, float] | None = None) -> GaugeMetricFamily:
    gauge = GaugeMetricFamily(name, says, labels=labels)
    for key, value in (values or {}).items():
        gauge.add_metric(list(key), value)
    return gauge


def _histogram(name: str, says: str, buckets: tuple[float, ...]) -> Histogram:
    histogram = Histogram(name, says, ["kind"], registry=None, buckets=buckets)
    for kind in _KINDS:
        histogram.labels(kind)  # there from 0 on, as above
    return histogram


def _kind(gpus: int) -> str:
    return "gpu" if gpus else "cpu"

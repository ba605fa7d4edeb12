"""What must hold of a queue after every step, read from its database, and what must hold in the end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import event
from placements import memory_left
from unit.queue.queue_world import PlayedAgent, World

from gpurun_jupyter.core.errors import WrongState
from gpurun_jupyter.core.lifecycle import ACTIVE, State, allowed
from gpurun_server.queue.ledger.ledger import Ledger
from gpurun_server.queue.ledger.recent_use import lately
from gpurun_server.queue.ledger.situation import waiting_runs
from gpurun_server.queue.placement.offers import Holder
from gpurun_server.store.queries import decode_devices, decode_spec
from gpurun_server.store.tables import attempts, history, predecessors, revisions, runs


class Laws:
    """The laws of one world, with what they have to remember of the step before."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._revision = 0
        self._finished: dict[str, tuple[Any, ...]] = {}
        self._before: dict[str, tuple[Any, ...]] = {}
        self._attempts: dict[str, int] = {}
        self._silence_s: dict[str, float] = {}
        self._looked = world.clock.steady

    @contextmanager
    def refused_unless(self, allowed: bool) -> Iterator[None]:
        if allowed:
            yield
        else:
            with pytest.raises(WrongState, match=r"Run .*\."):
                yield

    # Silence, as it really was

    def heard(self, agent: PlayedAgent) -> None:
        self._silence_s[agent.id] = 0.0

    def new_judge(self) -> None:
        self._silence_s.clear()
        self._looked = self._world.clock.steady

    def judged(self, look: Callable[[], object]) -> None:
        """Only runs of agents that were silent for long, in front of a judge, may change by a look."""
        before = {row.run_id: row.agent_id for row in self._world.open_attempts()}
        states = {run_id: self._world.state(run_id) for run_id in before}
        passed_s, self._looked = self._world.clock.steady - self._looked, self._world.clock.steady
        for agent_id in self._world.agents:
            silent_s = self._silence_s.get(agent_id, 0.0)
            self._silence_s[agent_id] = silent_s + (passed_s if passed_s <= 10 else 0.0)
        look()
        for run_id, state in states.items():
            agent = self._world.agents[before[run_id]]
            if self._world.state(run_id) != state:
                assert not agent.local
                assert self._silence_s[agent.id] >= self._world.terms.lost_s

    # The laws

    def check(self) -> None:
        with self._world.database.read() as conn:
            self._runs = {row.id: row for row in conn.execute(sa.select(runs))}
            self._rows = conn.execute(sa.select(attempts).order_by(attempts.c.number)).all()
            self._lines = conn.execute(sa.select(history).order_by(history.c.seq)).all()
            self._waits = conn.execute(sa.select(predecessors)).all()
            latest = conn.scalar(sa.select(revisions.c.latest)) or 0
        self._queue_is_seen()
        self._devices()
        self._attempts_grow()
        self._histories()
        self._predecessors()
        self._changes(latest)

    def _queue_is_seen(self) -> None:
        """Every ledger, however it came there, says what one says that is read anew."""
        queued = {(run.id, run.priority, run.seq) for run in self._runs.values() if run.state == "queued"}
        at_work = {(row.run_id, row.number, row.agent_id) for row in self._rows if row.ended_at is None}
        since = {(f"{row.run_id}/{row.number}", row.granted_at) for row in self._rows if row.ended_at is None}
        with self._world.database.read() as conn:
            for ledger in (*self._world.ledgers.values(), Ledger()):
                waiting = waiting_runs(conn, ledger.look(conn))
                assert {(run.run_id, run.priority, run.seq) for run in waiting} == queued
                assert {(one.run_id, one.number, one.agent_id) for one in ledger.running.values()} == at_work
                assert {(one.key, one.granted_at) for one in ledger.running.values()} == since
                read, kept = (lately(conn, one, [], "anna", "ben") for one in (Ledger().look(conn), ledger))
                assert all(kept(cpu) == pytest.approx(read(cpu), rel=1e-9, abs=1e-6) for cpu in (False, True))
                assert {run.run_id for line in ledger.lines.values() for run in line} == ledger.queue.keys()

    def _devices(self) -> None:
        """No device is double-booked."""
        held = defaultdict(list)
        for row in self._rows:
            if row.ended_at is None:
                devices = decode_devices(row.devices_json)
                wanted = self._runs[row.run_id].gpu
                assert len(devices) == (wanted or 1)
                memory = decode_spec(self._runs[row.run_id].spec_json).gpu_mem_bytes if wanted else None
                for device in devices:
                    held[row.agent_id, device.id].append(Holder(row.run_id, memory_bytes=memory))
        for agent in self._world.agents.values():
            for device in agent.devices:
                assert memory_left(device, held.pop((agent.id, device.id), [])) >= 0
        assert held == {}

    def _attempts_grow(self) -> None:
        numbers, still_open = defaultdict(list), defaultdict(list)
        for row in self._rows:
            numbers[row.run_id].append(row.number)
            if row.ended_at is None:
                still_open[row.run_id].append(row.number)
        for run_id, run in self._runs.items():
            assert numbers[run_id] == list(range(1, run.attempt + 1))
            assert still_open[run_id] == ([run.attempt] if State(run.state) in ACTIVE else [])
            assert run.attempt >= self._attempts.get(run_id, 0)
            self._attempts[run_id] = run.attempt
        assert len({row.token for row in self._rows}) == len(self._rows)

    def _histories(self) -> None:
        """Every history is a path through the table of transitions, and every attempt was paid for."""
        lines = defaultdict(list)
        for line in self._lines:
            lines[line.run_id].append(line)
        for run_id, run in self._runs.items():
            path = lines[run_id]
            assert path[0].before is None
            assert path[0].after in ("created", "queued")
            for one, two in pairwise(path):
                assert one.after == two.before
                assert allowed(State(two.before), State(two.after))
            assert path[-1].after == run.state
            given_back = [line for line in path if line.after == "queued" and line.before not in (None, "created")]
            retries = [line for line in given_back if "is held by" not in line.message]
            assert run.retries_left == decode_spec(run.spec_json).retries - len(retries) >= 0

    def _predecessors(self) -> None:
        """A run begins only after the success of those before it, and does not outlive their failure."""
        for row in self._waits:
            before, after = self._runs[row.after_id], self._runs[row.run_id]
            if State(after.state) in ACTIVE or after.outcome == "succeeded":
                assert before.outcome == "succeeded"
            if before.state == "finished" and before.outcome != "succeeded":
                assert after.state == "finished"

    def _changes(self, latest: int) -> None:
        """Finished runs stay as they are, and every change has a revision of its own."""
        assert latest >= self._revision
        assert len({run.revision for run in self._runs.values()}) == len(self._runs)
        for run_id, run in self._runs.items():
            assert (run.state == "finished") == (run.outcome is not None) == (run.finished_at is not None)
            now = (run.state, run.outcome, run.attempt, run.priority, run.stop_by, run.stop_kill, run.started_at)
            if self._before.get(run_id, now) != now or run_id not in self._before:
                assert self._revision < run.revision <= latest
            self._before[run_id] = now
            if run.state == "finished":
                assert self._finished.setdefault(run_id, tuple(run)) == tuple(run)
        self._revision = latest

    def check_end(self) -> None:
        """Everybody came to exactly one outcome, and everything is free."""
        self.check()
        ends = [line.run_id for line in self._lines if line.after == "finished"]
        assert sorted(ends) == sorted(self._runs)
        assert all(row.ended_at is not None for row in self._rows)
        for what in {str(run.reason) for run in self._runs.values()} | {line.after for line in self._lines}:
            event(what)

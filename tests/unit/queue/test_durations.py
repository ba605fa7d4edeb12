"""A run took as long as its runner says, whatever was done to the clocks meanwhile."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from databases import empty_database
from placements import slot

from gpurun_jupyter.core.events import End, Event, Metric, Output, Start, encode_line
from gpurun_jupyter.core.grants import Ended, Grant, Report
from gpurun_jupyter.core.home import Home
from gpurun_jupyter.core.lifecycle import Outcome, Reason
from gpurun_jupyter.core.runs import RunSpec
from gpurun_server.queue.agents import leases
from gpurun_server.queue.agents.syncing import sync
from gpurun_server.queue.intake import ingest, stretches
from gpurun_server.queue.intake.rebuilding import take_up
from gpurun_server.queue.ledger.ledger import Ledger
from gpurun_server.queue.lifecycle import ending, transitions
from gpurun_server.queue.lifecycle.accept import accept
from gpurun_server.store.database import Database
from gpurun_server.store.folders.records import read
from gpurun_server.store.queries import by_id

NOW = 1_800_000_000.0
KILLED = End(outcome=Outcome.FAILED, reason=Reason.RUNNER_KILLED)


class World:
    """A queue with one agent, and a clock that is set."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.home = Home(folder)
        self.database, self.ledger, self.now = empty_database(self.home), Ledger(), NOW
        for module in (ending, stretches, leases, transitions):
            patch.setattr(module, "time", SimpleNamespace(time=lambda: self.now, monotonic=time.monotonic))

    def sync(self, *ended: Ended) -> list[Grant]:
        who = {"agent_id": "a", "host": "a", "version": "1", "boot": "b"}
        report = Report(devices=[slot(0)], holding=[], ended=[*ended], **who)
        with self.database.write() as writing:
            return sync(writing, self.home, self.ledger, report).grants

    def begin(self) -> Grant:
        with self.database.write() as writing:
            accept(writing, self.home, RunSpec(code="1", gpu=0), owner="anna", offers=[])
        (grant,) = self.sync()
        return grant

    def log(self, grant: Grant, m: float, *log: Event) -> None:
        """Write to the attempt's log and take it in."""
        folder = self.home.attempt(grant.run_id, grant.attempt)
        folder.path.mkdir(parents=True, exist_ok=True)
        with folder.events.open("ab") as file:
            for event in log:
                event.t, event.m = self.now, m
                file.write(encode_line(event))
        with self.database.write() as writing:
            ingest.ingest(writing, grant.run_id, grant.attempt, folder.events, "a")

    def duration_s(self, grant: Grant, database: Database | None = None) -> float:
        with (database or self.database).read() as conn:
            row = by_id(conn, grant.run_id)
        assert row is not None
        assert row.state == "finished"
        return float(row.finished_at - row.started_at)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    made = World(tmp_path / "home", monkeypatch)
    yield made
    made.database.close()


jumps = pytest.mark.parametrize("jump_s", [-34_560_000.0, -3.0, 0.0, 7200.0])


@jumps
def test_a_run_of_eight_seconds_took_eight_seconds(world: World, jump_s: float, tmp_path: Path) -> None:
    grant = world.begin()
    world.log(grant, 0.0, Start(v=1, attempt=1, pid=1, devices=[]))
    world.now += 8 + jump_s
    world.log(grant, 8.0, End(outcome=Outcome.SUCCEEDED, reason=Reason.COMPLETED))
    assert world.duration_s(grant) == pytest.approx(8.0)
    again = empty_database(Home(tmp_path / "again"))
    with again.write() as writing:
        take_up(writing, world.home, read(world.home.run(grant.run_id)))
    assert world.duration_s(grant, again) == pytest.approx(8.0)
    again.close()


@jumps
def test_one_whose_runner_was_killed_took_as_long_as_it_was_heard(world: World, jump_s: float) -> None:
    grant = world.begin()
    world.log(grant, 0.0, Start(v=1, attempt=1, pid=1, devices=[]), Metric(values={"loss": 1.0}))
    world.now += 6 + jump_s
    world.log(grant, 6.0, Output(stream="stdout", text="going on"))
    with world.home.attempt(grant.run_id, 1).events.open("ab") as log:
        log.write(b'{"kind":"output","t":1,"m":99')
    world.now += 3600
    world.sync(Ended(grant.run_id, 1, KILLED))
    assert world.duration_s(grant) == pytest.approx(6.0)


def test_one_that_says_nonsense_ends_when_it_is_heard(world: World) -> None:
    grant = world.begin()
    world.log(grant, 0.0, Start(v=1, attempt=1, pid=1, devices=[]))
    world.now += 8
    world.log(grant, -1e300, End(outcome=Outcome.SUCCEEDED, reason=Reason.COMPLETED))
    assert world.duration_s(grant) == pytest.approx(8.0)


def test_one_given_up_with_its_machine_did_not_end_before_it_began(world: World) -> None:
    grant = world.begin()
    world.log(grant, 0.0, Start(v=1, attempt=1, pid=1, devices=[]))
    world.now -= 86_400
    for _ in range(2):
        with world.database.write() as writing:
            leases.enforce(writing, {"a": 1e6}, leases.Terms())
    assert world.duration_s(grant) == 0.0

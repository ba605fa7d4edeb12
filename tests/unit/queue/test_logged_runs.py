"""Runs that gpurun only hears of: begun, logged, ended, opened again, and found in their folders again."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from databases import empty_database

from gpurun_jupyter.core import events
from gpurun_jupyter.core.errors import InvalidRequest, RunNotFound, WrongState
from gpurun_jupyter.core.home import AttemptFolder, Home
from gpurun_jupyter.core.lifecycle import Outcome, Reason
from gpurun_jupyter.core.names import new_run_id
from gpurun_jupyter.core.parameters import logged_in
from gpurun_jupyter.core.run_checks import check_run
from gpurun_jupyter.core.runs import Run, RunSpec
from gpurun_server.queue.intake.logged_runs import NewRun, append, begin, reopen, take_in
from gpurun_server.queue.ledger.ledger import Ledger
from gpurun_server.queue.lifecycle.editing import changed
from gpurun_server.queue.lifecycle.stopping import cancel
from gpurun_server.queue.listing import first
from gpurun_server.queue.upkeep import silence
from gpurun_server.reindex import reindexed
from gpurun_server.store import notices
from gpurun_server.store.database import Database
from gpurun_server.store.folders import own_logs
from gpurun_server.store.folders.records import read
from gpurun_server.store.folders.retention import thin_logs, weight
from gpurun_server.store.overview.statistics import projects, statistics
from gpurun_server.store.overview.timeline import timeline
from gpurun_server.store.queries import by_id, count_by_state, history_of, to_run

BEGAN = 1_700_000_000.0
SUCCEEDED = events.End(outcome=Outcome.SUCCEEDED, reason=Reason.COMPLETED, t=BEGAN + 60, m=60)
FAILED = events.End(outcome=Outcome.FAILED, reason=Reason.EXCEPTION, message="no", t=BEGAN + 90, m=90)


class UndoneError(Exception):
    """Raised to have a transaction rolled back."""


class Logged:
    """A state directory, its database, and what a client does."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder)
        self.database = empty_database(self.home)

    def begin(self, name: str = "tried", parent: str | None = None, owner: str = "anna") -> str:
        run_id = new_run_id()
        new = NewRun(id=run_id, name=name, project="digits", owner=owner, parent=parent, began_at=BEGAN)
        with self.database.write() as writing:
            begin(writing, self.home, new)
        return run_id

    def log(self, run_id: str, *happened: events.Event) -> Run:
        append(self.home, run_id, happened)
        with self.database.write() as writing:
            take_in(writing, self.home, run_id)
        return self.run(run_id)

    def run(self, run_id: str) -> Run:
        with self.database.read() as conn:
            return to_run(by_id(conn, run_id))  # type: ignore[arg-type]

    def states(self, run_id: str) -> list[str]:
        with self.database.read() as conn:
            return [line["after"] for line in history_of(conn, run_id)]

    def lines(self, run_id: str) -> list[events.AnyEvent | None]:
        return [*map(events.event_on, self.home.attempt(run_id, 1).events.read_bytes().splitlines())]

    def lose(self) -> list[str]:
        """Lose the database, and have it built again; returns what is said of that."""
        self.database.close()
        for path in self.home.path.glob("gpurun.db*"):
            path.unlink()
        self.database = empty_database(self.home)
        return [*reindexed(self.home)]


@pytest.fixture
def logged(tmp_path: Path) -> Iterator[Logged]:
    logged = Logged(tmp_path / "home")
    yield logged
    logged.database.close()


def metric(value: float, step: int = 0) -> events.Metric:
    return events.Metric(values={"loss": value}, step=step, t=BEGAN + step, m=step)


def test_a_run_begins(logged: Logged) -> None:
    run_id = logged.begin()
    run = logged.run(run_id)
    assert (run.state, run.kind, run.agent, run.attempt, run.started_at) == ("running", "logged", "logged", 1, BEGAN)
    assert (run.name, run.project, run.owner, run.parent) == ("tried", "digits", "anna", None)
    assert read(logged.home.run(run_id)).spec == RunSpec(name="tried", project="digits", logged="mlflow")
    assert [type(line) for line in logged.lines(run_id)] == [events.Start]
    assert logged.home.attempt(run_id, 1).events.stat().st_mode & 0o777 == 0o600


def test_one_that_is_undone_leaves_nothing(logged: Logged) -> None:
    new = NewRun(id="abcdefgh", name="tried", project="digits", owner="anna", began_at=BEGAN)
    with suppress(UndoneError), logged.database.write() as writing:
        begin(writing, logged.home, new)
        raise UndoneError
    assert not logged.home.run("abcdefgh").path.exists()
    with pytest.raises(RunNotFound):
        append(logged.home, "abcdefgh", [metric(1)])


def test_somebody_elses_run_is_no_parent(logged: Logged) -> None:
    run_id = logged.begin(owner="berta")
    with pytest.raises(RunNotFound):
        logged.begin(parent=run_id)
    assert logged.run(logged.begin(parent="notyet22")).parent == "notyet22"
    with pytest.raises(RunNotFound), logged.database.write() as writing:
        take_in(writing, logged.home, "notyet22")


@pytest.mark.parametrize("name", ["", "..", "a/b", "two\nlines", "x" * 101])
def test_a_name_that_no_run_can_have_is_refused(logged: Logged, name: str) -> None:
    with pytest.raises(InvalidRequest):
        logged.begin(name)
    assert [*logged.home.runs.iterdir()] == []


def test_what_is_logged_reaches_the_database(logged: Logged) -> None:
    run_id = logged.begin()
    said = events.Meta(values={"author": "anna", "note": "n" * 7900, "long": "n" * 8000, own_logs.LOG_PLACE: "9:9"})
    run = logged.log(
        run_id, metric(0.5, 1), metric(0.25, 2), events.Parameters(values={"lr": 0.1, "text": "x" * 6000}), said
    )
    assert run.metrics["loss"].last == 0.25
    assert logged_in(run.meta) == {"lr": "0.1", "text": "x" * 6000}
    assert run.meta.keys() == {"author", "note", "parameters"}
    assert own_logs.LOG_PLACE not in logged.home.attempt(run_id, 1).events.read_text()
    assert "author" not in logged.log(run_id, events.Meta(values={"author": None, "unknown": None})).meta
    facts = logged.log(run_id, events.Meta(values={f"fact {n}": n for n in range(1200)})).meta
    assert len(facts) == 1000


def test_more_is_told_after_the_end(logged: Logged) -> None:
    run_id = logged.begin()
    assert logged.log(run_id, SUCCEEDED).finished_at == BEGAN + 60
    run = logged.log(run_id, metric(0.125), events.Meta(values={"note": "late"}))
    assert (run.state, run.outcome, run.metrics["loss"].last, run.meta) == (
        "finished",
        "succeeded",
        0.125,
        {"note": "late"},
    )
    assert logged.log(run_id, SUCCEEDED) == logged.run(run_id)
    assert logged.states(run_id) == ["running", "finished"]
    run = logged.log(run_id, FAILED)
    assert (run.state, run.outcome, run.message, run.finished_at) == ("finished", "failed", "no", BEGAN + 90)


def test_a_finished_run_goes_on(logged: Logged) -> None:
    run_id = logged.begin()
    logged.log(run_id, metric(1), FAILED)
    with logged.database.write() as writing:
        reopen(writing, logged.home, run_id)
    run = logged.run(run_id)
    assert (run.state, run.outcome, run.reason, run.message, run.finished_at) == ("running", None, None, "", None)
    assert run.started_at == BEGAN
    before = logged.log(run_id, metric(2))
    logged.lose()
    again = logged.run(run_id)
    assert (again.state, again.metrics, again.started_at) == (before.state, before.metrics, BEGAN)
    logged.log(run_id, SUCCEEDED)
    assert logged.states(run_id) == ["running", "finished"]  # what is replayed at one stroke was one stretch


@pytest.mark.parametrize("ends", [(), (SUCCEEDED,), (FAILED, metric(3)), (SUCCEEDED, metric(3), FAILED)])
def test_it_is_found_in_its_folder_again(logged: Logged, ends: tuple[events.Event, ...]) -> None:
    run_id = logged.begin()
    logged.log(run_id, metric(1), events.Meta(values={"mlflow.user": "anna"}), events.Parameters(values={"lr": "x"}))
    before = logged.log(run_id, *ends) if ends else logged.run(run_id)
    assert any("1 runs are back" in sentence for sentence in logged.lose())
    again = logged.run(run_id)
    for name in ("state", "outcome", "reason", "message", "metrics", "meta", "started_at", "finished_at", "created_at"):
        assert getattr(again, name) == getattr(before, name)


def test_pruning_leaves_its_log_as_it_is(logged: Logged) -> None:
    run_id = logged.begin()
    logged.log(run_id, metric(1), events.Parameters(values={"lr": "x"}), SUCCEEDED)
    before = logged.lines(run_id)
    assert weight(logged.home.run(run_id)) == 0
    thin_logs(logged.home.run(run_id))
    assert logged.lines(run_id) == before


def test_what_a_killed_process_wrote_in_part_is_taken_away(logged: Logged) -> None:
    run_id = logged.begin()
    logged.log(run_id, metric(1, 1))
    folder = logged.home.attempt(run_id, 1)
    before, write = folder.events.read_bytes(), os.write
    if (pid := os.fork()) == 0:
        with mock.patch.object(os, "write", lambda fd, data: (write(fd, data[: len(data) // 2]), os._exit(0))):
            own_logs.append(folder, [metric(value, 2) for value in range(100)])
    os.waitpid(pid, 0)
    assert folder.events.stat().st_size > len(before) + 1000
    with logged.database.write() as writing:  # whole lines are among them, which nobody takes in
        take_in(writing, logged.home, run_id)
    assert folder.events.read_bytes() == before
    assert logged.log(run_id, metric(3, 3)).metrics["loss"].last == 3
    assert [line.step for line in logged.lines(run_id) if isinstance(line, events.Metric)] == [1, 3]


def test_what_is_being_written_is_not_taken_in(logged: Logged) -> None:
    run_id, whole_bytes = logged.begin(), own_logs.whole_bytes

    def before_another_write(folder: AttemptFolder) -> int:
        size = whole_bytes(folder)
        with folder.events.open("ab") as log:  # which may yet be taken back
            log.write(events.encode_line(metric(1)))
        return size

    with mock.patch.object(own_logs, "whole_bytes", before_another_write):
        run = logged.log(run_id, metric(2))
    assert run.metrics["loss"].last == 2


def test_who_writes_waits_for_who_does(logged: Logged) -> None:
    run_id = logged.begin()
    before = logged.lines(run_id)
    writer = threading.Thread(target=append, args=(logged.home, run_id, [metric(1)]))
    with logged.home.attempt(run_id, 1).appending.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        writer.start()
        writer.join(0.2)
        assert logged.lines(run_id) == before
    writer.join()
    assert len(logged.lines(run_id)) == len(before) + 1


def test_what_a_full_disk_took_in_part_is_taken_back(logged: Logged) -> None:
    run_id, write = logged.begin(), os.write
    before = logged.lines(run_id)

    def full(fd: int, data: Any) -> int:
        if len(data) < 4000:
            raise OSError(28, "No space left on device")
        return write(fd, data[:1000])

    with mock.patch.object(os, "write", full), pytest.raises(OSError, match="No space"):
        append(logged.home, run_id, [metric(value) for value in range(100)])
    assert logged.lines(run_id) == before


def test_two_servers_log_to_one_run(logged: Logged) -> None:
    run_id, count = logged.begin(), 100
    databases = [Database(logged.home), Database(logged.home)]

    def log(number: int, database: Database) -> None:
        for step in range(count):
            append(logged.home, run_id, [metric(step, step), events.Parameters(values={f"p{number}-{step}": step})])
            if step % 10 == 0:
                with database.write() as writing:
                    take_in(writing, logged.home, run_id)

    threads = [threading.Thread(target=log, args=one) for one in enumerate(databases)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run = logged.log(run_id, SUCCEEDED)
    assert len(logged_in(run.meta)) == 2 * count
    assert len([line for line in logged.lines(run_id) if isinstance(line, events.Metric)]) == 2 * count
    assert logged.states(run_id) == ["running", "finished"]
    for database in databases:
        database.close()


def test_a_cancelled_one_ends_at_once_and_its_children_do(logged: Logged) -> None:
    run_id = logged.begin()
    child = logged.begin("inner", parent=run_id)
    grandchild = logged.begin("innermost", parent=child)
    done = logged.begin("done", parent=run_id)
    logged.log(done, SUCCEEDED)
    with logged.database.write() as writing:
        cancel(writing, run_id, by="anna")
    ended = [logged.run(one) for one in (run_id, child, grandchild)]
    assert [one.outcome for one in ended] == ["cancelled"] * 3
    assert ended[0].message == "cancelled by anna"
    assert logged.run(done).outcome == "succeeded"
    with logged.database.write() as writing:
        for one in ended:
            take_in(writing, logged.home, one.id)  # what the server wrote itself is no second end
    assert [logged.run(one.id) for one in ended] == ended
    logged.lose()
    assert [(one.state, one.outcome, one.message) for one in map(logged.run, [one.id for one in ended])] == [
        (one.state, one.outcome, one.message) for one in ended
    ]


def test_the_end_of_a_parent_that_is_logged_is_not_that_of_its_children(logged: Logged) -> None:
    run_id = logged.begin()
    child = logged.begin("inner", parent=run_id)
    logged.log(run_id, SUCCEEDED)
    assert logged.run(child).state == "running"


def test_it_is_not_counted_as_at_work(logged: Logged) -> None:
    run_id, now = logged.begin(), time.time()
    with logged.database.read() as conn:
        assert [*Ledger().look(conn).running.values()] == []
        assert count_by_state(conn, "anna") == statistics(conn, "anna").states == {"elsewhere": 1}
        assert projects(conn, "anna")[0].states == {"elsewhere": 1}
        assert timeline(conn, "anna", 0, now, parts=1, now=now).attempts == []
    for name in range(3):
        logged.begin(str(name))
    with logged.database.read() as conn:
        assert run_id not in [run.id for run in first(conn, Ledger(), "anna", 3)]
    logged.log(run_id, SUCCEEDED)
    wish = notices.Wish(["anna"], [], ["succeeded"], lost=True)
    with logged.database.read() as conn:
        assert count_by_state(conn, "anna") == {"elsewhere": 3, "finished": 1}
        assert notices.lines_between(conn, wish, 0, 10**6) == []


def test_one_that_is_not_heard_of_says_so(logged: Logged) -> None:
    run_id, over = logged.begin(), logged.begin()
    logged.log(over, SUCCEEDED)
    heard_at, now = logged.home.attempt(run_id, 1).events.stat().st_mtime, time.time()
    silence.tell_of_silence(logged.database, logged.home)
    assert logged.run(run_id).message == ""
    other = Database(logged.home)  # of another server
    with mock.patch.object(time, "time", return_value=now + silence.SILENT_S + 60):
        silence.tell_of_silence(logged.database, logged.home)
        run = logged.run(run_id)
        silence.tell_of_silence(other, logged.home)
    assert run.message == f"Not heard of since {time.strftime('%Y-%m-%d %H:%M', time.localtime(heard_at))}."
    assert logged.run(run_id) == run
    assert logged.run(over).message == ""
    assert logged.log(run_id, metric(1)).message == ""
    other.close()


def test_it_is_neither_submitted_nor_run_again(logged: Logged) -> None:
    for spec in (RunSpec(code="1", logged="mlflow"), RunSpec(code="1", parent="abcdefgh"), RunSpec(logged="mlflow")):
        with pytest.raises(InvalidRequest, match="cannot be submitted"):
            check_run(spec)
    with pytest.raises(WrongState, match="logged by a client of mlflow: of another tool's run there is no code"):
        changed(read(logged.home.run(logged.begin())).spec, {})

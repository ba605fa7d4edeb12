"""A run of another tool gets its folder and its row, both or neither, also where it is taken in a second time."""

from __future__ import annotations

from pathlib import Path

import pytest
from databases import empty_database

from gpurun_jupyter.core import events
from gpurun_jupyter.core.errors import WrongState
from gpurun_jupyter.core.home import AttemptFolder, Home
from gpurun_jupyter.core.lifecycle import Outcome, Reason
from gpurun_jupyter.core.runs import RunSpec
from gpurun_server.queue.intake.new_run import new_run, run_anew
from gpurun_server.queue.upkeep.deletion import delete
from gpurun_server.store.database import Database
from gpurun_server.store.folders.own_logs import append
from gpurun_server.store.folders.records import RunRecord
from gpurun_server.store.queries import by_id, to_run


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def database(home: Home) -> Database:
    return empty_database(home)


RECORD = RunRecord(
    id="k3f9x2ab",
    name="first",
    project="digits",
    owner="anna",
    gpu=0,
    created_at=100.0,
    spec=RunSpec(files="mlflow:1", name="first", project="digits"),
)


def write(folder: AttemptFolder, loss: float) -> None:
    folder.work.mkdir()
    (folder.work / "loss.txt").write_text(str(loss))
    start = events.Start(v=events.FORMAT_VERSION, attempt=1, pid=0, devices=[], t=100.0)
    end = events.End(outcome=Outcome.SUCCEEDED, reason=Reason.COMPLETED, t=110.0, m=10.0)
    append(folder, [start, events.Metric(values={"loss": loss}, t=101.0, m=1.0), end])


def kept(home: Home, database: Database) -> tuple[float | str | None, str]:
    """The metric in the database, and the file in the folder."""
    with database.read() as conn:
        row = by_id(conn, RECORD.id)
    assert row is not None
    return to_run(row).metrics["loss"].last, (home.attempt(RECORD.id, 1).work / "loss.txt").read_text()


def test_both_are_there(home: Home, database: Database) -> None:
    with new_run(home, database, RECORD) as folder:
        write(folder, 0.5)
    assert kept(home, database) == (0.5, "0.5")


def test_who_comes_second_makes_nothing(home: Home, database: Database) -> None:
    with pytest.raises(WrongState), new_run(home, database, RECORD, lambda _: True) as folder:
        write(folder, 0.5)
    assert not home.run(RECORD.id).path.exists()


def test_it_is_taken_in_again(home: Home, database: Database) -> None:
    with new_run(home, database, RECORD) as folder:
        write(folder, 0.5)
    with run_anew(home, database, RECORD) as folder:
        write(folder, 0.25)
    assert kept(home, database) == (0.25, "0.25")
    assert [path.name for path in home.attempt(RECORD.id, 1).path.parent.iterdir()] == ["1"]


def test_nothing_changes_where_that_fails(home: Home, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with new_run(home, database, RECORD) as folder:
        write(folder, 0.5)
    monkeypatch.setattr("gpurun_server.queue.intake.new_run.touch", lambda *_, **__: 1 / 0)  # behind the last change
    with pytest.raises(ZeroDivisionError), run_anew(home, database, RECORD) as folder:
        write(folder, 0.25)
    assert kept(home, database) == (0.5, "0.5")


def test_one_that_was_deleted_stays_so(home: Home, database: Database) -> None:
    with new_run(home, database, RECORD) as folder:
        write(folder, 0.5)
    with database.write() as writing:
        delete(writing, RECORD.id, by="anna")
    with pytest.raises(WrongState), run_anew(home, database, RECORD) as folder:
        write(folder, 0.25)
    assert kept(home, database) == (0.5, "0.5")

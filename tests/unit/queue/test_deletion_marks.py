"""A deleted run stays deleted in a database that is built from the folders again."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from databases import empty_database

from gpurun_jupyter.core.home import Home
from gpurun_jupyter.core.lifecycle import Outcome, Reason, State
from gpurun_jupyter.core.runs import RunSpec
from gpurun_server.queue.lifecycle.accept import accept
from gpurun_server.queue.lifecycle.transitions import move
from gpurun_server.queue.upkeep.deletion import UNDO_S, delete, purge, restore
from gpurun_server.reindex import reindexed
from gpurun_server.store.database import Database
from gpurun_server.store.queries import by_id


class UndoneError(Exception):
    """Raised to have a transaction rolled back."""


def deleted_at(database: Database, run_id: str) -> float | None:
    with database.read() as conn:
        row = by_id(conn, run_id)
    assert row is not None
    found: float | None = row.deleted_at
    return found


def undone(database: Database, change: Callable[..., str], run_id: str) -> None:
    with suppress(UndoneError), database.write() as writing:
        change(writing, run_id, by="anna")
        raise UndoneError


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def run_id(home: Home) -> str:
    database = empty_database(home)
    over = {"by": "anna", "outcome": Outcome.CANCELLED, "reason": Reason.CANCELLED_BY}
    with database.write() as writing:
        run_id = accept(writing, home, RunSpec(code="1", gpu=0), owner="anna", offers=[])
        move(writing, run_id, State.FINISHED, **over)
    with database.write() as writing:
        delete(writing, run_id, by="anna")
    database.close()
    return run_id


def rebuilt(home: Home) -> tuple[Database, str]:
    for path in home.path.glob("gpurun.db*"):
        path.unlink()
    said = "\n".join(reindexed(home))
    return Database(home), said


def test_it_is_deleted_still_until_that_is_taken_back(home: Home, run_id: str) -> None:
    database, said = rebuilt(home)
    assert "1 of them had been deleted, and are so still" in said
    assert deleted_at(database, run_id) == pytest.approx(time.time(), abs=30)
    with database.write() as writing:
        restore(writing, run_id, by="anna")
    database.close()
    database, said = rebuilt(home)
    assert "deleted" not in said
    assert deleted_at(database, run_id) is None
    database.close()


def test_it_is_gone_when_its_time_is_over(home: Home, run_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    database, _ = rebuilt(home)
    long_ago = time.time() + UNDO_S + 1
    monkeypatch.setattr("gpurun_server.queue.upkeep.deletion.time.time", lambda: long_ago)
    with database.write() as writing:
        assert purge(writing) == [run_id]
    database.close()


def test_what_was_not_committed_is_not_said_in_the_folder(home: Home, run_id: str) -> None:
    database = Database(home)
    undone(database, restore, run_id)
    assert home.run(run_id).deleted.exists()
    with database.write() as writing:
        restore(writing, run_id, by="anna")
    undone(database, delete, run_id)
    assert not home.run(run_id).deleted.exists()
    database.close()


@pytest.mark.parametrize("mark", [b"", b"\xff\x00", b'{"at":1e300}'])
def test_a_damaged_mark_counts_from_when_it_was_written(home: Home, run_id: str, mark: bytes) -> None:
    home.run(run_id).deleted.write_bytes(mark)
    database, _ = rebuilt(home)
    assert deleted_at(database, run_id) == pytest.approx(time.time(), abs=30)
    database.close()

"""An import goes on piece by piece, and what cannot be had of one run keeps no other from being imported."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from databases import empty_database
from logged_files import LOGGED

from gpurun_jupyter.core.errors import TrackingUnreachable
from gpurun_jupyter.core.home import Home
from gpurun_server.queue.intake.mlflow import importing
from gpurun_server.queue.intake.mlflow.found import FoundRun, StoredFile
from gpurun_server.queue.intake.mlflow.importing import import_mlflow
from gpurun_server.queue.intake.mlflow.sqlite_store import SqliteStore
from gpurun_server.reindex import reindexed
from gpurun_server.store.database import Database
from gpurun_server.store.tables import model_versions, runs


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def database(home: Home) -> Iterator[Database]:
    made = empty_database(home)
    yield made
    made.close()


@pytest.fixture
def store(tmp_path: Path) -> Path:
    with tarfile.open(LOGGED / "mlflow_sqlite.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path / "mlflow.db"


def names(database: Database, owner: str) -> list[str]:
    with database.read() as conn:
        return [*conn.scalars(sa.select(runs.c.name).where(runs.c.owner == owner).order_by(runs.c.seq))]


def imported(home: Home, database: Database, store: Path, owner: str = "anna") -> tuple[list[int], list[str]]:
    """How many runs each piece brought, and what was said."""
    counts, told, after = list[int](), list[str](), None
    while True:
        piece = import_mlflow(home, database, owner, str(store), None, after, told.append)
        counts.append(len(piece.runs))
        if piece.next is None:
            return counts, told
        assert piece.next != after
        after = piece.next


def test_piece_by_piece(home: Home, database: Database, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "BUDGET_S", -1.0)
    assert imported(home, database, store) == ([1, 1, 1], [])
    assert names(database, "anna") == ["first", "second", "inner"]
    assert imported(home, database, store) == ([0, 0, 0], [])


def test_each_owner_has_runs_and_models_of_their_own(home: Home, database: Database, store: Path) -> None:
    for owner in ("anna", "bert"):
        assert imported(home, database, store, owner) == ([3], [])
        assert names(database, owner) == ["first", "second", "inner"]
    with database.read() as conn:
        owners = conn.scalars(sa.select(model_versions.c.owner).order_by(model_versions.c.owner)).all()
    assert owners == ["anna", "bert"]


def test_a_path_that_leaves_its_folder_brings_no_file(
    home: Home, database: Database, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def files(_: SqliteStore, uri: str, run: FoundRun | None) -> Iterator[StoredFile]:
        yield StoredFile("../../../run.json", lambda: iter([b"{}"]))

    monkeypatch.setattr(SqliteStore, "files", files)
    counts, told = imported(home, database, store)
    assert counts == [3]
    assert "Version 1 of digits-net is left out: its files are at '../../../run.json'" in told[0]
    assert "The artifacts of 3 runs, if any, are at '../../../run.json', which leads out" in told[1]
    assert [path.name for path in home.runs.rglob("work/**/*")] == []


def test_a_server_that_goes_away_ends_it(
    home: Home, database: Database, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def points(_: SqliteStore, run: FoundRun) -> Iterator[None]:
        if run.name == "second":
            raise TrackingUnreachable("No tracking server answers.", "Do this again.")
        return iter(())

    monkeypatch.setattr(SqliteStore, "points", points)
    assert imported(home, database, store) == ([1], ["No tracking server answers. Do this again."])
    assert names(database, "anna") == ["first"]
    monkeypatch.undo()
    assert imported(home, database, store) == ([2], [])  # what was imported stays
    assert names(database, "anna") == ["first", "second", "inner"]
    assert len([*home.runs.iterdir()]) == 3


def test_a_disk_that_takes_nothing_leaves_no_halves(
    home: Home, database: Database, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(importing, "copy_artifacts", full)
    with pytest.raises(OSError, match="No space left"):  # which is told as any full disk is
        imported(home, database, store)
    assert names(database, "anna") == []
    assert [*home.runs.iterdir()] == []


def test_a_database_that_was_lost_has_them_again(home: Home, database: Database, store: Path) -> None:
    imported(home, database, store)
    database.close()
    home.database.unlink()
    said, *_ = reindexed(home)
    assert said.startswith("3 runs are back")
    again = Database(home)
    assert names(again, "anna") == ["first", "second", "inner"]
    assert imported(home, again, store) == ([0], [])  # and they are known
    with again.read() as conn:
        assert conn.scalar(sa.select(sa.func.count()).select_from(model_versions)) == 1
        inner = conn.execute(sa.select(runs).where(runs.c.name == "inner")).one()
        second = conn.execute(sa.select(runs).where(runs.c.name == "second")).one()
    assert f'"parent":"{second.id}"' in inner.spec_json
    again.close()

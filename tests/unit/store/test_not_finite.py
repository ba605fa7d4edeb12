"""Values that are no finite numbers, and more metrics than lists show: what the database makes of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from databases import empty_database

from gpurun_jupyter.core.errors import InvalidRequest, RunNotFound
from gpurun_jupyter.core.home import Home
from gpurun_jupyter.core.models import Best
from gpurun_jupyter.core.runs import MetricSummary
from gpurun_server.store.database import Database
from gpurun_server.store.models.best_run import best_run
from gpurun_server.store.queries import Filters, encode, find, to_run
from gpurun_server.store.search import sheet, window
from gpurun_server.store.summaries import METRICS_LISTED, keep_metrics, metrics_by_run
from gpurun_server.store.tables import runs


def insert(conn: sa.Connection, seq: int, **columns: Any) -> None:
    row = {"id": f"r{seq}", "name": f"r{seq}", "project": "p", "owner": "anna", "kind": "cell", "state": "finished"}
    row |= {"outcome": "succeeded", "spec_json": '{"code":"1"}', "tags_json": "[]", "created_at": 1.0 * seq}
    conn.execute(sa.insert(runs), {**row, "priority": 0, "gpu": 0, "revision": seq, **columns})


def ids(database: Database, offset: int = 0, limit: int = 1000, **filters: Any) -> list[str]:
    with database.read() as conn:
        return [row.id for row in window.window(conn, "anna", Filters(**filters), offset, limit)]


@pytest.fixture
def diverged(tmp_path: Path) -> Iterator[Database]:
    """Runs `r1` to `r4` whose acc is at last 0.9, NaN after 0.95, Infinity from the beginning, and 0.5."""
    found = empty_database(Home(tmp_path / "home"))
    summaries = [
        MetricSummary(0.9, 0.5, 0.9),
        MetricSummary("NaN", 0.5, 0.95),
        MetricSummary("Infinity", None, None),
        MetricSummary(0.5, 0.5, 0.5),
    ]
    with found.write() as writing:
        for seq, summary in enumerate(summaries, 1):
            insert(writing.conn, seq)
            keep_metrics(writing.conn, seq, {"acc": summary})
    yield found
    found.close()


@pytest.mark.parametrize(
    ("condition", "fits"),
    [
        ("acc > 0.1", ["r4", "r1"]),
        ("acc < 0.1", []),
        ("acc != 0.9", ["r4"]),
        ("acc in (0.5, 0.9)", ["r4", "r1"]),
        ("not acc > 0.1", ["r3", "r2"]),
        ("acc.max > 0.94", ["r2"]),
        ("acc.max < 10", ["r4", "r2", "r1"]),
    ],
)
def test_what_is_no_number_fulfils_no_comparison(diverged: Database, condition: str, fits: list[str]) -> None:
    assert ids(diverged, where=condition) == fits
    with diverged.read() as conn:
        assert window.total(conn, "anna", Filters(where=condition)) == len(fits)


@pytest.mark.parametrize("size", [1, 2, 3, 10])
def test_what_is_no_number_sorts_last(diverged: Database, size: int) -> None:
    def all_of(sort: str) -> list[str]:
        return [name for offset in range(0, 10, size) for name in ids(diverged, offset, size, sort=sort)]

    assert all_of("acc") == ["r4", "r1", "r3", "r2"]
    assert all_of("-acc") == ["r1", "r4", "r3", "r2"]
    assert all_of("-acc.max") == ["r2", "r1", "r4", "r3"]


def test_what_is_no_number_is_never_the_best(diverged: Database) -> None:
    with diverged.read() as conn:
        assert best_run(conn, "anna", Best("acc")) == "r1"
        assert best_run(conn, "anna", Best("acc", "min")) == "r4"
        with pytest.raises(RunNotFound, match="a number as its last 'nothing'"):
            best_run(conn, "anna", Best("nothing"))


def test_lists_and_csv_say_what_it_is(diverged: Database) -> None:
    with diverged.read() as conn:
        found = metrics_by_run(conn, {2: "r2", 3: "r3"}, ["acc", "none"])
        assert found == {
            "r2": {"acc": MetricSummary("NaN", 0.5, 0.95)},
            "r3": {"acc": MetricSummary("Infinity", None, None)},
        }
        assert sheet.Sheet.of(conn, "anna", ["name,metrics.acc"]).lines(conn, [2, 3, 1]).split() == [
            "r2,nan",
            "r3,inf",
            "r1,0.9",
        ]


def test_a_run_with_many_metrics_travels_with_the_first(tmp_path: Path) -> None:
    from alembic import command

    from gpurun_server.store.migrate import config

    home = Home(tmp_path / "home")
    home.create()
    database = Database(home)
    many = {f"layer{n}": MetricSummary(n, n, n) for n in range(METRICS_LISTED + 3)}
    few = dict([*many.items()][:METRICS_LISTED])
    with database.engine.begin() as conn:
        command.upgrade(config(conn), "0010")
        for seq, metrics in enumerate((many, few), 1):
            insert(conn, seq, metrics_json=encode(metrics))
        conn.exec_driver_sql("INSERT INTO run_metrics (run, name, last, min, max) VALUES (1, 'layer14', 14, 14, 14)")
    database.prepare()
    with database.read() as conn:
        found = {run.id: run for run in map(to_run, window.window(conn, "anna", Filters(), 0, 10))}
        assert found["r1"].metrics == found["r2"].metrics == few
        assert (found["r1"].more_metrics, found["r2"].more_metrics) == (3, 0)
        assert to_run(find(conn, "r1", "anna")).metrics == many
        assert "WITHOUT ROWID" in str(conn.scalar(sa.text("SELECT sql FROM sqlite_master WHERE name = 'run_metrics'")))
        assert metrics_by_run(conn, {1: "r1"}) == {"r1": {"layer14": many["layer14"]}}
    database.close()


def test_columns_are_named_with_their_commas(diverged: Database) -> None:
    with diverged.write() as writing:
        keep_metrics(writing.conn, 1, {"P(acc, top5)": MetricSummary(0.5, 0.5, 0.5)})
    with diverged.read() as conn:
        for asked in (["name,metrics.P(acc, top5)"], ["name", "metrics.P(acc, top5)"]):
            assert sheet.Sheet.of(conn, "anna", asked).names == ("name", "metrics.P(acc, top5)")
        with pytest.raises(InvalidRequest, match=r"no column 'metrics\.P\(acc'"):
            sheet.Sheet.of(conn, "anna", ["metrics.P(acc"])

"""Runs that gpurun only hears of, kept in PostgreSQL: logged by clients, by the code of runs, and imported."""

from __future__ import annotations

import sqlite3
import tarfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from unittest import mock

import pytest
import sqlalchemy as sa
from logged_files import LOGGED
from postgres import Cluster
from servers import JupyterServer
from tracking_door import Door

from gpurun_jupyter.core import events
from gpurun_jupyter.core.home import Home
from gpurun_jupyter.core.lifecycle import Outcome, Reason, State
from gpurun_jupyter.core.runs import RunSpec
from gpurun_server.queue.intake.ingest import ingest
from gpurun_server.queue.intake.logged_runs import NewRun, append, begin, reopen, take_in
from gpurun_server.queue.lifecycle.accept import accept
from gpurun_server.queue.lifecycle.ending import end_attempt
from gpurun_server.queue.lifecycle.stopping import cancel
from gpurun_server.queue.lifecycle.transitions import move
from gpurun_server.queue.upkeep.silence import SILENT_S, tell_of_silence
from gpurun_server.store.database import Database
from gpurun_server.store.overview.statistics import projects, statistics
from gpurun_server.store.queries import Filters, count_by_state
from gpurun_server.store.search.window import newest
from gpurun_server.store.tables import attempts, runs


@pytest.fixture(scope="module")
def server(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    server = JupyterServer(tmp_path_factory.mktemp("postgres"), migrated=False)
    server.env["GPURUN_DB"] = cluster.url
    yield server.start()
    server.close()


def test_mlflows_clients_log_and_search(server: JupyterServer) -> None:
    door = Door(server)
    project = door.post("experiments/create", name="tracked")["experiment_id"]
    ids = []
    for number, word in enumerate(("NaN", 0.5, 0.9)):
        run_id = door.create(project, run_name=f"run_{number}", tags=[{"key": "kind", "value": f"a\\b_{number}"}])
        door.post("runs/log-batch", run_id=run_id, metrics=[{"key": "acc", "value": word, "timestamp": 5, "step": 1}])
        door.post("runs/log-parameter", run_id=run_id, key="lr", value=f"0.{number}")
        ids.append(run_id)
    first, second, third = ids
    fitting = {
        "metrics.acc > 0.4 and params.lr != '0.1'": [third],
        "tags.kind = 'a\\\\b_1'": [second],
        "tags.kind LIKE 'A%'": [],
        "tags.kind ILIKE 'A%1'": [second],
        "tags.kind LIKE 'a\\\\b__'": [third, second, first],
        "tags.nothing IS NULL and run_name LIKE 'run__'": [third, second, first],
        "start_time > 5 and attributes.status = 'RUNNING'": [third, second, first],
    }
    assert {text: door.search(project, filter=text) for text in fitting} == fitting
    assert door.search(project, order_by=["metrics.acc DESC", "tags.kind"]) == [third, second, first]
    assert door.search(project, order_by=["tags.kind"], run_view_type="ALL") == ids
    assert door.history(first, "acc") == [("NaN", 5, 1)]
    put = door.artifact("PUT", f"{third}/{third}/model/weights", content=b"x")
    assert put.status_code == 200
    made = door.post("model-versions/create", name="tracked", source=f"runs:/{third}/model", run_id=third)
    assert made["model_version"]["version"] == "1"
    door.http.close()


def test_runs_of_mlflow_are_imported_and_brought_up_to_date(server: JupyterServer, tmp_path: Path) -> None:
    with tarfile.open(LOGGED / "mlflow_sqlite.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")

    def imported() -> list[str]:
        answer = server.http.post("import", json={"kind": "mlflow", "path": f"{tmp_path}/mlflow.db"}).json()
        assert answer["left_out"] == []
        return list(answer["runs"])

    first = imported()
    assert [server.run(run_id)["name"] for run_id in first] == ["first", "second", "inner"]
    assert server.run(first[2])["parent"] == first[1]
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as conn, conn:
        conn.execute("INSERT INTO tags SELECT 'nul', 'a' || char(0) || 'b', run_uuid FROM runs WHERE name = 'second'")
    (changed,) = imported()
    assert changed == first[1]
    assert server.run(changed)["meta"]["nul"] == "ab"
    assert imported() == []


def test_logged_runs_and_their_children(cluster: Cluster, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.create()
    database = Database(home, cluster.database("logged"))
    database.prepare()
    now = time.time()
    with database.write() as writing:
        for run_id, parent in (("outer222", None), ("inner222", "outer222"), ("other222", "inner222")):
            begin(writing, home, NewRun(id=run_id, name="x", project="p", owner="anna", parent=parent, began_at=now))
    said = [
        events.Metric(values={"loss": "NaN"}),
        events.Meta(values={"nul": "\0"}),
        events.Parameters(values={"lr": 1}),
    ]
    append(home, "inner222", said)
    append(home, "other222", [events.Child(run="child222", event=said[0])])  # it is no run with an attempt of ours
    with database.write() as writing:
        run_id = accept(writing, home, RunSpec(code="1", gpu=0), owner="anna", offers=[])
        move(writing, run_id, State.STARTING, by="a", attempt=1, agent_id="a")
        attempt = {"run_id": run_id, "number": 1, "agent_id": "a", "token": "t", "devices_json": "[]"}
        writing.conn.execute(sa.insert(attempts), {**attempt, "granted_at": now})
    log = home.attempt(run_id, 1).events
    log.parent.mkdir(parents=True)
    told = [
        events.Child(run="child222", event=said[0], t=now),
        events.Child(run="grand222", event=said[2], t=now, parent="child222"),
    ]
    log.write_bytes(b"".join(map(events.encode_line, [events.Start(v=1, attempt=1, pid=1, devices=[], t=now), *told])))
    with database.write() as writing:
        assert ingest(writing, run_id, 1, log, "a")
        take_in(writing, home, "inner222")
        take_in(writing, home, "other222")
    with database.read() as conn:
        assert count_by_state(conn, "anna") == {"elsewhere": 5, "running": 1}
        of_projects = {one.name: one.states for one in projects(conn, "anna")}
        assert of_projects == {"p": {"elsewhere": 3}, "default": {"elsewhere": 2, "running": 1}}
        assert statistics(conn, "anna").states == {"elsewhere": 5, "running": 1}
        assert [row.id for row in newest(conn, "anna", Filters(parent="child222"), 9)] == ["grand222"]
    with mock.patch.object(time, "time", return_value=now + 2 * SILENT_S):
        tell_of_silence(database, home)
    with database.write() as writing:
        end = events.End(outcome=Outcome.FAILED, reason=Reason.EXCEPTION, message="no")
        end_attempt(writing, run_id, 1, end, "a")
        cancel(writing, "outer222", by="anna")
    with database.read() as conn:
        rows = {row.id: row for row in conn.execute(sa.select(runs))}
    assert {rows[one].outcome for one in ("outer222", "inner222", "other222")} == {"cancelled"}
    assert {rows[one].outcome for one in (run_id, "child222", "grand222")} == {"failed"}
    with database.write() as writing:
        reopen(writing, home, "inner222")
    with database.read() as conn:
        assert count_by_state(conn, "anna") == {"elsewhere": 1, "finished": 5}
    database.close()

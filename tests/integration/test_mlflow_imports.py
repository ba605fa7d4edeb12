"""MLflow's databases and folders become runs and models: once each, whole, and again where they have changed."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import tarfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from logged_files import LOGGED, wanted
from servers import BIN, TOKEN, JupyterServer, isolated_environment

from gpurun_jupyter import Client, Run
from gpurun_jupyter.core.errors import GpurunError
from gpurun_jupyter.core.lifecycle import Outcome

STORES = {"mlflow_sqlite": "mlflow.db", "mlflow_files": "mlruns"}
SCHEMA_2 = (  # as MLflow 2.0 had it
    "CREATE TABLE experiments (experiment_id INTEGER, name VARCHAR, lifecycle_stage VARCHAR)",
    "CREATE TABLE runs (run_uuid VARCHAR, name VARCHAR, status VARCHAR, start_time BIGINT, end_time BIGINT, "
    "lifecycle_stage VARCHAR, artifact_uri VARCHAR, experiment_id INTEGER)",
    "CREATE TABLE metrics (key VARCHAR, value FLOAT, timestamp BIGINT, run_uuid VARCHAR, step BIGINT, is_nan BOOLEAN)",
    "CREATE TABLE latest_metrics (key VARCHAR, value FLOAT, timestamp BIGINT, step BIGINT, is_nan BOOLEAN, "
    "run_uuid VARCHAR)",
    "CREATE TABLE params (key VARCHAR, value VARCHAR, run_uuid VARCHAR)",
    "CREATE TABLE tags (key VARCHAR, value VARCHAR, run_uuid VARCHAR)",
    "CREATE TABLE model_versions (name VARCHAR, version INTEGER, description VARCHAR, run_id VARCHAR, source VARCHAR, "
    "current_stage VARCHAR, status VARCHAR)",
    "CREATE TABLE model_version_tags (name VARCHAR, version INTEGER, key VARCHAR, value VARCHAR)",
)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """A server that has no runs of others."""
    made = JupyterServer(tmp_path_factory.mktemp("own")).start()
    yield made
    made.close()


@pytest.fixture
def client(own: JupyterServer) -> Iterator[Client]:
    """MLflow's ids tell runs apart, and those of the recordings are always the same: they are deleted behind a test."""
    with Client(own.url, TOKEN) as made:
        yield made
        for run in made.runs(limit=1000):
            run.delete()
        for model in made.models.list():
            made.models.delete(model.name)


def store(name: str, folder: Path) -> Path:
    with tarfile.open(LOGGED / f"{name}.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return folder / STORES[name]


def change(database: Path, *statements: str) -> None:
    with closing(sqlite3.connect(database)) as conn, conn:
        for statement in statements:
            conn.execute(statement)


def by_name(runs: list[Run]) -> dict[str, Run]:
    return {run.name: run.refresh() for run in runs}


@pytest.mark.parametrize("name", STORES)
def test_all_that_a_store_knows(client: Client, tmp_path: Path, name: str) -> None:
    place, want = store(name, tmp_path), wanted(name)
    found, left_out = client.import_mlflow(place)
    assert left_out == []
    runs = by_name(found)
    assert runs.keys() == {"first", "second", "inner"}
    for called, run in runs.items():
        measured = {metric: [*zip(of["step"], of["value"], strict=True)] for metric, of in run.metrics().items()}
        expected = {key: points for key, points in want["metrics"].items() if key.startswith(f"{called}/")}
        assert {f"{called}/{metric}": len(points) for metric, points in measured.items()} == {
            key: len(points) for key, points in expected.items()
        }
        for metric, points in measured.items():
            assert points == [(step, pytest.approx(value)) for step, value in expected[f"{called}/{metric}"]]
        parameters = {f"{called}/{key}": value for key, value in run.record.meta["parameters"].items()}
        assert parameters == {key: value for key, value in want["params"].items() if key.startswith(f"{called}/")}
        assert (run.record.project, run.record.kind, run.outcome) == ("digits", "files", Outcome.SUCCEEDED)
        assert run.record.started_at is not None
        assert run.record.created_at == run.record.started_at < 1.8e9
    second, inner = runs["second"], runs["inner"]
    assert inner.record.spec is not None
    assert inner.record.spec.parent == second.id
    assert second.record.meta["kind"] == "baseline"
    table = f"mlartifacts/{second.id}/tables/confusion.csv"
    assert {file.path for file in second.files()} == {table, f"mlartifacts/{second.id}/model/MLmodel"}
    assert second.download(table, tmp_path).read_text() == "0.1,0.2\n"
    version = client.models.get("digits-net", "champion")
    assert (version.version, version.run_id, version.tags) == (1, second.id, ["mlflow-v1", "checked=yes"])
    assert [file.path for file in version.files or []] == ["MLmodel"]
    assert client.import_mlflow(place) == ([], [])  # once
    assert client.get("inner").record.id == inner.id


def test_a_copy_of_a_store_is_the_same_store(client: Client, tmp_path: Path) -> None:
    place = store("mlflow_sqlite", tmp_path / "one")
    client.import_mlflow(f"sqlite:///{place}")
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    assert client.import_mlflow(tmp_path / "two" / "mlflow.db") == ([], [])
    assert [model.versions for model in client.models.list()] == [1]


def test_what_has_changed_there_changes_here(client: Client, tmp_path: Path) -> None:
    place = store("mlflow_sqlite", tmp_path)
    before = by_name(client.import_mlflow(place)[0])
    before["first"].change(tags=["mine"], project="elsewhere")
    mlflow_id = before["first"].record.meta["mlflow.run_id"]
    change(
        place,
        f"INSERT INTO tags (key, value, run_uuid) VALUES ('reviewed', 'yes', '{mlflow_id}')",
        f"INSERT INTO metrics VALUES ('late', 1.7976931348623157e308, 1796030999000, '{mlflow_id}', 7, 0)",
        f"INSERT INTO latest_metrics VALUES ('late', 1.7976931348623157e308, 1796030999000, 7, 0, '{mlflow_id}')",
    )
    (run,), left_out = client.import_mlflow(place)
    assert left_out == []
    run.refresh()
    assert run.id == before["first"].id
    assert (run.record.tags, run.record.project, run.record.attempt) == (["mine"], "elsewhere", 1)
    assert run.record.meta["reviewed"] == "yes"
    assert str(run.record.metrics["late"].last) == "Infinity"
    assert len(run.metrics()["loss"]["value"]) == 20
    assert len(run.files()) == 2
    assert client.import_mlflow(place) == ([], [])
    shutil.rmtree(tmp_path / "mlartifacts")
    change(place, f"UPDATE tags SET value = 'no' WHERE key = 'reviewed' AND run_uuid = '{mlflow_id}'")
    found, left_out = client.import_mlflow(place)
    assert found == []
    assert "it stays as it was" in left_out[0]
    assert len(run.files()) == 2


def test_artifacts_come_when_they_can_be_had(client: Client, tmp_path: Path) -> None:
    place = store("mlflow_sqlite", tmp_path / "whole")
    alone = tmp_path / "alone" / "mlflow.db"
    alone.parent.mkdir()
    shutil.copy(place, alone)
    change(alone, "UPDATE model_versions SET storage_location = 's3://bucket/model'")
    found, left_out = client.import_mlflow(alone)
    assert len(found) == 3
    gone = "in /home/anna/project/mlartifacts/1, which the server's machine does not have"
    assert f"The artifacts of 3 runs, if any, are {gone}. Put that folder beside" in " ".join(left_out)
    assert "Version 1 of digits-net is left out: its files are in s3://bucket" in " ".join(left_out)
    assert client.import_mlflow(alone)[0] == []
    shutil.copytree(place.parent / "mlartifacts", alone.parent / "mlartifacts")
    again, _ = client.import_mlflow(alone)
    assert {run.id for run in again} == {run.id for run in found}
    assert len(client.get("first").files()) == 2


def test_what_is_deleted_or_at_work_there_is_left_out(client: Client, tmp_path: Path) -> None:
    place = store("mlflow_sqlite", tmp_path)
    now_ms = int(time.time() * 1000)
    change(
        place,
        "UPDATE runs SET lifecycle_stage = 'deleted' WHERE name = 'first'",
        f"UPDATE runs SET status = 'RUNNING', end_time = NULL, start_time = {now_ms} WHERE name = 'second'",
    )
    (inner,), left_out = client.import_mlflow(place)
    assert inner.refresh().record.spec is not None
    assert inner.record.spec is not None
    assert inner.record.spec.parent is None  # it is not here yet
    assert left_out == [
        "1 run is still at work there: second. Import again when that is over.",
        "1 run that MLflow has deleted is left out.",
    ]
    change(place, f"UPDATE runs SET status = 'FINISHED', end_time = {now_ms} WHERE name = 'second'")
    runs = by_name(client.import_mlflow(place)[0])
    assert runs.keys() == {"second", "inner"}
    assert runs["inner"].id == inner.id
    assert runs["inner"].record.spec is not None
    assert runs["inner"].record.spec.parent == runs["second"].id


def test_a_database_of_mlflow_2_and_names_that_ours_cannot_have(client: Client, tmp_path: Path) -> None:
    place = tmp_path / "old.db"
    files = tmp_path / "mlruns" / "3" / "abc" / "artifacts"
    files.mkdir(parents=True)
    (files / "model.pkl").write_bytes(b"weights")
    change(
        place,
        *SCHEMA_2,
        "INSERT INTO experiments VALUES (3, '/Users/anna/deep net', 'active')",
        "INSERT INTO runs VALUES ('abc', '', 'FAILED', 1700000000000, 1700000005000, 'active', "
        "'./mlruns/3/abc/artifacts', 3)",
        "INSERT INTO metrics VALUES ('loss', 0, 1700000001000, 'abc', 0, 1)",
        "INSERT INTO latest_metrics VALUES ('loss', 0, 1700000001000, 0, 1, 'abc')",
        "INSERT INTO tags VALUES ('mlflow.runName', '..', 'abc')",
        f"INSERT INTO params VALUES ('prompt', '{'x' * 7000}', 'abc')",
        "INSERT INTO model_versions VALUES ('deep net', 3, NULL, 'abc', './mlruns/3/abc/artifacts', 'Production', "
        "'READY')",
    )
    (run,), left_out = client.import_mlflow(place)
    assert [sentence.partition(":")[0] for sentence in left_out] == ["abc"]
    assert "1 parameter is too long" in left_out[0]
    run.refresh()
    assert (run.name, run.record.project, str(run.outcome)) == ("run-abc", "Users-anna-deep net", "failed")
    assert str(run.record.metrics["loss"].last) == "NaN"
    assert [file.path for file in run.files()] == [f"mlartifacts/{run.id}/model.pkl"]
    assert client.models.get("deep-net", "production").run_id == run.id


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("nothing.db", "The server's machine has nothing at .*nothing.db"),
        ("sqlite:///nothing.db", "The server's machine has no file .*nothing.db"),
        ("text.db", "cannot be read as a database of SQLite: file is not a database"),
        ("other.db", "other.db is a database, but not MLflow's"),
        ("ancient.db", "a version of MLflow that gpurun does not know: it has no runs.artifact_uri"),
        (".", "no folder of MLflow's: it holds no EXPERIMENT/meta.yaml"),
        ("postgresql://anna:geheim@lab/mlflow", "^gpurun does not read postgresql://lab/mlflow: of databases"),
        ("http://127.0.0.1:1", "No tracking server answers at http://127.0.0.1:1"),
        ("http://127.0.0.1:port", "no address of a tracking server"),
    ],
)
def test_what_cannot_be_read_is_told_in_a_sentence(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uri: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.db").write_text("no database")
    change(tmp_path / "other.db", "CREATE TABLE things (name TEXT)")
    change(tmp_path / "ancient.db", *(one.replace("artifact_uri VARCHAR, ", "") for one in SCHEMA_2))
    with pytest.raises(GpurunError, match=said):
        client.import_mlflow(uri)


def test_something_else_answers(client: Client) -> None:
    with pytest.raises(GpurunError, match="is no tracking server of MLflow's"):
        client.import_mlflow(client.url)


def test_the_command_line(client: Client, tmp_path: Path) -> None:
    store("mlflow_files", tmp_path)
    env = isolated_environment(tmp_path) | {"GPURUN_URL": client.url, "GPURUN_TOKEN": TOKEN}
    command = [BIN / "gpurun", "import", "mlflow", "file:mlruns"]
    first, second = (
        subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=60) for _ in range(2)
    )
    assert first.returncode == 0, first.stderr
    assert "inner" in first.stdout
    assert second.stdout == "There was nothing new.\n"

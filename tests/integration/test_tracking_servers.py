"""Runs go to a tracking server of MLflow's and come from one: a small one here, MLflow's own with `make test-long`."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from logged_files import LOGGED, wanted
from servers import TOKEN, JupyterServer
from tracking_servers import RealTracking, SmallTracking, now_ms, started

from gpurun_jupyter import Client
from gpurun_jupyter.cli.faults import carried_out
from gpurun_jupyter.core.errors import InvalidRequest, TrackingUnreachable
from gpurun_jupyter.core.system.tracking_server import Address, TrackingServer

DAY_MS = 86_400_000


@pytest.fixture(
    scope="module", params=["small", pytest.param("real", marks=[pytest.mark.long, pytest.mark.timeout(600)])]
)
def tracking(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SmallTracking | RealTracking]:
    yield from started(request.param, tmp_path_factory.mktemp("tracking"))


@pytest.fixture
def there(tracking: SmallTracking | RealTracking) -> Iterator[TrackingServer]:
    """The server, asked directly."""
    made = TrackingServer(Address(tracking.url))
    yield made
    made.close()


@pytest.fixture(scope="module")
def client(server: JupyterServer) -> Iterator[Client]:
    with Client(server.url, TOKEN) as made:
        yield made


def logged(there: TrackingServer, name: str, *, status: str = "FINISHED", began_ms: int | None = None) -> str:
    """A run of MLflow's with five points, a parameter, tags and a file."""
    at = began_ms or now_ms()
    made = there.post("runs/create", experiment_id="0", run_name=name, start_time=at)["run"]["info"]
    points = [{"key": "loss", "value": 1 / (1 + step), "timestamp": at + step, "step": step} for step in range(4)]
    points.append({"key": "loss", "value": "NaN", "timestamp": at + 4, "step": 4})
    pairs = {"params": [{"key": "lr", "value": "0.1"}], "tags": [{"key": "team", "value": "vision"}]}
    there.post("runs/log-batch", run_id=made["run_id"], metrics=points, **pairs)
    if status != "RUNNING":
        there.post("runs/update", run_id=made["run_id"], status=status, end_time=at + 2000)
    return str(made["run_id"])


def test_a_run_comes_from_a_server(client: Client, there: TrackingServer, tmp_path: Path) -> None:
    run_id = logged(there, "kills/it", status="KILLED")
    (tmp_path / "notes.txt").write_bytes(b"hello")
    with (tmp_path / "notes.txt").open("rb") as file:
        there.put(f"0/{run_id}/artifacts/my notes/a 1.txt", file)
    found, _ = client.import_mlflow(f"{there.url}/#/experiments/0")  # as it stands in a browser
    (run,) = [run.refresh() for run in found if run.name == "kills-it"]
    assert (run.record.project, run.record.kind, str(run.outcome)) == ("default", "files", "cancelled")
    assert run.record.elapsed_s == pytest.approx(2.0)
    assert run.metrics()["loss"]["step"] == [0, 1, 2, 3, 4]
    assert str(run.record.metrics["loss"].last) == "NaN"
    assert run.record.meta["parameters"] == {"lr": "0.1"}
    assert (run.record.meta["team"], run.record.meta["imported_from"]) == ("vision", there.url)
    (file,) = run.files()
    assert file.path == f"mlartifacts/{run.id}/my notes/a 1.txt"
    assert run.download(file.path, tmp_path).read_bytes() == b"hello"
    assert client.import_mlflow(there.url)[0] == []


def test_one_that_is_at_work_comes_when_it_is_over(client: Client, there: TrackingServer) -> None:
    run_id = logged(there, "goes-on", status="RUNNING")
    found, left_out = client.import_mlflow(there.url)
    assert "goes-on" not in {run.name for run in found}
    assert any("still at work there: goes-on" in sentence for sentence in left_out)
    there.post("runs/update", run_id=run_id, status="FAILED", end_time=now_ms())
    ((run,), _) = client.import_mlflow(there.url)
    assert (run.name, str(run.outcome)) == ("goes-on", "failed")


def test_one_that_nobody_ended_is_brought_up_to_date_when_somebody_does(client: Client, there: TrackingServer) -> None:
    began = now_ms() - 2 * DAY_MS
    run_id = logged(there, "silent", status="RUNNING", began_ms=began)
    ((run,), _) = client.import_mlflow(there.url)
    assert (str(run.outcome), str(run.reason)) == ("failed", "agent_lost")
    assert "nothing was heard of it for a day" in run.record.message
    run.change(tags=["mine"])
    there.post("runs/log-batch", run_id=run_id, metrics=[{"key": "acc", "value": 0.9, "timestamp": began, "step": 0}])
    there.post("runs/update", run_id=run_id, status="FINISHED", end_time=began + 9000)
    ((same,), _) = client.import_mlflow(there.url)
    assert (same.id, str(same.outcome), same.record.tags) == (run.id, "succeeded", ["mine"])
    assert same.metrics().keys() == {"loss", "acc"}
    assert same.record.elapsed_s == pytest.approx(9.0)
    assert client.import_mlflow(there.url)[0] == []


def test_tensorboard_into_mlflow(client: Client, there: TrackingServer, tmp_path: Path) -> None:
    shutil.copytree(LOGGED / "tensorboard_torch", tmp_path / "boards" / "lr-0.1")
    ((run,), _) = client.import_folder(tmp_path / "boards", "tensorboard")
    (exported,) = client.export_to_mlflow(there.url, [run])
    assert exported.is_new
    mlflow_id = exported.url.rpartition("/")[2]
    info = there.get("runs/get", run_id=mlflow_id)["run"]["info"]
    assert (info["status"], info["run_name"]) == ("FINISHED", run.name)
    for name, points in wanted("tensorboard_torch")["metrics"].items():
        history = [*there.pages("GET", "metrics/get-history", "metrics", run_id=mlflow_id, metric_key=name)]
        assert [int(one["step"]) for one in history] == [step for step, _ in points]
        assert [one["value"] for one in history] == pytest.approx([value for _, value in points])
    (again,) = client.export_to_mlflow(there.url, [run])
    assert (again.is_new, again.url) == (False, exported.url)
    _, left_out = client.import_mlflow(there.url)
    assert any("came from here" in sentence for sentence in left_out)


def test_what_a_run_left_goes_along(client: Client, there: TrackingServer) -> None:
    logs = "from gpurun_jupyter import report\nreport.log(step=1, **{'val/acc@1': float('inf')})"
    code = f"{logs}\nfor name in ('a b.txt', 'a#1.txt'): open(name, 'w')"
    run = client.submit(code, gpu=0, project="exported", env={"lr": "0.1"}, name="left").wait()
    told: list[str] = []
    (exported,) = client.export_to_mlflow(there.url, [run], files=True, tell=told.append)
    assert [sentence.partition(". ")[0] for sentence in told] == ["The file 'a#1.txt' of left stays here"]
    found = there.get("runs/get", run_id=exported.url.rpartition("/")[2])["run"]
    tags = {one["key"]: one["value"] for one in found["data"]["tags"]}
    assert (tags["gpurun.run_id"], tags["gpurun.outcome"]) == (run.id, "succeeded")
    assert {"key": "lr", "value": "0.1"} in found["data"]["params"]
    assert [one["key"] for one in found["data"]["metrics"]] == ["val/acc_1"]
    root = found["info"]["artifact_uri"].removeprefix("mlflow-artifacts:/")
    assert [file["path"] for file in there.listed(root)] == ["a b.txt"]


def test_an_export_that_was_broken_off_is_done_again(client: Client, there: TrackingServer) -> None:
    run = client.submit("1", gpu=0, name="twice").wait()
    tag = {"key": "gpurun.run_id", "value": run.id}
    half = there.post("runs/create", experiment_id="0", start_time=now_ms(), tags=[tag])["run"]["info"]["run_id"]
    (exported,) = client.export_to_mlflow(there.url, [run])
    assert exported.is_new
    assert half not in exported.url
    assert there.get("runs/get", run_id=half)["run"]["info"]["lifecycle_stage"] == "deleted"


def test_only_who_may_comes_in_and_no_password_is_kept(
    server: JupyterServer, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracking = SmallTracking("Basic YW5uYTpnZWhlaW0=")  # anna:geheim
    logged_in = TrackingServer(Address(tracking.url, tracking.authorization))
    logged(logged_in, "secretive")
    try:
        with pytest.raises(TrackingUnreachable, match="does not let you in: You are not authenticated"):
            client.import_mlflow(tracking.url)
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "other")
        ((run,), _) = client.import_mlflow(tracking.url.replace("//", "//anna:geheim@"))
        assert run.refresh().record.meta["imported_from"] == tracking.url
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "anna")
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "geheim")
        assert client.import_mlflow(tracking.url)[0] == []
        # the API takes the password in the address, too
        answer = server.http.post(
            "import", json={"kind": "mlflow", "path": tracking.url.replace("//", "//anna:geheim@")}
        )
        assert answer.json()["runs"] == []
    finally:
        logged_in.close()
        tracking.close()
    kept = [path for path in server.folder.rglob("*") if path.is_file()]
    words = (b"geheim", b"YW5uYTpnZWhlaW0")
    assert [path for path in kept if any(word in path.read_bytes() for word in words)] == []


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("sqlite:///mlflow.db", "mlflow server --backend-store-uri sqlite:///mlflow.db"),
        ("mlruns", "not into the files of one"),
        ("http://127.0.0.1:1", "No tracking server answers at http://127.0.0.1:1"),
        ("http://:5000", "no address of a tracking server"),
    ],
)
def test_an_export_that_cannot_be_says_why(client: Client, uri: str, said: str) -> None:
    with pytest.raises((InvalidRequest, TrackingUnreachable), match=said):
        client.export_to_mlflow(uri, [client.submit("1", gpu=0).wait()])


def test_the_command_line_exports_what_fulfils_a_condition(
    server: JupyterServer,
    client: Client,
    there: TrackingServer,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("GPURUN_URL", server.url)
    monkeypatch.setenv("GPURUN_TOKEN", TOKEN)
    runs = [client.submit("1", gpu=0, project="chosen", name=f"chosen-{number}").wait() for number in (1, 2)]
    held = client.submit("1", gpu=0, project="chosen", name="held", hold=True)
    assert carried_out(["export", "--to-mlflow", there.url, "--where", "project = chosen"]) == 0
    shown = capfd.readouterr()
    assert all(f"{run.name} ({run.id}): {there.url}/#/experiments/" in shown.out for run in runs)
    assert f"held ({held.id}) is created: export it when it is over." in shown.err
    assert carried_out(["export", "--to-mlflow", there.url, "chosen-1"]) == 0
    assert "is there already" in capfd.readouterr().out
    assert carried_out(["export", "--to-mlflow", there.url]) == 2
    assert carried_out(["export", "chosen-1", "chosen-2"]) == 2

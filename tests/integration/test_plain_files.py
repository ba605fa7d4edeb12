"""Runs of other tools on a real server: a folder that is watched, and one that is imported."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from servers import TOKEN, JupyterServer, wait_until

from gpurun_jupyter.client import Client, plain_files
from gpurun_jupyter.client.stream import RunsFrame
from gpurun_jupyter.core.errors import InvalidRequest

QUIET_S = 3.0


class Watched:
    """A server that watches a folder."""

    def __init__(self, folder: Path) -> None:
        self.files = folder / "watched"
        (self.files / "digits").mkdir(parents=True)
        (self.files / "digits" / "old.csv").write_text("step,loss\n1,0.5\n2,0.25")  # the last line lacks its end
        options = (f"--GpurunApp.watched_folders={self.files}", f"--GpurunApp.watched_quiet_s={QUIET_S}")
        self.server = JupyterServer(folder / "server", options=options)

    def write(self, name: str, text: str) -> None:
        path = self.files / name
        path.parent.mkdir(exist_ok=True)
        with path.open("a") as file:
            file.write(text)

    def runs(self, name: str) -> list[dict[str, Any]]:
        found = self.server.http.get("runs", params={"where": f"name = '{name}'"}).json()["runs"]
        return [run for run in found if run["kind"] == "files"]

    def run(self, name: str) -> dict[str, Any]:
        return wait_until(lambda: self.runs(name), what=f"for {name}")[0]


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    made = Watched(tmp_path_factory.mktemp("plain"))
    hour_ago = time.time() - 3600
    os.utime(made.files / "digits" / "old.csv", (hour_ago, hour_ago))
    made.server.start()
    yield made
    made.server.close()


def test_a_run_that_was_over_before_comes_with_its_times(watched: Watched) -> None:
    run = watched.run("old")
    assert (run["project"], run["kind"], run["state"], run["outcome"]) == ("digits", "files", "finished", "succeeded")
    assert run["metrics"]["loss"] == {"last": 0.25, "min": 0.25, "max": 0.5, "step": 2.0}
    assert time.time() - run["finished_at"] == pytest.approx(3600, abs=60)


def test_a_file_that_grows_is_a_run_that_is_live_in_lists(watched: Watched) -> None:
    seen: list[Any] = []
    with Client(watched.server.url, TOKEN) as client:
        old = client.get("old")
        with old.changes() as stream:

            def follow() -> None:
                for frame in stream.frames():
                    if isinstance(frame, RunsFrame):
                        seen.extend(record for record in frame.runs if record.name == "grows")

            threading.Thread(target=follow, daemon=True).start()
            watched.write("fresh/grows.yaml", "lr: 0.1\nmodel: {depth: 3}\n")
            watched.write("fresh/grows.csv", "step,epoch,loss\n1,0,0.5\n2,1,0.")
            wait_until(lambda: any(one.metrics.get("loss") and one.metrics["loss"].last == 0.5 for one in seen))
            watched.write("fresh/grows.csv", "25\n")
            wait_until(lambda: any(one.metrics.get("loss") and one.metrics["loss"].last == 0.25 for one in seen))
    run = watched.run("grows")
    assert run["state"] == "running"
    assert run["agent"] == "files"
    found = watched.server.http.get("runs", params={"where": "lr = 0.1 and model.depth = 3"}).json()["runs"]
    assert [one["id"] for one in found] == [run["id"]]
    watched.write("fresh/grows.pt", "weights")
    ended = watched.server.wait(run["id"])
    assert (ended["outcome"], ended["reason"]) == ("succeeded", "completed")
    assert watched.server.http.get(f"runs/{run['id']}/files/checkpoints/grows.pt").text == "weights"
    metrics = watched.server.http.get(f"runs/{run['id']}/metrics").json()["metrics"]
    assert (metrics["loss"]["step"], metrics["loss"]["epoch"]) == ([1, 2], [0, 1])
    watched.write("fresh/grows.csv", "3,2,0.125\n")
    again = wait_until(lambda: len(found := watched.runs("grows")) == 2 and found[0])
    assert again["metrics"]["loss"] == {"last": 0.125, "min": 0.125, "max": 0.5, "step": 3.0}


def test_a_server_that_was_killed_goes_on_where_it_was(watched: Watched) -> None:
    lines = [f"{step},{step / 100}\n" for step in range(100)]
    watched.write("fresh/survives.csv", "step,loss\n" + "".join(lines[:40]))
    run = watched.run("survives")
    watched.server.kill()
    log = watched.server.home / "runs" / run["id"] / "attempts" / "1" / "events.jsonl"
    with log.open("a") as file:  # what a write that was interrupted leaves
        file.write('{"kind":"metric","t":1.0,"m":1.0,"values":{"loss":0.4},"step":40.0}\n{"kind":"met')
    watched.write("fresh/survives.csv", "".join(lines[40:]))
    watched.server.start()
    wait_until(lambda: watched.run("survives")["metrics"]["loss"]["last"] == 0.99)
    assert watched.run("survives")["id"] == run["id"]
    steps = [json.loads(line).get("step") for line in log.read_text().splitlines() if '"metric"' in line]
    assert steps == [float(step) for step in range(100)]


def test_broken_files_are_told_in_a_sentence(watched: Watched) -> None:
    watched.write("fresh/headless.csv", "1,2,3\n4,5,6\n")
    watched.write("fresh/odd.yaml", "lr: [\n")
    watched.write("fresh/odd.csv", "step,loss\n1,0.5\n")
    assert watched.run("odd")["metrics"]["loss"]["last"] == 0.5
    said = wait_until(lambda: [line for line in log_of(watched) if "headless" in line])
    assert "Its first row does not name the columns." in said[0]
    assert any("odd.yaml: It is not YAML that can be read" in line for line in log_of(watched))
    assert "Traceback" not in "".join(log_of(watched))
    assert watched.runs("headless") == []


def log_of(watched: Watched) -> list[str]:
    return (watched.server.folder / "server.log").read_text().splitlines()


def test_a_run_that_is_cancelled_ends(watched: Watched) -> None:
    watched.write("fresh/unwanted.csv", "step,loss\n1,0.5\n")
    run = watched.run("unwanted")
    assert watched.server.http.post(f"runs/{run['id']}/cancel", json={}).status_code == 200
    assert watched.server.wait(run["id"])["outcome"] == "cancelled"


def test_an_exported_run_is_imported_as_it_was(server: JupyterServer, tmp_path: Path) -> None:
    code = """
import pathlib
from gpurun_jupyter import report
for step in range(20):
    report.log(loss=1 / (step + 3), epoch=step // 5, step=step)
    if step % 5 == 4:
        report.log(**{"val/acc": step / 20, "time": 2.5}, step=step)
pathlib.Path("model.pt").write_text("weights")
report.checkpoint("model.pt", step=19)
"""
    with Client(server.url, TOKEN) as client:
        run = client.submit(code, gpu=0, name="out/1", project="cnn", env={"LR": "0.1"}).wait()
        assert run.failure() is None
        files = plain_files.write(run, tmp_path)
        assert [path.relative_to(tmp_path).as_posix() for path in files] == [
            f"cnn/out-1{ending}" for ending in (".csv", ".yaml", ".pt")
        ]
        with pytest.raises(InvalidRequest, match="already"):
            plain_files.write(run, tmp_path)
        (again,), left_out = client.import_folder(tmp_path)
        assert left_out == []
        before, after = run.metrics(), again.metrics()
        for name in ("loss", "epoch", "val/acc", "time"):
            assert after[name] == before[name]
        assert again.record.metrics == run.refresh().record.metrics
        assert again.record.spec.values == {"LR": 0.1}
        assert again.record.elapsed_s == pytest.approx(run.record.elapsed_s, abs=3)
        assert "checkpoints/out-1.pt" in [file.path for file in again.files()]


def test_a_folder_is_imported_once(server: JupyterServer, tmp_path: Path) -> None:
    (tmp_path / "cnn").mkdir()
    (tmp_path / "cnn" / "a.csv").write_text("time,acc\n0,0.5\n60,0.75\n")
    (tmp_path / "cnn" / "b.yaml").write_text("lr: 0.5\n")
    (tmp_path / "cnn" / "c.csv").write_text("no numbers\x00\n")
    with Client(server.url, TOKEN) as client:
        found, left_out = client.import_folder(tmp_path)
        assert sorted(run.name for run in found) == ["a", "b", "c"]
        assert left_out == []
        assert client.import_folder(tmp_path / "cnn") == ([], [])
        run = next(run for run in found if run.name == "a")
        assert (run.outcome, run.record.metrics["acc"].max) == ("succeeded", 0.75)
        assert run.record.elapsed_s == pytest.approx(60)
        assert run.metrics()["acc"]["time"] == pytest.approx([0, 60])

"""Checkpoints reach the server while the run goes on, whole and in order; real agents and runners."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from machines import Machine
from servers import JupyterServer, wait_until

from gpurun_jupyter.core.home import AttemptFolder, Home


@pytest.fixture(scope="module")
def machine(far_server: JupyterServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    made = Machine(tmp_path_factory.mktemp("keeper")).join(far_server, "--name", "keeper")
    yield made
    made.close()


class Trip:
    """A run on that machine, as both sides have it."""

    def __init__(self, server: JupyterServer, machine: Machine, code: str) -> None:
        self.server = server
        self.run_id = server.submit(_PREPARED + code, gpu=0, on="keeper")
        self.here = Home(server.home).attempt(self.run_id, 1)
        self.there = Home(machine.home).attempt(self.run_id, 1)

    def let(self, name: str) -> None:
        (self.there.work / name).touch()

    def __enter__(self) -> Trip:
        return self

    def __exit__(self, *_: object) -> None:
        self.server.http.post(f"runs/{self.run_id}/cancel")  # or a test that failed would keep the machine's only slot

    def end(self) -> None:
        self.let("go")
        assert self.server.wait(self.run_id)["outcome"] == "succeeded", self.server.log(self.run_id)
        assert _files(self.here) == _files(self.there)
        assert not (self.there.path / "sending").exists()


_PREPARED = """
import os, pathlib, shutil, time
from gpurun_jupyter import report
kept = pathlib.Path(os.environ["GPURUN_CHECKPOINT_DIR"])
def until(name):
    while not os.path.exists(name): time.sleep(0.02)
"""


def test_they_come_whole_and_old_ones_go(far_server: JupyterServer, machine: Machine) -> None:
    code = """
for step in (1, 2):
    folder = pathlib.Path(f"ck-{step}")
    (folder / "deep").mkdir(parents=True)
    for n in range(30): (folder / "deep" / str(n)).write_text(f"{step} {n}")
    (folder / "weights").write_bytes(os.urandom(400_000))
    report.checkpoint(folder, step=step)
    until("second" if step == 1 else "third")
    shutil.rmtree(kept / "ck-1", ignore_errors=True)
(kept / "in-place").write_text("announced")
report.checkpoint(kept / "in-place")
(kept / "in-place").write_text("and changed at once")
(kept / "never-announced").write_text("x")
report.checkpoint(shutil.copy(kept / "in-place", "last"))
until("go")
"""
    with Trip(far_server, machine, code) as trip:
        first = {"ck-1/weights", *(f"ck-1/deep/{n}" for n in range(30))}
        wait_until(lambda: set(_files(trip.here)) == first, what="for the first checkpoint")
        trip.let("second")
        wait_until(lambda: "ck-2/weights" in _files(trip.here) and "ck-1/weights" not in _files(trip.here))
        trip.let("third")
        wait_until(lambda: "last" in _files(trip.here), what="for the last one")
        assert not {"in-place", "never-announced"} & set(_files(trip.here))
        trip.end()


def test_a_big_one_goes_on_where_it_was_and_holds_up_no_line(far_server: JupyterServer, machine: Machine) -> None:
    code = """
pathlib.Path("ck").write_bytes(os.urandom(1 << 20) * 96)
report.checkpoint("ck", step=1)
print("line after it", flush=True)
until("go")
"""
    with Trip(far_server, machine, code) as trip:
        incoming = trip.here.path / "incoming"
        begun = wait_until(
            lambda: [path for path in incoming.glob("*") if path.stat().st_size], what="for its beginning"
        )
        wait_until(lambda: far_server.log(trip.run_id) == "line after it\n", what="for the line")
        assert not (trip.here.checkpoints / "ck").exists(), "the line waited for the checkpoint"
        machine.kill()
        inode, size = begun[0].stat().st_ino, begun[0].stat().st_size
        assert size < 96 << 20, "it was too quick to be interrupted"
        machine.start()
        place = trip.here.checkpoints / "ck"
        wait_until(place.exists, 60, "for the rest")
        assert place.stat().st_ino == inode, "it was sent anew"
        trip.end()


def test_a_saved_model_is_there_while_the_run_goes_on(far_server: JupyterServer, machine: Machine) -> None:
    code = """
pathlib.Path("m").mkdir()
(pathlib.Path("m") / "weights").write_bytes(os.urandom(1) * 600_000)
(pathlib.Path("m") / "config.json").write_text("{}")
report.save_model("m", name="far-model", acc=0.5)
until("go")
report.save_model(pathlib.Path("m", "config.json"), name="far-config")
"""
    with Trip(far_server, machine, code) as trip:
        url = "models/far-model/1/files/weights"
        wait_until(lambda: far_server.http.get(url).status_code == 200, what="for the model")
        assert far_server.http.get(url).content == (trip.there.work / "m" / "weights").read_bytes()
        assert far_server.http.get("models/far-model/1/verify").json()["files"] == 2
        trip.end()
        assert far_server.http.get("models/far-config/1/files/config.json").text == "{}"


def _files(folder: AttemptFolder) -> dict[str, str]:
    """The hash of each file; `os.walk` passes over folders that go while it looks, as `rglob` does not."""
    root: Path = folder.checkpoints
    paths = [Path(where, name) for where, _, names in os.walk(root) for name in names]
    return {path.relative_to(root).as_posix(): _sha256(path) for path in paths}


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return "just gone"

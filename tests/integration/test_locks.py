"""Two state directories on one machine with one GPU: two servers, two agents, and never two runs on it at once."""

from __future__ import annotations

import getpass
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from nvml.machine import Machine
from os_users import end
from runners import Runners
from servers import BIN, TOKEN, JupyterServer, wait_until

from gpurun_jupyter.agent.devices.device_locks import Holder, take
from gpurun_jupyter.agent.devices.presence import possible
from gpurun_jupyter.core.devices import Device
from gpurun_jupyter.core.home import Home
from gpurun_jupyter.core.lifecycle import Reason

RUNS = 6
GPU = Device(id="GPU-1", kind="gpu", index=0)
UUID = "GPU-00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory, nvml_library: Path) -> Iterator[list[JupyterServer]]:
    """Two servers that share nothing but the machine: its one GPU and the directory of its locks."""
    folder = tmp_path_factory.mktemp("two")
    machine = Machine(folder / "gpus.txt", nvml_library, cards=1)
    servers = [JupyterServer(folder / name) for name in ("anna", "bert")]
    for server in servers:
        server.env |= machine.env | {"GPURUN_LOCKS": str(folder / "locks")}
        server.start()
    yield servers
    for server in servers:
        server.close()


def test_two_agents_take_turns_on_one_gpu(two: list[JupyterServer], tmp_path: Path) -> None:
    diary = tmp_path / "diary.jsonl"
    code = f"""
import json, os, time
def note(**what):
    with open({str(diary)!r}, "a") as file: file.write(json.dumps({{"t": time.monotonic(), **what}}) + "\\n")
who = {{"gpu": os.environ["CUDA_VISIBLE_DEVICES"], "run": os.environ["GPURUN_RUN_ID"]}}
note(what="in", **who)
time.sleep(0.3)
note(what="out", **who)
"""
    runs = [(server, server.submit(code, gpu=1)) for _ in range(RUNS) for server in two]
    for server, run_id in runs:
        run = server.wait(run_id, timeout_s=150)
        assert run["outcome"] == "succeeded", (run, server.log(run_id))
        assert run["attempt"] == 1 or run["reason"] == "completed"
    notes = [json.loads(line) for line in diary.read_text().splitlines()]
    assert len(notes) == 2 * len(runs), "each run ran once"
    assert {note["gpu"] for note in notes} == {UUID}
    ordered = sorted(notes, key=lambda note: note["t"])
    for entered, left in zip(ordered[::2], ordered[1::2], strict=True):
        assert (entered["what"], left["what"], entered["run"]) == ("in", "out", left["run"])
    of = {run_id: server.folder.name for server, run_id in runs}
    order = [of[note["run"]] for note in ordered[::2]]
    for name in ("anna", "bert"):
        assert name in order[: RUNS + 1], f"{name} had to wait for all others: {order}"


def test_a_waiting_run_names_who_holds_the_gpu(two: list[JupyterServer], tmp_path: Path) -> None:
    anna, bert = two
    release = tmp_path / "release"
    code = f"import os, time\nprint('in', flush=True)\nwhile not os.path.exists({str(release)!r}): time.sleep(0.05)"
    held = anna.submit(code, gpu=1)
    wait_until(lambda: "in" in anna.log(held))

    def seen() -> bool:
        (agent,) = bert.http.get("devices").json()["agents"]
        return any(device.get("locked") for device in agent["devices"])

    wait_until(seen)
    queued = bert.submit("print('late')", gpu=1)
    runner = next(process for process in anna.run_processes() if "gpurun_jupyter.agent.runner" in process.cmdline())
    wait_until(lambda: f"pid {runner.pid}" in bert.run(queued)["waiting"]["why"])
    assert bert.run(queued)["state"] == "queued"
    runner.kill()
    assert anna.wait(held)["reason"] == "runner_killed"
    assert bert.wait(queued)["outcome"] == "succeeded"
    assert anna.wait(anna.submit("1", gpu=1))["outcome"] == "succeeded"


def test_a_lock_that_is_not_gpuruns_is_said_to_be_so(two: list[JupyterServer], tmp_path: Path) -> None:
    anna = two[0]
    lock = Path(anna.env["GPURUN_LOCKS"]) / UUID
    lock.touch()
    process = subprocess.Popen(["flock", lock, "sleep", "120"], start_new_session=True, text=True)
    says = f"pid {process.pid} ({getpass.getuser()}, flock), which is not gpurun"
    try:
        wait_until(lambda: _locked_by(anna) == says)
        queued = anna.submit("print('at last')", gpu=1)
        wait_until(lambda: anna.run(queued)["waiting"] and says in anna.run(queued)["waiting"]["why"])
        env = anna.env | {"GPURUN_URL": anna.url, "GPURUN_TOKEN": TOKEN}
        told = subprocess.run([BIN / "gpurun", "doctor", "--json"], env=env, capture_output=True, text=True)
        notes = {one["what"]: one for one in json.loads(told.stdout) if one["what"].startswith("GPU")}
        assert f"gpu0 is held by {says}." in notes["GPU"]["says"]
        assert notes["GPU"]["verdict"] == "note"
        assert notes["GPU locks"]["says"] == f"{lock.parent} belongs to {getpass.getuser()}"
    finally:
        end(process)
    assert anna.wait(queued)["outcome"] == "succeeded"


@pytest.mark.skipif(not possible(), reason="needs the kernel's list of locks")
def test_a_removed_lock_is_noticed_and_its_gpu_left_alone(two: list[JupyterServer], tmp_path: Path) -> None:
    anna, bert = two
    release = tmp_path / "release"
    code = f"import os, time\nprint('in', flush=True)\nwhile not os.path.exists({str(release)!r}): time.sleep(0.05)"
    held = anna.submit(code, gpu=1)
    wait_until(lambda: "in" in anna.log(held))
    (Path(anna.env["GPURUN_LOCKS"]) / UUID).unlink()
    queued = bert.submit("print('late')", gpu=1)
    for server in two:
        wait_until(lambda server=server: "whose lock was removed" in (server.home / "agent.log").read_text())
    wait_until(lambda: "a run of gpurun" in bert.run(queued)["waiting"]["why"])
    assert (bert.run(queued)["state"], anna.run(held)["state"]) == ("queued", "running")
    release.touch()
    for server, run in ((anna, held), (bert, queued)):
        assert server.wait(run)["outcome"] == "succeeded"


def _locked_by(server: JupyterServer) -> str:
    (agent,) = server.http.get("devices").json()["agents"]
    return next(device.get("locked_by", "") for device in agent["devices"] if device["kind"] == "gpu")


def test_a_runner_that_comes_second_starts_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runners = Runners(tmp_path)
    monkeypatch.setenv("GPURUN_LOCKS", runners.env["GPURUN_LOCKS"])
    locks = take([GPU], Holder.this_process(Home(tmp_path / "other"), "bert"))
    attempt = runners.script("print('mine')", devices=[GPU])
    end = attempt.wait()
    assert end.reason is Reason.DEVICES_TAKEN
    assert "gpu0 is held by pid" in end.message
    assert not attempt.folder.events.exists()
    assert not attempt.folder.work.exists()

    locks.close()
    attempt.folder.exit.unlink()
    assert attempt.start().wait().reason is Reason.COMPLETED
    take([GPU], Holder.this_process(Home(tmp_path / "other"), "bert"), patience_s=0).close()


def test_a_lock_directory_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    runners = Runners(tmp_path)
    Path(runners.env["GPURUN_LOCKS"]).write_text("")
    end = runners.script("print('mine')", devices=[GPU]).wait()
    assert end.reason is Reason.START_FAILED
    assert "GPURUN_LOCKS" in end.message

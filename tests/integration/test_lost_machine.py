"""A machine that is gone for good, with everything on it: its run goes on elsewhere, from what the server has."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from machines import Machine
from servers import JupyterServer, wait_until

TRAIN = """
import json, os, pathlib, time
from gpurun_jupyter import report
last = report.last_checkpoint()
begin = json.loads(pathlib.Path(last, "state.json").read_text())["step"] + 1 if last else 0
print("from", begin, pathlib.Path(last).name if last else None, flush=True)
for step in range(begin, begin + 3):
    name = pathlib.Path(f"ck-{step}")
    name.mkdir()
    (name / "state.json").write_text(json.dumps({"step": step}))
    (name / "weights.bin").write_bytes(os.urandom(1) * 3_000_000)
    for n in range(20): (name / f"small-{n}").write_text(f"{step} {n}")
    report.checkpoint(name, step=step)
    print("kept", step, flush=True)
if not last:
    with open(pathlib.Path(os.environ["GPURUN_CHECKPOINT_DIR"], "unannounced"), "w") as half:
        half.write("half of it")
        half.flush()
        time.sleep(600)
"""


@pytest.fixture
def server(make_server: Callable[..., JupyterServer]) -> JupyterServer:
    options = ("--GpurunApp.local_agent=False", "--GpurunApp.lease_s=5", "--GpurunApp.retry_after_lost_s=5")
    return make_server(options=options).start()


@pytest.fixture
def machines(server: JupyterServer, tmp_path: Path) -> Iterator[list[Machine]]:
    made = [Machine(tmp_path / name).join(server, "--name", name, "--label", "train") for name in ("one", "two")]
    yield made
    for one in made:
        one.close()


@pytest.mark.long
def test_the_run_goes_on_from_the_newest_checkpoint(server: JupyterServer, machines: list[Machine]) -> None:
    one, two = machines
    two.gpurun("agent", "stop")
    run_id = server.submit(TRAIN, gpu=0, retries=1, on="train")
    here = server.home / "runs" / run_id / "attempts" / "1" / "checkpoints"
    wait_until(lambda: _names(here) == {"ck-0", "ck-1", "ck-2"}, what="for the checkpoints, while the run goes on")
    assert server.log(run_id) == "from 0 None\nkept 0\nkept 1\nkept 2\n"
    assert len(_names(here / "ck-2")) == 22
    _kill_all_of(one)
    two.gpurun("agent", "start")
    run = server.wait(run_id, timeout_s=60)
    assert (run["outcome"], run["agent"], run["attempt"]) == ("succeeded", "two", 2)
    assert server.log(run_id).endswith("kept 2\nfrom 3 ck-2\nkept 3\nkept 4\nkept 5\n")
    assert _names(here) == {"ck-0", "ck-1", "ck-2"}, "what was half written has not been sent"
    history = server.http.get(f"runs/{run_id}/history").json()["history"]
    assert "lost" in [change["after"] for change in history]


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def _kill_all_of(machine: Machine) -> None:
    """The agent first, so that it cannot say anything; then the runner and all that it has begun."""
    agent = machine.agent()
    assert agent is not None
    mark = str(machine.folder)
    found = [agent, *(process for process in psutil.process_iter() if _is_of(process, mark))]
    for process in found:
        os.kill(process.pid, signal.SIGKILL)
    psutil.wait_procs(found, timeout=10)


def _is_of(process: psutil.Process, mark: str) -> bool:
    try:
        return process.environ().get("GPURUN_HOME", "").startswith(mark)
    except (psutil.Error, OSError):
        return False

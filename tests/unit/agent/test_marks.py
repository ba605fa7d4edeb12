"""What a session started is known by a mark: ending a session ends what is its own, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from gpurun_jupyter.agent.processes.marked import kill_session
from gpurun_jupyter.agent.run_environment import run_environment
from gpurun_jupyter.core.grants import Grant
from gpurun_jupyter.core.home import Home
from gpurun_jupyter.core.runs import RunSpec


def started_in(home: Home) -> subprocess.Popen[bytes]:
    """A process that anna's session «tune» of a state directory has left."""
    spec = RunSpec(code="1", session="tune")
    grant = Grant(run_id="k3f9x2ab", name="n", project="p", attempt=1, token="t", devices=[], spec=spec, owner="anna")
    home.create()
    env = run_environment(home.attempt(grant.run_id, 1), grant)
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], env=env)


def test_a_session_of_the_same_name_in_another_state_directory_is_left_alone(tmp_path: Path) -> None:
    here, elsewhere = Home(tmp_path / "here"), Home(tmp_path / "elsewhere")
    ours, theirs = started_in(here), started_in(elsewhere)
    try:
        kill_session(str(here.session("anna", "tune").path))
        ours.wait(10)
        assert theirs.poll() is None
        kill_session(str(elsewhere.session("anna", "tune").path))
        theirs.wait(10)
    finally:
        for process in (ours, theirs):
            process.kill()
            process.wait()

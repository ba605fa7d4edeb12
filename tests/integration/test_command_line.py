"""`gpurun VERB` as a person types it in a terminal, against a real server."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from servers import BIN, JupyterServer, wait_until


@pytest.fixture
def gpurun(server: JupyterServer, tmp_path: Path):
    """Runs the command in an empty directory; the server is found by its runtime file."""

    def call(*args: str, **env: str) -> subprocess.CompletedProcess[str]:
        command = [str(BIN / "gpurun"), *args]
        return subprocess.run(command, env=server.env | env, cwd=tmp_path, capture_output=True, text=True, timeout=60)

    return call


def test_submit_and_wait_show_the_output_and_exit_with_0(gpurun, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("import sys\nprint('arguments', sys.argv[1:])")
    done = gpurun("submit", "train.py", "--dir", ".", "--wait", "--", "-x", "1")
    assert done.returncode == 0, done.stderr
    assert "arguments ['-x', '1']" in done.stdout


def test_exit_codes(gpurun, tmp_path: Path) -> None:
    (tmp_path / "fail.py").write_text("raise SystemExit(5)")
    failed = gpurun("submit", "fail.py", "--wait", "--name", "failing")
    assert failed.returncode == 1
    assert "exit code 5" in failed.stdout + failed.stderr
    assert gpurun("wait", "failing").returncode == 1
    for wrong in (["dance"], ["logs"], ["logs", "no-such-run"], ["submit", "absent.py"], ["runs", "--limit", "0"]):
        refused = gpurun(*wrong)
        assert refused.returncode == 2, wrong
        assert "Traceback" not in refused.stderr
    unreachable = gpurun("status", GPURUN_URL="http://127.0.0.1:9", GPURUN_TOKEN="x")
    assert unreachable.returncode == 3
    assert "No Jupyter server answers" in unreachable.stderr


def test_lists_as_json(gpurun, server: JupyterServer) -> None:
    run_id = server.submit("1", name="listed")
    assert run_id in [run["id"] for run in json.loads(gpurun("runs", "--json").stdout)]
    assert json.loads(gpurun("status", "listed", "--json").stdout)["id"] == run_id
    assert json.loads(gpurun("devices", "--json").stdout)[0]["health"] == "healthy"


def test_cancel_and_logs(gpurun, server: JupyterServer) -> None:
    run_id = server.submit("import time\nprint('here', flush=True)\ntime.sleep(60)")
    wait_until(lambda: "here" in server.log(run_id))
    assert gpurun("cancel", run_id).returncode == 0
    assert server.wait(run_id)["outcome"] == "cancelled"
    assert gpurun("logs", run_id).stdout.startswith("here\n")
    followed = gpurun("logs", run_id, "-f", "--tail", "2")
    assert "KeyboardInterrupt" in followed.stdout


def test_a_followed_run_ends_with_its_lines_once_each(gpurun, server: JupyterServer) -> None:
    run_id = server.submit("import time\nfor n in range(20):\n    print('n', n, flush=True)\n    time.sleep(.05)")
    followed = gpurun("logs", run_id, "-f")
    assert [line for line in followed.stdout.splitlines() if line.startswith("n ")] == [f"n {n}" for n in range(20)]


def test_the_verbs_are_also_reached_through_jupyter(server: JupyterServer) -> None:
    command = [str(BIN / "jupyter"), "gpurun", "devices", "--json"]
    assert json.loads(subprocess.run(command, env=server.env, capture_output=True, text=True, check=True).stdout)

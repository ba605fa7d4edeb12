"""`gpurun VERB` as a person types it in a terminal, against a real server."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from servers import BIN, JupyterServer, wait_until

from gpurun_jupyter.cli.faults import carried_out


@pytest.fixture
def gpurun(server: JupyterServer, tmp_path: Path):
    """Runs the command in an empty directory; the server is found by its runtime file."""

    def call(*args: str, **env: str) -> subprocess.CompletedProcess[str]:
        command = [str(BIN / "gpurun"), *args]
        return subprocess.run(command, env=server.env | env, cwd=tmp_path, capture_output=True, text=True, timeout=60)

    return call


@pytest.fixture
def typed(server: JupyterServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]):
    """Does the same within this process: most commands need none of their own."""
    monkeypatch.chdir(tmp_path)
    for name, value in server.env.items():
        monkeypatch.setenv(name, value)

    def call(*args: str) -> subprocess.CompletedProcess[str]:
        capfd.readouterr()
        code = carried_out(list(args))
        return subprocess.CompletedProcess(args, code, *capfd.readouterr())

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


def test_a_shell_completes_verbs_and_runs(gpurun, server: JupyterServer) -> None:
    server.submit("1", name="completed-by-the-shell")

    def completed(line: str) -> list[str]:
        words = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split()) - 1), "_GPURUN_COMPLETE": "bash_complete"}
        return [item.partition(",")[2] for item in gpurun(**words).stdout.split()]

    assert completed("gpurun devi") == ["devices"]
    assert completed("gpurun logs completed-by") == ["completed-by-the-shell"]
    assert "complete" in gpurun("completion", "bash").stdout


def test_what_is_done_with_runs_that_are_over(typed, tmp_path: Path) -> None:
    (tmp_path / "leave.py").write_text("import os; print(os.environ.get('LR')); open('model.pt', 'w').write('weights')")
    assert typed("submit", "leave.py", "--wait", "--name", "leaving", "--project", "over").returncode == 0
    listed = typed("files", "leaving").stdout
    assert "model.pt" in listed
    assert "leave.py" not in listed
    assert "SHIPPED  1 file (78 B), unchanged; --all lists them" in listed
    assert "leave.py" in typed("files", "leaving", "--all").stdout
    assert [file["path"] for file in json.loads(typed("files", "leaving", "--json").stdout)] == ["model.pt", "leave.py"]
    assert typed("files", "leaving", "model.pt").returncode == 0
    assert (tmp_path / "model.pt").read_text() == "weights"
    again = typed("rerun", "leaving", "--set", "env.LR=0.5", "--set", 'name="left-again"', "--wait")
    assert (again.returncode, "0.5" in again.stdout) == (0, True)
    deleted = typed("delete", "left-again")
    assert "brings it back" in deleted.stdout
    assert typed("logs", "left-again").returncode == 2
    run_id = deleted.stdout.split()[-4].rstrip("`")
    assert typed("delete", "--restore", run_id).returncode == 0
    assert typed("logs", "left-again").stdout.startswith("0.5")
    for wrong in (
        ["rerun", "leaving", "--set", "gpus=2"],
        ["rerun", "leaving", "--set", "gpu"],
        ["files", "leaving", "no"],
    ):
        refused = typed(*wrong)
        assert (refused.returncode, "Traceback" in refused.stderr) == (2, False), refused.stderr


def test_tables_of_everything_and_the_doctor(gpurun, typed, server: JupyterServer) -> None:
    for verb in ("agents", "projects", "stats"):
        shown, as_json = typed(verb), typed(verb, "--json")
        assert (shown.returncode, bool(shown.stdout.strip())) == (0, True), shown.stderr
        assert json.loads(as_json.stdout)
    well = gpurun("doctor", "--json")
    found = {finding["what"]: finding for finding in json.loads(well.stdout)}
    assert (well.returncode, found["agent"]["verdict"], found["GPUs"]["verdict"]) == (0, "fine", "note")
    unwell = gpurun("doctor", GPURUN_URL="http://127.0.0.1:9", GPURUN_TOKEN="x")
    assert (unwell.returncode, "✗ server" in unwell.stdout) == (1, True)

"""An agent of another machine: it joins, takes runs, sends what they print and leave. Real processes."""

from __future__ import annotations

import hashlib
import io
import json
import plistlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import systemd
from machines import Machine
from servers import JupyterServer, wait_until
from tls import Authority, Relays

from gpurun_jupyter.agent.remote.service import not_let_in, service_of


@pytest.fixture
def machine(far_machine: Machine) -> Machine:
    return far_machine


def test_a_cell_runs_there_and_everything_comes_back(far_server: JupyterServer, machine: Machine) -> None:
    code = (
        "print('hello from', __import__('os').environ['GPURUN_RUN_ID'])\nopen('model.pt', 'w').write('weights')\ny = 42"
    )
    run_id = far_server.submit(code, gpu=0, outputs=["y"], on="fast")
    run = far_server.wait(run_id)
    assert (run["outcome"], run["agent"]) == ("succeeded", "lab"), run
    assert far_server.log(run_id) == f"hello from {run_id}\n"
    assert far_server.http.get(f"runs/{run_id}/files/model.pt").text == "weights"
    assert far_server.http.get(f"runs/{run_id}/outputs/y").json() == 42
    here = far_server.home / "runs" / run_id / "attempts" / "1"
    there = machine.home / "runs" / run_id / "attempts" / "1"
    assert (here / "events.jsonl").read_bytes() == (there / "events.jsonl").read_bytes()
    assert not (here / "incoming").exists() or not list((here / "incoming").iterdir())


def test_a_directory_runs_there(far_server: JupyterServer, machine: Machine) -> None:
    content = io.BytesIO()
    big = bytes(range(256)) * 2000  # more than a small file
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(
            "train.py", "import big\nprint(big.size())\nopen('out.bin','wb').write(open('big.bin','rb').read())"
        )
        archive.writestr("big.py", "def size(): return len(open('big.bin','rb').read())")
        archive.writestr("big.bin", big)
    form = {"entry": "train.py", "gpu": "0"}
    answer = far_server.http.post("runs/zip", data=form, files={"file": ("a.zip", content.getvalue())})
    assert answer.status_code == 201, answer.text
    run = far_server.wait(answer.json()["id"])
    assert run["outcome"] == "succeeded", far_server.log(run["id"])
    assert far_server.log(run["id"]) == f"{len(big)}\n"
    assert far_server.http.get(f"runs/{run['id']}/files/out.bin").content == big
    digest = hashlib.sha256(big).hexdigest()
    assert (machine.home / "blobs" / digest[:2] / digest).read_bytes() == big


def test_kernels_and_frameworks_are_labels(far_server: JupyterServer, machine: Machine) -> None:
    (found,) = [one for one in far_server.http.get("agents").json()["agents"] if one["id"] == "lab"]
    assert {"fast", "kernel:python3", "framework:sklearn"} <= set(found["labels"])
    run_id = far_server.submit("1", gpu=0, on="framework:sklearn")
    assert far_server.wait(run_id)["agent"] == "lab"
    refused = far_server.http.post("runs", json={"code": "1", "gpu": 0, "on": "nobodys"})
    assert refused.json()["error"]["code"] == "no_such_devices"


def test_a_run_waits_until_a_kernel_is_installed_and_the_machine_says_so(
    far_server: JupyterServer, machine: Machine
) -> None:
    answer = far_server.http.post("runs", json={"code": "echo $((40 + 2))", "gpu": 0, "kernel": "shell"})
    assert answer.json()["waiting"]["why"] == "waits for a machine with the kernel 'shell': lab has python3 only"
    folder = machine.folder / "data" / "kernels" / "shell"
    folder.mkdir(parents=True)
    argv = [sys.executable, "-m", "bash_kernel", "-f", "{connection_file}"]
    (folder / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "Bash", "language": "bash"}))
    run_id = answer.json()["id"]
    assert far_server.wait(run_id)["outcome"] == "succeeded"
    assert far_server.log(run_id) == "42\n"


def test_labels_and_models_are_given_while_the_agent_is_at_work(far_server: JupyterServer, machine: Machine) -> None:
    answer = far_server.http.post("runs", json={"code": "1", "gpu": 0, "on": "framework:sklearn,model:org/llama"})
    assert answer.json()["waiting"]["why"] == "waits for a machine with the model 'org/llama': lab has no model"
    assert "org/llama" in machine.gpurun("agent", "labels", "quiet", "--model", "org/llama").stdout
    assert far_server.wait(answer.json()["id"])["agent"] == "lab"
    left = machine.gpurun("agent", "labels", "--remove", "quiet", "--remove", "model:org/llama", "--json").stdout
    assert json.loads(left) == [{"url": machine.url, "labels": ["fast"]}]
    wait_until(lambda: "quiet" not in far_server.http.get("agents").text, what="for the agent to say so")
    refused = machine.gpurun("agent", "labels", "a,b", check=False)
    assert (refused.returncode, "cannot be a label" in refused.stderr) == (2, True)


def test_its_verbs(far_server: JupyterServer, machine: Machine) -> None:
    assert "at work, pid" in machine.gpurun("agent", "status").stdout
    assert machine.gpurun("agent", "start").stderr.count("is at work") == 1
    assert machine.gpurun("agent", "logs", "--server", machine.url).stdout != ""
    assert machine.gpurun("agent", "sync").stdout == f"{machine.url} has everything.\n"
    assert machine.gpurun("agent", "sync", "nobodys", check=False).returncode == 2
    again = machine.gpurun("agent", "join", machine.url, "--token", "x", check=False)
    assert (again.returncode, "`gpurun agent stop` ends it first" in again.stderr) == (2, True)
    machine.gpurun("agent", "stop")
    assert machine.agent() is None
    assert "`gpurun agent start` starts it" in machine.gpurun("agent", "sync", check=False).stderr
    assert "not at work" in machine.gpurun("agent", "status").stdout
    machine.gpurun("agent", "start")
    shown = json.loads(machine.gpurun("agent", "status", "--json").stdout)
    agent = machine.agent()
    assert agent is not None
    assert shown == [{"url": machine.url, "agent": "lab", "labels": ["fast"], "pid": agent.pid, "trouble": ""}]


def test_the_service_is_one_that_systemd_and_launchd_take(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.env["HOME"] = str(machine.folder)
    machine.gpurun("agent", "install")
    (unit,) = machine.folder.glob(".config/systemd/user/gpurun-agent-*.service")
    systemd.check(unit)
    assert "\nKillMode=process\n" in unit.read_text()
    monkeypatch.setenv("HOME", str(machine.folder))
    path, then = service_of(machine.home).install("darwin")
    found = plistlib.loads(path.read_bytes())
    assert found["ProgramArguments"] == [sys.executable, "-m", "gpurun_jupyter.agent.remote", str(machine.home)]
    assert str(path) in then
    assert found["KeepAlive"] == {"SuccessfulExit": False}
    assert (not_let_in("darwin"), not_let_in("linux")) == (0, 77), "launchd would start again what ends otherwise"


def test_stop_with_kill_ends_its_runs_too(far_server: JupyterServer, machine: Machine) -> None:
    far_server.wait(far_server.submit("x = 1", gpu=0, on="lab", session="ended"))
    run_id = far_server.submit("import time\nprint('up')\ntime.sleep(600)", gpu=0, on="lab")
    far_server.wait(run_id, "running")
    machine.gpurun("agent", "stop", "--kill")
    run = far_server.run(run_id)
    assert (run["state"], run["outcome"]) == ("finished", "cancelled")
    assert not list((machine.home / "sessions").glob("*/session.json"))
    machine.gpurun("agent", "start")


def test_stop_leaves_runs_alone_and_start_takes_them_up_again(far_server: JupyterServer, machine: Machine) -> None:
    code = "import os, time\nprint('up', flush=True)\nwhile not os.path.exists('go'): time.sleep(0.05)\nprint('down')"
    run_id = far_server.submit(code, gpu=0, on="lab")
    wait_until(lambda: far_server.log(run_id) == "up\n", what="for the first line")
    far_server.wait(far_server.submit("x = 41", gpu=0, on="lab", session="kept"))
    machine.gpurun("agent", "stop")
    assert far_server.run(run_id)["state"] == "running"
    machine.gpurun("agent", "start")
    after = far_server.submit("print(x + 1)", gpu=0, session="kept")
    assert far_server.wait(after)["outcome"] == "succeeded"
    assert far_server.log(after) == "42\n"
    (machine.home / "runs" / run_id / "attempts" / "1" / "work" / "go").touch()
    run = far_server.wait(run_id)
    assert (run["outcome"], run["attempt"], far_server.log(run_id)) == ("succeeded", 1, "up\ndown\n")

    left = far_server.submit("import time\nprint('up', flush=True)\ntime.sleep(600)", gpu=0, on="lab")
    wait_until(lambda: far_server.log(left) == "up\n", what="for the first line")
    machine.gpurun("agent", "stop")
    machine.gpurun("agent", "stop", "--kill")  # no agent is there to do it
    assert not list((machine.home / "sessions").glob("*/session.json"))
    machine.gpurun("agent", "start")
    assert far_server.wait(left)["outcome"] == "cancelled"


def test_an_agent_that_is_killed_finds_its_runs_again(far_server: JupyterServer, machine: Machine) -> None:
    code = """
import os, time
from gpurun_jupyter import report
open("model.pt", "w").write("weights")
print("up", flush=True)
while not os.path.exists("go"): time.sleep(0.05)
report.log(loss=0.5)
report.save_model("model.pt", name="unattended")
print("down")
"""
    run_id = far_server.submit(code, gpu=0, on="lab")
    wait_until(lambda: far_server.log(run_id) == "up\n", what="for the first line")
    machine.kill()
    (machine.home / "runs" / run_id / "attempts" / "1" / "work" / "go").touch()
    machine.gpurun("agent", "start")
    run = far_server.wait(run_id)
    assert (run["outcome"], run["attempt"], far_server.log(run_id)) == ("succeeded", 1, "up\ndown\n")
    version = far_server.http.get("models/unattended/latest").json()
    assert (version["run_id"], version["metrics"]) == (run_id, {"loss": 0.5})
    assert far_server.http.get("models/unattended/latest/verify").json()["files"] == 1


def test_a_retry_finds_the_checkpoint_that_another_machine_left(
    far_server: JupyterServer, machine: Machine, tmp_path: Path
) -> None:
    code = """
import os, pathlib, time
kept = pathlib.Path(os.environ["GPURUN_CHECKPOINT_DIR"], "step.txt")
if kept.exists():
    print("went on at", kept.read_text())
else:
    kept.write_text("41")
    while not os.path.exists("go"): time.sleep(0.05)
    os._exit(1)
"""
    other = Machine(tmp_path / "other").join(far_server, "--name", "other", "--label", "lab")
    machine.gpurun("agent", "stop")
    try:
        run_id = far_server.submit(code, gpu=0, retries=1, on="lab")
        far_server.wait(run_id, "running")
        far_server.submit("while True: pass", gpu=0, on="other", priority=10)  # takes the place there
        machine.gpurun("agent", "start")
        (other.home / "runs" / run_id / "attempts" / "1" / "work" / "go").touch()
        run = far_server.wait(run_id)
    finally:
        other.gpurun("agent", "stop", "--kill")
        other.close()
    assert (run["outcome"], run["agent"], run["attempt"]) == ("succeeded", "lab", 2)
    assert far_server.log(run_id) == "went on at 41\n"


def test_tls_of_an_own_authority_through_a_proxy(far_server: JupyterServer, tmp_path: Path) -> None:
    authority, relays = Authority(tmp_path), Relays()
    url = f"https://lab.example:{relays.tls_end(authority, far_server.port)}/x/y/"
    machine = Machine(tmp_path / "machine")
    machine.env["https_proxy"] = f"http://127.0.0.1:{relays.proxy()}"
    distrusted = machine.gpurun("agent", "join", url, "--token", "x", check=False)
    assert (distrusted.returncode, "--ca FILE" in distrusted.stderr) == (3, True)
    try:
        machine.join(far_server, "--name", "secure", "--ca", str(authority.ca), url=url)
        run_id = far_server.submit("print('through the tunnel')", gpu=0, on="secure")
        assert far_server.wait(run_id)["outcome"] == "succeeded"
        assert far_server.log(run_id) == "through the tunnel\n"
        assert set(relays.connected) == {url.removeprefix("https://").removesuffix("/x/y/")}
        assert (machine.home / "server.json").stat().st_mode & 0o777 == 0o600
    finally:
        machine.close()
        relays.close()


def test_its_process_needs_neither_jupyter_server_nor_a_database(tmp_path: Path) -> None:
    code = "import sys, gpurun_jupyter.agent.remote.__main__ as m; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "httpx" in loaded
    assert not {"jupyter_server", "sqlalchemy", "tornado", "IPython"} & set(loaded)

"""A secret is in the run's environment and in a file for its user alone while the run lasts, and nowhere else."""

from __future__ import annotations

import hashlib
import signal
import stat
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from machines import Machine
from servers import BIN, TOKEN, JupyterServer, wait_until

from gpurun_jupyter.client import Client
from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.core.system.processes import read_identity

SECRET = "s3cret-Zq81xWn"
LOOK = """
import hashlib, os, sys, time
value = os.environ['KEY']
print('digest', hashlib.sha256(value.encode()).hexdigest())
print('whole', value)
sys.stdout.write(value[:6]); sys.stdout.flush(); sys.stdout.write(value[6:] + '\\n'); sys.stdout.flush()
print('to stderr', value, file=sys.stderr)
os.system('echo child $KEY')
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    server = JupyterServer(tmp_path_factory.mktemp("secrets"))
    yield server.start()
    server.close()


@pytest.fixture
def client(server: JupyterServer) -> Iterator[Client]:
    with Client(server.url, TOKEN) as made:
        yield made


@pytest.fixture
def command_lines() -> Iterator[list[str]]:
    """Every command line there is while the test goes on, as `ps` shows them to everybody."""
    lines: list[str] = []
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.01):
            lines.extend(" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"]))

    watching = threading.Thread(target=watch)
    watching.start()
    yield lines
    done.set()
    watching.join()


def files_with(folder: Path, secret: str = SECRET) -> list[str]:
    """Every file below it that holds the secret."""
    paths = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return [str(path.relative_to(folder)) for path in paths if secret.encode() in path.read_bytes()]


def told(server: JupyterServer, run_id: str) -> str:
    """All that the routes say of a run."""
    routes = [
        f"runs/{run_id}{rest}" for rest in ("", "/log", "/events", "/history", "/metrics", "/files", "/environment")
    ]
    routes += ["runs", "runs.csv", f"compare?run={run_id}&run={run_id}&all=true", "stats", "status", "sessions"]
    routes += [f"runs/{run_id}/search?q=digest", "runs?sort=KEY&offset=0"]
    return "\n".join(server.http.get(route).text for route in routes)


def nowhere(server: JupyterServer, run_id: str, secret: str = SECRET) -> None:
    """The run has ended, and nothing knows the secret any more."""
    assert files_with(server.folder, secret) == []
    assert secret not in told(server, run_id)


def holding(code: str) -> str:
    """The same, and then it waits for a file."""
    return code + "\nimport pathlib\nwhile not pathlib.Path('go').exists():\n    time.sleep(0.05)\n"


def let_go(server: JupyterServer, run_id: str, attempt: int = 1) -> None:
    (server.home / "runs" / run_id / "attempts" / str(attempt) / "work" / "go").touch()


def test_a_cell_has_it_and_nobody_else_is_told(server: JupyterServer, command_lines: list[str]) -> None:
    run_id = server.submit(holding(LOOK), secrets={"KEY": SECRET}, outputs=[])
    wait_until(lambda: "child" in server.log(run_id), 30)
    file = server.home / "secrets" / f"{run_id}.json"
    assert files_with(server.folder) == [str(file.relative_to(server.folder))]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert SECRET not in told(server, run_id)
    let_go(server, run_id)
    run = server.wait(run_id)
    assert (run["outcome"], run["spec"]["secrets"]) == ("succeeded", ["KEY"])
    log = server.log(run_id)
    assert "whole ***" in log
    assert "to stderr ***" in log
    assert "child ***" in log
    assert f"digest {hashlib.sha256(SECRET.encode()).hexdigest()}" in log
    nowhere(server, run_id)
    assert not [line for line in command_lines if SECRET in line]


def test_a_script_and_its_retries_have_it(server: JupyterServer) -> None:
    code = LOOK + "\nimport sys\nsys.exit(0 if os.environ['GPURUN_ATTEMPT'].endswith('/2') else value)"
    form = {"secrets": f"KEY={SECRET}", "retries": "1"}
    answer = server.http.post("runs/zip", data=form, files={"file": ("main.py", code.encode())})
    run_id = answer.json()["id"]
    run = server.wait(run_id)
    assert (run["outcome"], run["attempt"]) == ("succeeded", 2)
    assert server.log(run_id).count("whole ***") >= 1
    nowhere(server, run_id)


def test_errors_displays_and_messages_are_masked(server: JupyterServer) -> None:
    code = (
        "import os\nfrom IPython.display import display, HTML\nv = os.environ['KEY']\n"
        "display(HTML('<b>' + v + '</b>'))\ndisplay({'v': v})\nraise ValueError('no ' + v)"
    )
    run = server.wait(server.submit(code, secrets={"KEY": SECRET}))
    assert run["message"] == "ValueError: no ***"
    assert "***" in str(server.events(run["id"]))
    nowhere(server, run["id"])


def test_in_a_session_it_is_masked_from_then_on_and_taken_away_after_the_cell(server: JupyterServer) -> None:
    first = server.wait(server.submit("import os\nkept = os.environ['KEY']", session="s", secrets={"KEY": SECRET}))
    assert first["outcome"] == "succeeded"
    second = server.wait(server.submit("print('again', kept, os.environ.get('KEY'))", session="s"))
    assert server.log(second["id"]) == "again *** None\n"
    nowhere(server, second["id"])
    server.http.post("sessions/s/end")


def test_runs_that_never_start_leave_nothing(server: JupyterServer) -> None:
    held = server.submit("1", hold=True, secrets={"KEY": SECRET})
    assert files_with(server.folder) == [f"home/secrets/{held}.json"]
    server.http.post(f"runs/{held}/cancel")
    nowhere(server, held)
    for refused in ({"after": ["nobody"]}, {"gpu": 1000}, {"secrets": {"K Y": SECRET}}, {"env": {"KEY": "a"}}):
        answer = server.http.post("runs", json={"code": "1", "secrets": {"KEY": SECRET}, **refused})
        assert 400 <= answer.status_code < 500
        assert SECRET not in answer.text
    assert files_with(server.folder) == []


def test_a_rerun_needs_the_values_anew(server: JupyterServer, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import os, hashlib\nprint(len(os.environ['KEY']), os.environ['KEY'])"
    run_id = server.wait(server.submit(code, secrets={"KEY": SECRET}))["id"]
    refused = server.http.post(f"runs/{run_id}/rerun", json={})
    assert refused.status_code == 400
    assert "secrets without values: KEY" in refused.json()["error"]["message"]
    run = client.get(run_id)
    monkeypatch.delenv("KEY", raising=False)
    with pytest.raises(InvalidRequest, match="no value for the secret KEY"):
        run.rerun()
    monkeypatch.setenv("KEY", SECRET + "2")
    again = run.rerun().wait()
    assert again.logs() == f"{len(SECRET) + 1} ***\n"
    given = server.http.post(f"runs/{run_id}/rerun", json={"secrets": {"KEY": SECRET}}).json()["id"]
    assert server.wait(given)["outcome"] == "succeeded"
    without = server.http.post(f"runs/{run_id}/rerun", json={"secrets": None, "code": "1"})
    assert without.status_code == 201
    server.wait(without.json()["id"])
    nowhere(server, given)


def test_names_alone_are_refused_by_the_server(server: JupyterServer) -> None:
    answer = server.http.post("runs", json={"code": "1", "secrets": ["KEY"]})
    assert answer.status_code == 400
    assert "KEY" in answer.json()["error"]["message"]


def test_the_command_line_takes_it_from_its_environment(server: JupyterServer, tmp_path: Path) -> None:
    script = tmp_path / "main.py"
    script.write_text("import os\nprint(len(os.environ['KEY']), os.environ['KEY'])")
    env = server.env | {"GPURUN_URL": server.url, "GPURUN_TOKEN": TOKEN}

    def gpurun(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
        command = [str(BIN / "gpurun"), *words]
        return subprocess.run(
            command, env=env | more, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
        )

    done = gpurun("submit", str(script), "--secret", "KEY", "--wait", KEY=SECRET)
    assert done.returncode == 0, done.stderr
    assert f"{len(SECRET)} ***" in done.stdout
    lacking = gpurun("submit", str(script), "--secret", "KEY")
    assert lacking.returncode == 2
    assert "Set the environment variable KEY" in lacking.stderr
    sweep = tmp_path / "a.yaml"
    sweep.write_text("entry: main.py\nsecrets: [KEY]\nvalues:\n  n: [1, 2]\n")
    assert gpurun("sweep", str(sweep), "--wait", KEY=SECRET).returncode == 0
    assert gpurun("submit", str(script), "--secret", "KEY", "--sweep", "n=[1,2]", KEY=SECRET).returncode == 0
    sweep.write_text(f"entry: main.py\nsecrets:\n  KEY: {SECRET}\n")
    bad = gpurun("sweep", str(sweep))
    assert bad.returncode == 2
    assert SECRET not in bad.stderr
    exported = tmp_path / "x.ipynb"
    assert gpurun("export", "last", "-o", str(exported)).returncode == 0
    assert SECRET not in exported.read_text()
    assert gpurun("rerun", "last", "--secret", f"KEY={SECRET}").returncode == 0
    wait_until(lambda: not files_with(server.folder), 60)


def test_variables_that_look_secret_are_not_shown_but_are_there(server: JupyterServer, client: Client) -> None:
    env = {"HF_TOKEN": "abcd1234wxyz", "URL": "postgres://u:pw5678@h/x", "LR": "0.1", "MAX_TOKENS": "77123"}
    code = "import os\nprint(os.environ['HF_TOKEN'][::-1], os.environ['URL'][::-1])"
    run_id = server.wait(server.submit(code, env=env))["id"]
    assert "zyxw4321dcba x/h@8765wp" in server.log(run_id)
    shown = server.run(run_id)["spec"]["env"]
    assert shown == {"HF_TOKEN": "***", "URL": "***", "LR": "0.1", "MAX_TOKENS": "77123"}
    assert "abcd1234wxyz" not in told(server, run_id)
    assert "pw5678" not in told(server, run_id)
    again = server.wait(client.get(run_id).rerun(env={"LR": "0.2", "HF_TOKEN": "***"}).id)
    assert "zyxw4321dcba" in server.log(again["id"])
    open_ = server.wait(server.submit("1", env=env, show_env=["HF_TOKEN"]))
    assert open_["spec"]["env"]["HF_TOKEN"] == "abcd1234wxyz"
    refused = server.http.post("runs", json={"code": "1", "env": {"HF_TOKEN": "***"}})
    assert refused.status_code == 400
    assert "stands for one that is not shown" in refused.json()["error"]["message"]


@pytest.fixture
def address() -> str:
    """An address of this machine that is no loopback."""
    found = [
        one.address
        for ones in psutil.net_if_addrs().values()
        for one in ones
        if one.family.name == "AF_INET" and not one.address.startswith("127.")
    ]
    if not found:
        pytest.skip("this machine has no address but its own")
    return found[0]


def test_over_plain_http_no_machine_gets_it(tmp_path: Path, address: str) -> None:
    server = JupyterServer(tmp_path / "server", ip=address, options=("--GpurunApp.local_agent=False",))
    machine = Machine(tmp_path / "machine")
    try:
        server.start()
        machine.join(server)
        run_id = server.submit(LOOK, secrets={"KEY": SECRET})
        assert server.wait(server.submit("print(1)"))["outcome"] == "succeeded"
        run = server.run(run_id)
        assert run["state"] == "queued"
        assert "encrypted link (https), for its secrets" in run["waiting"]["why"]
        assert files_with(tmp_path) == [f"server/home/secrets/{run_id}.json"]
        server.http.post(f"runs/{run_id}/cancel")
        assert files_with(tmp_path) == []
    finally:
        machine.close()
        server.close()


def test_another_machine_gets_it_and_keeps_nothing(server: JupyterServer, tmp_path: Path) -> None:
    machine = Machine(tmp_path / "machine")
    try:
        machine.join(server, "--name", "far")
        run_id = server.submit(holding(LOOK), secrets={"KEY": SECRET}, on="far")
        wait_until(lambda: "child" in server.log(run_id), 60)
        assert files_with(tmp_path) == []
        (machine.home / f"runs/{run_id}/attempts/1/work/go").touch()
        assert server.wait(run_id)["outcome"] == "succeeded"
        assert "whole ***" in server.log(run_id)
        assert files_with(tmp_path) == []
        nowhere(server, run_id)
    finally:
        machine.close()


def test_what_a_killed_process_left_is_forgotten_by_the_next_agent(server: JupyterServer) -> None:
    run_id = server.wait(server.submit("1"))["id"]
    left = server.home / "secrets" / f"{run_id}.json"
    left.write_text(f'{{"KEY": "{SECRET}"}}')
    server.end_agent()
    server.wait(server.submit("2"))
    wait_until(lambda: not left.exists())


def test_a_killed_runner_and_a_killed_agent_leave_nothing(server: JupyterServer) -> None:
    run_id = server.submit(holding(LOOK), secrets={"KEY": SECRET})
    wait_until(lambda: "child" in server.log(run_id), 30)
    server.end_agent(signal.SIGKILL)
    attempt = server.home / f"runs/{run_id}/attempts/1"
    identity = read_identity(attempt / "runner.json")
    assert identity is not None
    identity.process().kill()
    assert server.wait(run_id)["reason"] == "runner_killed"
    nowhere(server, run_id)

"""Launch files and sweeps against a real server: what is checked, what is queued, and that it runs as it was shown."""

from __future__ import annotations

import json
import subprocess
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest
from notebooks import ServerKernel
from servers import BIN, JupyterServer

from gpurun_jupyter import Client

FILE = """\
entry: train.py
dir: .
args: [--epochs, 3]
values:
  lr: [1e-3, 0.1]
  depth: [2, 4]
"""
SCRIPT = "import os, sys\nprint('arguments', sys.argv[1:], os.environ.get('lr'))\n"


@pytest.fixture
def folder(server: JupyterServer) -> Iterator[Path]:
    """A directory below Jupyter's root, with a script and something that is not shipped."""
    made = server.folder / "files" / f"exp-{uuid.uuid4().hex[:8]}"
    made.mkdir(parents=True)
    (made / "train.py").write_text(SCRIPT)
    (made / ".gitignore").write_text("*.bin\n")
    (made / "large.bin").write_bytes(b"x" * 1000)
    return made


def check(server: JupyterServer, text: str, path: str = "") -> dict:
    answer = server.http.post("launch/check", json={"yaml": text, "path": path})
    assert answer.status_code == 200, answer.text
    return answer.json()


def launch(server: JupyterServer, text: str, path: str = "", key: str | None = None, **how: bool) -> dict:
    headers = {"Idempotency-Key": key} if key else {}
    answer = server.http.post("launch", json={"yaml": text, "path": path, **how}, headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_what_is_shown_is_what_runs(server: JupyterServer, folder: Path) -> None:
    path = f"{folder.name}/{folder.name}.gpurun.yaml"
    shown = check(server, FILE, path)
    assert shown["problems"] == []
    assert (shown["count"], shown["sweep"]) == (4, folder.name)
    assert (shown["files"]["files"], shown["files"]["left_out"]) == (2, ["large.bin: .gitignore"])
    assert shown["combinations"][0]["starts"]["position"] >= 1

    done = launch(server, FILE, path)
    assert done["sweep"] == folder.name
    for combination, run in zip(shown["combinations"], done["runs"], strict=True):
        assert run["name"] == combination["name"]
        assert run["tags"] == [f"sweep:{folder.name}"]
        finished = server.wait(run["id"])
        assert finished["spec"]["values"] == combination["values"]
        words = combination["command"].split()[1:]
        assert f"arguments {words}" in server.log(run["id"])
    assert combination["command"] == "train.py --epochs 3 --lr 0.1 --depth 4"


def test_the_same_key_twice_at_once_is_one_sweep_and_another_gets_a_name_of_its_own(server: JupyterServer) -> None:
    name, key = f"s{uuid.uuid4().hex[:6]}", str(uuid.uuid4())
    text = f"name: {name}\ncode: pass\nhold: true\nvalues: {{x: [1, 2, 3]}}\n"
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: launch(server, text, key=key), range(4)))
    ids = [[run["id"] for run in answer["runs"]] for answer in answers]
    assert ids == [ids[0]] * 4
    assert [answer["sweep"] for answer in answers] == [name] * 4
    again = launch(server, text)
    assert [run["name"] for run in again["runs"]] == [f"{name}-2/1", f"{name}-2/2", f"{name}-2/3"]


def test_a_sweep_that_is_refused_leaves_nothing(server: JupyterServer) -> None:
    folders = set((server.home / "runs").iterdir())
    name = f"s{uuid.uuid4().hex[:6]}"
    text = f"name: {name}\ncode: pass\nvalues: {{x: [1, 2]}}\nafter: [no-such-run]\n"
    shown = check(server, text)["problems"]
    assert [(one["line"], one["column"]) for one in shown] == [(4, 1)]
    answer = server.http.post("launch", json={"yaml": text})
    assert answer.status_code == 404
    assert server.http.get("runs", params={"q": name}).json()["runs"] == []
    assert set((server.home / "runs").iterdir()) == folders


def test_devices_that_nobody_has_are_told_at_their_line(server: JupyterServer) -> None:
    (problem,) = check(server, "code: print(1)\ngpu: 64\n")["problems"]
    assert (problem["line"], problem["column"]) == (2, 1)
    assert "64 GPUs" in problem["message"]


@pytest.mark.parametrize("place", ["../..", "/etc", "link"])
def test_only_what_jupyter_shows_is_collected(server: JupyterServer, folder: Path, place: str) -> None:
    (folder / "link").symlink_to("/etc")
    text = FILE.replace("dir: .", f"dir: {place}")
    (problem,) = check(server, text, f"{folder.name}/x.yaml")["problems"]
    assert problem["line"] == 2
    assert "below the directory that Jupyter serves" in problem["message"]
    assert server.http.post("launch", json={"yaml": text, "path": f"{folder.name}/x.yaml"}).status_code == 400


@pytest.mark.parametrize(("old", "new", "line"), [("train.py", "trian.py", 1), ("dir: .", "dir: nowhere", 2)])
def test_a_missing_file_is_told_at_the_line_that_names_it(
    server: JupyterServer, folder: Path, old: str, new: str, line: int
) -> None:
    (problem,) = check(server, FILE.replace(old, new), f"{folder.name}/x.yaml")["problems"]
    assert problem["line"] == line
    assert new.removeprefix("dir: ") in problem["message"]


@pytest.mark.parametrize("text", ['entry: "a\\0b"\n', f"dir: {'x' * 5000}\nentry: a\n", 'notebook: "\\0"\n'])
def test_paths_that_no_file_has_are_problems(server: JupyterServer, text: str) -> None:
    (problem,) = check(server, text)["problems"]
    assert (problem["line"], problem["column"]) == (1, 1)
    assert server.http.post("launch", json={"yaml": text}).status_code == 400
    assert server.http.post("launch/check", json={"yaml": "code: 1", "path": "a\0.yaml"}).status_code == 400


def test_a_sweep_of_long_texts_is_refused(server: JupyterServer) -> None:
    text = f"code: pass\nhold: true\nvalues:\n  text: {'x' * 500_000}\n  n: {list(range(200))}\n"
    answer = server.http.post("launch", json={"yaml": text})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")


def test_a_path_that_climbs_out_shows_nothing(server: JupyterServer) -> None:
    (problem,) = check(server, "entry: passwd\n", "../../../../../../etc/x.yaml")["problems"]
    assert "below the directory that Jupyter serves" in problem["message"]


def test_a_thousand_runs_are_queued_in_one_go(server: JupyterServer) -> None:
    text = f"code: pass\nhold: true\nvalues:\n  a: {list(range(100))}\n  b: {list(range(10))}\n"
    assert check(server, text)["count"] == 1000
    runs = launch(server, text)["runs"]
    assert len({run["name"] for run in runs}) == 1000


def test_run_now_is_ahead_of_what_waits(server: JupyterServer) -> None:
    blocker = server.submit("import time; time.sleep(60)", name="in-front", gpu=0)
    held = [server.submit("import time; time.sleep(60)", gpu=0, priority=3) for _ in range(4)]
    try:
        first = launch(server, "code: print(1)\n", first=True)["runs"][0]
        assert first["priority"] == 4
    finally:
        for run in [blocker, *held, first["id"]]:
            server.http.post(f"runs/{run}/cancel", json={"kill": True})


def test_cells_get_variables_and_notebooks_parameters(server: JupyterServer, folder: Path) -> None:
    cells = [("lr = 0", {"tags": ["parameters"]}), ("print('lr is', lr)", {})]
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(code, metadata=about) for code, about in cells]
    )
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, folder / "train.ipynb")
    (of_notebook,) = launch(server, "notebook: train.ipynb\nvalues: {lr: [0.25]}\n", f"{folder.name}/x.yaml")["runs"]
    (of_cell,) = launch(server, "code: |\n  %%time\n  print('lr is', lr)\nvalues: {lr: 0.25}\n")["runs"]
    for run in (of_notebook, of_cell):
        assert server.wait(run["id"])["outcome"] == "succeeded"
        assert "lr is 0.25" in server.log(run["id"])


def test_the_files_of_a_run_that_was_before(server: JupyterServer, folder: Path) -> None:
    (before,) = launch(server, "entry: train.py\ndir: .\n", f"{folder.name}/x.yaml")["runs"]
    (folder / "train.py").write_text("print('another file')")
    text = f"files_of: {before['id']}\nentry: train.py\nvalues: {{lr: [0.125]}}\n"
    assert check(server, text)["combinations"][0]["command"] == "train.py --lr 0.125"
    (run,) = launch(server, text)["runs"]
    assert run["rerun_of"] == before["id"]
    assert server.wait(run["id"])["outcome"] == "succeeded"
    assert "arguments ['--lr', '0.125']" in server.log(run["id"])
    (problem,) = check(server, "files_of: no-such-run\nentry: train.py\n")["problems"]
    assert "no run 'no-such-run'" in problem["message"]


def test_values_as_environment(server: JupyterServer, folder: Path) -> None:
    text = "entry: train.py\nvalues: {lr: [0.5]}\nvalues_as: env\n"
    (run,) = launch(server, text, f"{folder.name}/x.yaml")["runs"]
    server.wait(run["id"])
    assert "arguments [] 0.5" in server.log(run["id"])


def test_the_schema(server: JupyterServer) -> None:
    assert server.http.get("launch/schema").json()["properties"]["gpu"]["type"] == "integer"


def gpurun(server: JupyterServer, folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    command = [str(BIN / "gpurun"), *args]
    return subprocess.run(command, env=server.env, cwd=folder, capture_output=True, text=True, timeout=90)


def test_the_command_line_ships_from_where_it_is(server: JupyterServer, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(SCRIPT)
    (tmp_path / "cli.gpurun.yaml").write_text(FILE)
    dry = gpurun(server, tmp_path, "sweep", "cli.gpurun.yaml", "--dry-run")
    assert "4 runs  lr=0.001 depth=2" in dry.stdout, dry.stderr
    assert server.http.get("runs", params={"q": "cli/"}).json()["runs"] == []
    done = gpurun(server, tmp_path, "sweep", "cli.gpurun.yaml", "--wait", "--json")
    assert done.returncode == 0, done.stderr
    records = json.loads(done.stdout)
    assert [record["name"] for record in records] == ["cli/1", "cli/2", "cli/3", "cli/4"]
    assert {record["outcome"] for record in records} == {"succeeded"}
    assert "'--lr', '0.1', '--depth', '4'" in gpurun(server, tmp_path, "logs", "cli/4").stdout

    (tmp_path / "bad.yaml").write_text("entry: train.py\ngpus: 1\n")
    refused = gpurun(server, tmp_path, "sweep", "bad.yaml")
    assert refused.returncode == 2
    assert "line 2, column 1: A launch file has no option 'gpus'. Did you mean 'gpu'?" in refused.stderr


def test_submit_sweep(server: JupyterServer, tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text(SCRIPT)
    sweep = ("submit", "one.py", "--sweep", "lr=[1,2]", "--sweep", "amp=[true]", "--name", "sub", "--wait")
    done = gpurun(server, tmp_path, *sweep, "--", "-v")
    assert done.returncode == 0, done.stderr
    assert "sub/2" in done.stdout
    assert "arguments ['-v', '--lr', '2', '--amp']" in server.log("sub%2F2")


def test_a_cell_runs_once_for_each_combination(server: JupyterServer) -> None:
    kernel = ServerKernel(server)
    try:
        kernel.execute("%load_ext gpurun_jupyter\nbase = 10")
        output = kernel.execute("%%gpurun --sweep 'lr=[1,2]' --name cellsweep --in base\nprint('sum', base + lr)")
        assert output.failed == ""
        assert "sum 12" in server.log("cellsweep%2F2")
        output = kernel.execute("%%gpurun --sweep lr=[0,1] --name halfbad\n1 / lr")
        assert "halfbad/1" in output.failed
    finally:
        kernel.close()


def test_the_client_takes_a_path_or_a_text(server: JupyterServer, folder: Path) -> None:
    with Client(server.url, "test-token") as client:
        (folder / "c.yaml").write_text("entry: train.py\nvalues: {lr: [1, 2]}\n")
        runs = client.sweep(folder / "c.yaml", hold=True)
        assert [run.name.rpartition("/")[2] for run in runs] == ["1", "2"]
        (run,) = client.sweep("code: 6 * 7\ngpu: 0\n")
        assert run.wait().outcome == "succeeded"

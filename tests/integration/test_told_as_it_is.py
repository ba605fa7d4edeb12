"""What a run is and was, told as it is: its arguments, its facts, its progress, what was pruned, where it came from."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from servers import BIN, TOKEN, JupyterServer, wait_until

from gpurun_jupyter.client import Client
from gpurun_jupyter.core.errors import InvalidRequest, WrongState

FACTS = """print('VTM_RUN_META::{"mlflow_run_id": "ab12", "tries": 1}')
print('VTM_RUN_META::{"tries": 2, "tags": ["x"], "best": NaN}')
print("done")"""


@pytest.fixture
def client(server: JupyterServer) -> Client:
    return Client(server.url, TOKEN)


def gpurun(server: JupyterServer, *arguments: str) -> str:
    env = server.env | {"GPURUN_URL": server.url, "GPURUN_TOKEN": TOKEN}
    done = subprocess.run([str(BIN / "gpurun"), *arguments], capture_output=True, text=True, env=env, timeout=60)
    return done.stdout + done.stderr


def test_positional_arguments_are_compared(server: JupyterServer, client: Client, tmp_path: Path) -> None:
    (tmp_path / "t.py").write_text("import sys; print(sys.argv)")
    runs = [
        client.submit_dir(tmp_path, entry="t.py", args=[data, "--lr", "0.1", "-v"], gpu=0, name=data)
        for data in ("digits", "letters and more")
    ]
    found = client.compare(*(run.id for run in runs))
    assert found["parameters"] == [{"name": "arguments", "values": ["digits -v", "'letters and more' -v"]}]
    differing = server.http.get(f"runs/{runs[1].id}/diff", params={"with": runs[0].id}).json()["parameters"]
    assert differing == [{"name": "arguments", "before": "digits -v", "after": "'letters and more' -v"}]


def test_facts_are_in_the_run_and_in_status(server: JupyterServer) -> None:
    run_id = server.submit(FACTS, gpu=0, name="told")
    server.wait(run_id)
    facts = {"mlflow_run_id": "ab12", "tries": 2, "tags": ["x"], "best": "NaN"}
    assert server.run(run_id)["meta"] == facts
    status = gpurun(server, "status", "told")
    assert "mlflow_run_id" in status
    assert "ab12" in status
    assert server.http.get("runs", params={"where": "name = told"}).json()["runs"][0].get("meta", {}) == {}


def test_progress_is_set_over_http(server: JupyterServer) -> None:
    run_id = server.submit("import time; time.sleep(60)", gpu=0, name="slow")
    assert server.http.put("runs/slow/progress", json={"done": 1}).status_code in (200, 409)
    server.wait(run_id, "running")
    run = server.http.put("runs/slow/progress", json={"done": 60, "label": "warming up"}).json()
    assert (run["progress"]["fraction"], run["progress"]["bars"][0]["label"]) == (0.6, "warming up")
    assert server.http.put("runs/slow/progress", json={"done": 3, "total": 4}).json()["progress"]["fraction"] == 0.75
    for wrong in ({"done": 101}, {"done": -1}, {"done": 1, "total": 0}, {}, {"done": 1, "percent": 5}):
        assert server.http.put("runs/slow/progress", json=wrong).status_code == 400
    server.http.post(f"runs/{run_id}/cancel", json={"kill": True})
    server.wait(run_id)
    late = server.http.put("runs/slow/progress", json={"done": 5})
    assert (late.status_code, late.json()["error"]["code"]) == (409, "wrong_state")


def test_a_pruned_run_says_so(server: JupyterServer) -> None:
    run_id = server.submit("print('much')", gpu=0, name="old", project="prunable")
    server.wait(run_id)
    assert server.run(run_id)["pruned_at"] is None
    body = {"older_than": 0.01, "project": "prunable"}
    wait_until(lambda: run_id in server.http.post("prune", json=body).json()["runs"])
    assert server.run(run_id)["pruned_at"] > server.run(run_id)["created_at"]
    assert "its output and files are gone" in gpurun(server, "status", "old")


def test_an_imported_run_cannot_be_rerun(client: Client, tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "theirs.csv").write_text("step,loss\n1,0.5\n")
    ((run,), _) = client.import_folder(tmp_path)
    with pytest.raises(WrongState, match="imported: of another tool's run there is no code"):
        run.rerun()


@pytest.mark.parametrize(
    ("name", "content", "loss"),
    [
        ("german", b"step;loss;acc\r\n1;0,93;0,5\r\n2;0,81;0,6\r\n", 0.81),
        ("bom", b"\xef\xbb\xbfstep,loss\r\n1,0.9\r\n", 0.9),
        ("utf16", "\ufeffstep\tloss\n1\t0.5\n".encode("utf-16-le"), 0.5),
        ("wide", "step,loss\n1,0.25".encode("utf-16-be"), 0.25),
        ("nan", b"step,loss\n1,nan\n2,inf\n", "Infinity"),
    ],
)
def test_files_of_spreadsheets(client: Client, tmp_path: Path, name: str, content: bytes, loss: float | str) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / f"{name}.csv").write_bytes(content)
    ((run,), left_out) = client.import_folder(tmp_path)
    assert (left_out, run.record.metrics["loss"].last) == ([], loss)


def test_what_cannot_be_read_is_refused_by_name(client: Client, tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "cp949.csv").write_bytes("step,정확도\n1,0.5\n".encode("cp949"))
    (tmp_path / "p" / "note.csv").write_bytes(b"step,loss\n1,0.5\n")
    (tmp_path / "p" / "note.yaml").write_bytes("이름: 값\n".encode("cp949"))
    ((run,), left_out) = client.import_folder(tmp_path)
    assert run.record.name == "note"
    assert all("no UTF-8" in sentence and "CP949" in sentence for sentence in left_out)
    assert [sentence.partition(": ")[0].rpartition("/")[2] for sentence in left_out] == ["cp949", "note.yaml"]


def test_yaml_of_an_import_is_that_of_launch_files(client: Client, tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "y.yaml").write_text("lr: 1e-3\ncountry: NO\noct: 010\ntime: 1:30\non: push\n")
    ((run,), _) = client.import_folder(tmp_path)
    assert run.refresh().record.spec.values == {"lr": 0.001, "country": "NO", "oct": 10, "time": "1:30", "on": "push"}


def test_a_launch_file_that_cannot_be_read_is_refused_by_name(client: Client, tmp_path: Path) -> None:
    file = tmp_path / "korean.gpurun.yaml"
    file.write_bytes('code: "print(1)"\nname: 한글\n'.encode("cp949"))
    with pytest.raises(InvalidRequest, match=r"no UTF-8.*CP949"):
        client.sweep(file)
    file.write_text('code: "print(1)"\nname: 한글\nhold: true\ngpu: 0\n', "utf-16")
    assert client.sweep(file)[0].name == "한글"


def test_models_are_counted_by_status(server: JupyterServer, client: Client, tmp_path: Path) -> None:
    (tmp_path / "m.pt").write_text("weights")
    for name in ("in-use", "put-aside"):
        client.models.register(tmp_path / "m.pt", name)
    client.models.archive("put-aside", 1)
    counted = client.stats()["models"]
    assert (counted["archived"], counted["ready"] >= 1) == (1, True)
    assert "1 archived" in gpurun(server, "stats")
    rows = gpurun(server, "models", "list").splitlines()
    assert ["v1 (archived)" in row for row in rows if "put-aside" in row] == [True]
    assert ["(archived)" in row for row in rows if "in-use" in row] == [False]


@pytest.mark.parametrize("name", [".", "..", "x\n", "./1"])
def test_a_name_that_means_something_else_is_refused_in_a_sentence(server: JupyterServer, name: str) -> None:
    digest = "0" * 64
    fields = ("name", "project", "session", "kernel", "device")
    bodies = [("runs", {"code": "1", "gpu": 0, "hold": True, field: name}) for field in fields]
    bodies += [("runs", {"code": "1", "tags": [name]}), ("data", {"name": name, "manifest": digest})]
    for route, body in bodies:
        refused = server.http.post(route, json=body)
        assert refused.status_code == 400, refused.text
        assert "one line, without slashes" in refused.json()["error"]["message"]
    refused = server.http.post("models", json={"name": name, "manifest": digest})
    assert "cannot be the name of a model" in refused.json()["error"]["message"]


@pytest.mark.parametrize("name", [".", ".."])
def test_the_command_line_refuses_such_names_in_a_sentence(server: JupyterServer, tmp_path: Path, name: str) -> None:
    (tmp_path / "h.py").write_text("print(1)")
    submitted = gpurun(server, "submit", str(tmp_path / "h.py"), "--gpu", "0", "--hold", "--name", name)
    assert "name is not right: expected a name on one line" in submitted
    for arguments in (
        ("status", name),
        ("delete", name),
        ("models", "show", name),
        ("sessions", name, "--end"),
    ):
        assert "Nothing is called '.' or '..'." in gpurun(server, *arguments), arguments

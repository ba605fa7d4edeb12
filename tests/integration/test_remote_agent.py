"""An agent of another machine: it joins, takes runs, sends what they print and leave. Real processes."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterator

import pytest
from machines import Machine
from servers import JupyterServer


@pytest.fixture(scope="module")
def far_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """A server that offers nothing itself."""
    folder = tmp_path_factory.mktemp("far")
    made = JupyterServer(folder, base_url="/x/y/", options=("--GpurunApp.local_agent=False",)).start()
    yield made
    made.close()


@pytest.fixture(scope="module")
def machine(far_server: JupyterServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    made = Machine(tmp_path_factory.mktemp("machine")).join(far_server, "--name", "lab", "--label", "fast")
    yield made
    made.close()


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

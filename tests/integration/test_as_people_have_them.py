"""Directories, zips and names as people have them, through a real server to what the run finds."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from foreign_zips import DAMAGED, ZIPS
from servers import BIN, TOKEN, JupyterServer

from gpurun_jupyter.client import Client

NAMES = [
    *(
        "a b.txt",
        "new\nline.txt",
        "tab\there.txt",
        "quote'\".txt",
        "back\\slash.txt",
        "학습 데이터.txt",
        "é.txt",
        "e\u0301.txt",
    ),
    *(
        "😀.txt",
        "-rf.txt",
        "x" * 255,
        "한" * 85,
        "CON.txt",
        "trail .txt ",
        "a:b.txt",
        "*.glob",
        "%41.txt",
        "#hash",
        "$HOME.txt",
    ),
    *("~tilde", "\u202efdp.txt", "\x1b[31mred", "con.txt"),
]
SHOW = "import json, os, sys\nprint(json.dumps([sys.argv[1:], os.path.basename(sys.argv[0])]))\n"


@pytest.fixture
def client(server: JupyterServer) -> Iterator[Client]:
    with Client(server.url, TOKEN) as made:
        yield made


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pkg").mkdir()
    for name, text in (("show.py", SHOW), ("pkg/train.py", SHOW), ("pkg/__init__.py", "")):
        (tmp_path / name).write_text(text)
    return tmp_path


def gpurun(server: JupyterServer, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([BIN / "gpurun", *words], cwd=folder, env=server.env, capture_output=True, text=True)


def post_zip(server: JupyterServer, packed: bytes, name: str = "it.zip", **fields: Any) -> Any:
    return server.http.post("runs/zip", files={"file": (name, packed)}, data={"entry": "main.py", "gpu": "0", **fields})


@pytest.mark.parametrize("made_by", ZIPS)
def test_a_zip_of_another_system_is_read_by_its_run(server: JupyterServer, made_by: str) -> None:
    packed, name = ZIPS[made_by]
    answer = post_zip(server, packed)
    assert answer.status_code == 201, answer.text
    run = server.wait(answer.json()["id"])
    assert (run["outcome"], server.log(run["id"])) == ("succeeded", f"read {name}\n")


def test_a_guess_is_said_wherever_the_zip_came_from(server: JupyterServer, tmp_path: Path) -> None:
    packed, name = ZIPS["Korean Windows"]
    run = post_zip(server, packed).json()
    assert "read as CP949 (Korean)" in run["message"]
    (first, *_) = server.http.get(f"runs/{run['id']}/history").json()["history"]
    assert first["message"] == run["message"]
    (tmp_path / "it.zip").write_bytes(packed)
    done = gpurun(server, tmp_path, "submit", "it.zip", "--gpu", "0", "--wait")
    assert "read as CP949 (Korean)" in done.stderr
    assert f"read {name}" in done.stdout


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_zip_is_refused_and_never_run(server: JupyterServer, tmp_path: Path, kind: str) -> None:
    before = server.http.get("runs").json()["runs"]
    for name in ("it.zip", "it") if DAMAGED[kind] else ("it.zip",):
        answer = post_zip(server, DAMAGED[kind], name)
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "bad_archive")
        (tmp_path / name).write_bytes(DAMAGED[kind])
        done = gpurun(server, tmp_path, "submit", name, "--gpu", "0")
        assert done.returncode == 2
        assert "Traceback" not in done.stderr
        assert "again" in done.stderr
    assert server.http.get("runs").json()["runs"] == before


def test_names_that_people_really_have(server: JupyterServer, client: Client, tmp_path: Path) -> None:
    for name in NAMES:
        (tmp_path / name).write_text(name)
    os.mkfifo(tmp_path / "pipe")
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as listening:
        listening.bind(os.path.relpath(tmp_path / "s.sock"))
    (tmp_path / os.fsdecode(b"\xb0\xa1.txt")).write_text("")
    (tmp_path / "check.py").write_text(
        "import os\nfor name in sorted(os.listdir()):\n"
        "    if name != 'check.py':\n        assert open(name).read() == name, name\nprint(len(os.listdir()))\n"
    )
    told: list[str] = []
    run = client.submit_dir(tmp_path, "check.py", gpu=0, tell=told.append).wait()
    assert run.logs() == f"{len(NAMES) + 1}\n"
    assert sorted(line.partition(":")[0] for line in told if line.startswith("left out")) == [
        "left out '\\udcb0\\udca1.txt'",
        "left out pipe",
        "left out s.sock",
    ]


@pytest.mark.parametrize("said", ["show.py", "./show.py", "x/../show.py", "{root}/show.py", "{root}/./pkg/../show.py"])
def test_an_entry_is_the_same_by_every_name(server: JupyterServer, project: Path, said: str) -> None:
    entry = said.format(root=project)
    (project / "it.gpurun.yaml").write_text(f"dir: .\nentry: {json.dumps(entry)}\ngpu: 0\n")
    for words in (["submit", entry, "--dir", ".", "--gpu", "0"], ["sweep", "it.gpurun.yaml"]):
        done = gpurun(server, project, *words, "--json")
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        run = server.wait((found[0] if isinstance(found, list) else found)["id"])
        assert run["spec"]["dir"]["entry"] == "show.py"
        assert server.log(run["id"]) == '[[], "show.py"]\n'


def test_an_entry_over_http_is_the_same_by_every_name(server: JupyterServer, client: Client, project: Path) -> None:
    manifest = client.submit_dir(project, "show.py", gpu=0).record.spec.dir.manifest  # type: ignore[union-attr]
    for entry in ("./show.py", "pkg/../show.py", ".//show.py"):
        run = server.http.post("runs", json={"dir": {"manifest": manifest, "entry": entry}, "gpu": 0}).json()
        assert server.run(run["id"])["spec"]["dir"]["entry"] == "show.py"
    for entry in ("../show.py", str(project / "show.py"), "."):
        answer = server.http.post("runs", json={"dir": {"manifest": manifest, "entry": entry}})
        assert (answer.status_code, "outside the directory" in answer.text) == (400, True)
    place = server.folder / "files" / uuid.uuid4().hex
    shutil.copytree(project, place)
    for entry in ("./show.py", f"{place}/show.py"):
        body = {"yaml": f"dir: .\nentry: {entry}\ngpu: 0\n", "path": f"{place.name}/it.gpurun.yaml"}
        assert server.http.post("launch/check", json=body).json()["combinations"][0]["command"] == "show.py"
        (run,) = server.http.post("launch", json=body).json()["runs"]
        assert server.run(run["id"])["spec"]["dir"]["entry"] == "show.py"


def test_a_module_is_run_as_python_does(server: JupyterServer, client: Client, project: Path) -> None:
    shown = '[["--lr", "-1"], "train.py"]\n'
    done = gpurun(
        server, project, "submit", "-m", "pkg.train", "--dir", ".", "--gpu", "0", "--wait", "--", "--lr", "-1"
    )
    assert (done.returncode, done.stdout) == (0, shown), done.stderr
    run = client.submit_dir(project, module="pkg.train", args=["--lr", "-1"], gpu=0).wait()
    assert (run.logs(), run.name.rpartition("-")[0]) == (shown, "pkg.train")
    (project / "it.gpurun.yaml").write_text(
        "dir: .\nmodule: pkg.train\ngpu: 0\nvalues:\n  lr: -1\nargs: [--lr, '{lr}']\n"
    )
    gpurun(server, project, "sweep", "it.gpurun.yaml", "--wait")
    assert client.get("it").logs() == shown
    dry = gpurun(server, project, "sweep", "it.gpurun.yaml", "--dry-run")
    assert "runs    -m pkg.train" in dry.stdout
    shutil.make_archive(str(project.parent / "packed"), "zip", project.parent, project.name)
    zipped = gpurun(server, project.parent, "submit", "packed.zip", "-m", "pkg.train", "--gpu", "0", "--wait")
    assert zipped.stdout == '[[], "train.py"]\n', zipped.stderr
    again = client.get("last").rerun().wait()
    assert again.logs() == zipped.stdout


def test_what_is_no_module_is_refused_or_fails_as_python_says(server: JupyterServer, project: Path) -> None:
    for words, why in [
        (["-m", "pkg.train"], "Add --dir ."),
        (["-m", "pkg/train.py", "--dir", "."], "cannot be the name of a module"),
        (["--dir", "."], "There is nothing to run"),
    ]:
        done = gpurun(server, project, "submit", *words)
        assert done.returncode != 0
        assert why in done.stderr
    missing = gpurun(server, project, "submit", "-m", "pkg.absent", "--dir", ".", "--gpu", "0", "--wait")
    assert missing.returncode == 1
    assert "No module named pkg.absent" in missing.stdout


@pytest.mark.parametrize(
    ("content", "printed"),
    [
        ("echo from $0 $1\n", "from go one\n"),
        (f"#!{sys.executable}\nimport sys\nprint('python', sys.argv[1])\n", "python one\n"),
        ("", ""),
    ],
)
def test_an_executable_says_what_runs_it_or_is_a_shell_script(
    server: JupyterServer, client: Client, tmp_path: Path, content: str, printed: str
) -> None:
    (tmp_path / "go").write_text(content)
    (tmp_path / "go").chmod(0o755)
    run = client.submit_dir(tmp_path, "go", ["one"], gpu=0).wait()
    assert (run.outcome, run.logs()) == ("succeeded", printed)


def test_values_that_begin_with_a_dash_reach_argparse(server: JupyterServer, tmp_path: Path) -> None:
    (tmp_path / "show.py").write_text(
        "import argparse\nparser = argparse.ArgumentParser()\nparser.add_argument('--shift', type=float)\n"
        "parser.add_argument('--opt')\nprint(parser.parse_args())\n"
    )
    (tmp_path / "it.gpurun.yaml").write_text(
        "entry: show.py\ngpu: 0\nvalues:\n  shift: [-0.5, -1e-5]\n  opt: ['-O2']\n"
    )
    done = gpurun(server, tmp_path, "sweep", "it.gpurun.yaml", "--wait", "--json")
    assert done.returncode == 0, done.stderr
    assert [server.log(run["id"]) for run in json.loads(done.stdout)] == [
        "Namespace(shift=-0.5, opt='-O2')\n",
        "Namespace(shift=-1e-05, opt='-O2')\n",
    ]


def test_models_keep_what_may_be_run(server: JupyterServer, client: Client, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "serve.sh").write_text("echo serving\n")
    (tmp_path / "model" / "serve.sh").chmod(0o755)
    (tmp_path / "model" / "weights.bin").write_text("1")
    client.models.register(tmp_path / "model", "with-a-program")
    found = client.models.download("with-a-program", tmp_path / "got")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) & 0o111 for path in found.iterdir()}
    umask = os.umask(0o022)
    os.umask(umask)
    assert modes == {"serve.sh": 0o111 & ~umask, "weights.bin": 0}
    alone = client.models.register(tmp_path / "model" / "serve.sh", "a-program")
    assert client.models.download("a-program", tmp_path / "go", alone.version).stat().st_mode & 0o100


def test_a_directory_in_which_others_write_is_shipped_each_time(server: JupyterServer, project: Path) -> None:
    for number in range(100):
        (project / f"{number}.txt").write_text(str(number))
    over = threading.Event()

    def churn() -> None:
        while not over.is_set():
            for number in range(8):
                (project / f".show.py.{number}.swp").write_text("x")
                (project / "steps" / str(number)).mkdir(parents=True, exist_ok=True)
                (project / "steps" / str(number) / "weights").write_text("y")
            for number in range(8):
                (project / f".show.py.{number}.swp").unlink()
                shutil.rmtree(project / "steps" / str(number))

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        for how in (["--dry-run"], ["--dry-run"], ["--dry-run"], ["--wait"]):
            done = gpurun(server, project, "submit", "show.py", "--dir", ".", "--gpu", "0", *how)
            assert done.returncode == 0, done.stderr
    finally:
        over.set()
        thread.join()

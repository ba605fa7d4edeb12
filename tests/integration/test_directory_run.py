"""Directory runs: a zip or a file over HTTP, as curl sends it, carried out as a process under a terminal."""

from __future__ import annotations

import io
import json
import stat
import subprocess
import zipfile
from typing import Any

import pytest
from servers import TOKEN, JupyterServer

TRAIN = """
import sys, os
print("arguments", sys.argv[1:])
print("terminal", sys.stdout.isatty())
print("data", open("data/numbers.txt").read())
from gpurun_jupyter import report
report.log(step=1, acc=0.5)
for percent in (10, 60, 100):
    print(f"[PROGRESS:{percent}:step {percent}]")
"""


def zipped(files: dict[str, str | bytes], links: dict[str, str] | None = None) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        for name, target in (links or {}).items():
            member = zipfile.ZipInfo(name)
            member.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(member, target)
    return packed.getvalue()


def post(server: JupyterServer, content: bytes, name: str = "project.zip", **fields: Any) -> Any:
    return server.http.post("runs/zip", files={"file": (name, content)}, data=fields)


def test_a_zip_runs_its_entry_point(server: JupyterServer) -> None:
    packed = zipped({"train.py": TRAIN, "data/numbers.txt": "1 2 3"})
    answer = post(
        server, packed, entry="train.py", args=["--epochs", "3"], tags=["a", "b"], timeout="2m", name="zipped"
    )
    assert answer.status_code == 201, answer.text
    run = server.wait(answer.json()["id"])
    log = server.log(run["id"])
    assert run["outcome"] == "succeeded", log
    assert "arguments ['--epochs', '3']\nterminal True\ndata 1 2 3\n" in log
    assert (run["tags"], run["spec"]["timeout"], run["kind"]) == (["a", "b"], "2m", "dir")
    assert run["progress"]["fraction"] == 1.0
    assert run["metrics"]["acc"]["last"] == 0.5


def test_a_single_top_folder_is_unwrapped(server: JupyterServer) -> None:
    packed = zipped({"project/train.py": TRAIN, "project/data/numbers.txt": "7"})
    run = server.wait(post(server, packed, entry="train.py").json()["id"])
    assert run["outcome"] == "succeeded", server.log(run["id"])


def test_one_file_alone(server: JupyterServer) -> None:
    run = server.wait(post(server, b"print('alone')", "alone.py").json()["id"])
    assert (run["outcome"], server.log(run["id"])) == ("succeeded", "alone\n")


def test_a_cell_runs_inside_a_shipped_directory(server: JupyterServer) -> None:
    packed = zipped({"local_module.py": "answer = 42"})
    run = server.wait(post(server, packed, code="import local_module; print(local_module.answer)").json()["id"])
    assert (run["kind"], server.log(run["id"])) == ("cell", "42\n")


def test_a_shell_script_and_its_exit_code(server: JupyterServer) -> None:
    run = server.wait(post(server, zipped({"fail.sh": "echo going; exit 3"}), entry="fail.sh").json()["id"])
    assert (run["outcome"], run["reason"], run["message"]) == ("failed", "exit_code", "ended with exit code 3")


def test_curl_does_the_same(server: JupyterServer, tmp_path: Any) -> None:
    (tmp_path / "project.zip").write_bytes(zipped({"main.py": "print('from curl')"}))
    command = ["curl", "-sf", "-H", f"Authorization: token {TOKEN}", "-F", "file=@project.zip", "-F", "entry=main.py"]
    command += ["-F", "gpu=0", f"{server.http.base_url}runs/zip"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert server.wait(json.loads(done.stdout)["id"])["outcome"] == "succeeded"


BOMB = zipped({"train.py": "", "zeros": b"\0" * (200 * 2**20)})

REFUSED = {
    "absolute": zipped({"train.py": "", "/etc/evil": "x"}),
    "parent": zipped({"train.py": "", "../evil": "x"}),
    "parent inside": zipped({"train.py": "", "a/../../evil": "x"}),
    "backslash": zipped({"train.py": "", "..\\evil": "x"}),
    "absolute link": zipped({"train.py": ""}, {"etc": "/etc"}),
    "link out": zipped({"train.py": ""}, {"a/b": "../../out"}),
    "through a link": zipped({"train.py": "", "here/file": "x"}, {"here": "."}),
    "bomb": BOMB,
    "damaged": zipped({"train.py": "print(1)" * 100})[:-30],
}


@pytest.mark.parametrize("kind", REFUSED)
def test_dangerous_zips_are_refused(server: JupyterServer, kind: str) -> None:
    answer = post(server, REFUSED[kind], entry="train.py")
    assert answer.status_code == 422, answer.text
    assert answer.json()["error"]["code"] == "bad_archive"
    assert list(server.home.glob("blobs/.upload*")) == []


def test_incomplete_forms_are_refused(server: JupyterServer) -> None:
    packed = zipped({"train.py": "", "other.py": ""})
    for fields, words in [
        ({}, "What in the zip is to be run?"),
        ({"entry": "absent.py"}, "holds no 'absent.py'"),
        ({"entry": "train.py", "gpu": "-1"}, "$.gpu"),
        ({"entry": "train.py", "colour": "red"}, "colour"),
        ({"entry": "train.py", "env": "novalue"}, "env='novalue'"),
        ({"entry": "../train.py"}, "outside the directory"),
        ({"module": "a/b"}, "name of a module"),
        ({"entry": "train.py", "module": "train"}, "an entry point, a module"),
        ({"entry": "train.py", "timeout": "soon"}, "'soon' is not a duration"),
    ]:
        answer = post(server, packed, **fields)
        assert answer.status_code == 400, (fields, answer.text)
        assert words in answer.json()["error"]["message"]
    assert server.http.post("runs/zip", data={"entry": "train.py"}).status_code == 400
    assert server.http.post("runs/zip", content=b"hello").status_code == 400

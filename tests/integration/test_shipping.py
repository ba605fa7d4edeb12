"""Shipping by content against a real server: what travels, what is refused, what a run finds."""

from __future__ import annotations

import hashlib
import io
import os
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from servers import TOKEN, JupyterServer, wait_until

from gpurun_jupyter.client import Client
from gpurun_jupyter.core.errors import DataNotFound, FileMissing, InvalidRequest, NoSuchDevices
from gpurun_jupyter.core.manifests import Entry, digest_of, encode

SHOW = """
import os
for folder, _, files in sorted(os.walk(".", followlinks=True)):
    for name in sorted(files):
        path = os.path.join(folder, name)
        print(os.path.relpath(path), open(path).read()[:20], "x" if os.access(path, os.X_OK) else "")
"""


@pytest.fixture
def client(server: JupyterServer) -> Any:
    with Client(server.url, TOKEN) as made:
        yield made


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "data").mkdir(parents=True)
    (root / "train.py").write_text("import os\nprint(open('data/one.txt').read(), os.access('run.sh', os.X_OK))")
    (root / "run.sh").write_text("echo")
    (root / "run.sh").chmod(0o755)
    (root / "data" / "one.txt").write_text(f"one {time.time_ns()}")
    return root


def packed(members: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return content.getvalue()


def blobs_of(server: JupyterServer) -> set[str]:
    return {path.name for path in (server.home / "blobs").rglob("*") if path.is_file()}


def test_only_what_changed_travels(server: JupyterServer, client: Client, project: Path) -> None:
    told: list[str] = []
    run = client.submit_dir(project, "train.py", tell=told.append).wait()
    assert run.logs() == f"{(project / 'data' / 'one.txt').read_text()} True\n"
    assert told[0].startswith("shipping 3 files")
    assert told[1].startswith("sending ")
    before = blobs_of(server)
    told.clear()
    client.submit_dir(project, "train.py", tell=told.append)
    assert len(told) == 1
    assert blobs_of(server) == before
    (project / "data" / "one.txt").write_text(f"two {time.time_ns()}")
    again = client.submit_dir(project, "train.py", tell=told.append).wait()
    assert told[-1].startswith("sending 1 file (")
    assert again.logs().startswith("two ")
    assert len(blobs_of(server) - before) == 2  # the file and the manifest


def test_a_big_file_travels_alone(server: JupyterServer, client: Client, tmp_path: Path) -> None:
    content = os.urandom(17 * 2**20)
    (tmp_path / "big.bin").write_bytes(content)
    code = "import hashlib; print(hashlib.sha256(open('big.bin', 'rb').read()).hexdigest())"
    run = client.submit(code, dir=tmp_path).wait()
    assert run.logs().strip() == hashlib.sha256(content).hexdigest()


def test_blobs_with_a_wrong_digest_are_refused_and_not_kept(server: JupyterServer) -> None:
    before, wrong = blobs_of(server), digest_of(b"other")
    answers = [
        server.http.put(f"blobs/{wrong}", content=b"hello"),
        server.http.post("blobs/zip", content=packed({wrong: b"hello"})),
    ]
    assert [(one.status_code, one.json()["error"]["code"]) for one in answers] == [(422, "wrong_digest")] * 2
    assert server.http.put("blobs/last", content=b"hello").status_code == 400
    assert server.http.put("blobs/..%2F..%2Fevil", content=b"hello").status_code in (400, 404)
    for content in (b"", b"no zip", packed({"train.py": b"1"}), packed({"../x": b"1"})):
        assert server.http.post("blobs/zip", content=content).status_code == 422
    for body in (b"{", b"[]", b'{"blobs": {"x": 1}}', b'{"blobs": {"%s": -1}}' % (b"0" * 64)):
        assert server.http.post("blobs/missing", content=body).status_code == 400
    assert blobs_of(server) == before
    good = digest_of(b"hello")
    assert server.http.put(f"blobs/{good}", content=b"hello").status_code == 201
    asked = {"blobs": {good: 5, wrong: None}}
    assert server.http.post("blobs/missing", json=asked).json() == {"missing": [wrong]}


def test_a_run_of_what_is_not_here_is_refused(server: JupyterServer) -> None:
    def submit(manifest: str, **fields: Any) -> tuple[int, str]:
        answer = server.http.post("runs", json={"dir": {"manifest": manifest, "entry": "a.py"}, **fields})
        return answer.status_code, answer.json()["error"]["code"]

    assert submit("0" * 64) == (409, "not_shipped")
    assert submit("0" * 64, gpu=3) == (409, "no_such_devices")  # before anything is sent in vain
    for files, refusal in [
        ([Entry("a.py", digest_of(b"never sent"), 10)], (409, "not_shipped")),
        ([Entry("../a.py", digest_of(b""), 0)], (422, "bad_archive")),
        ([], (404, "file_not_found")),
    ]:
        manifest = encode(files)
        server.http.put(f"blobs/{digest_of(manifest)}", content=manifest).raise_for_status()
        assert submit(digest_of(manifest)) == refusal
    nonsense = b"this is no manifest"
    server.http.put(f"blobs/{digest_of(nonsense)}", content=nonsense).raise_for_status()
    assert submit(digest_of(nonsense)) == (422, "bad_archive")


def test_what_can_never_run_is_not_sent(server: JupyterServer, client: Client, project: Path) -> None:
    before = blobs_of(server)
    with pytest.raises(NoSuchDevices):
        client.submit_dir(project, "train.py", gpu=3)
    assert blobs_of(server) == before


def test_a_zip_and_a_directory_end_as_the_same_manifest(server: JupyterServer, client: Client, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("print('same')")
    shipped = client.submit_dir(tmp_path, "a.py").wait()
    form = {"file": ("p.zip", packed({"top/a.py": b"print('same')"}))}
    zipped = server.http.post("runs/zip", files=form, data={"entry": "a.py"}).json()
    assert server.run(zipped["id"])["spec"]["dir"] == server.run(shipped.id)["spec"]["dir"]
    assert server.wait(zipped["id"])["outcome"] == "succeeded"


def test_a_data_set_is_uploaded_once_and_used_in_many_runs(
    server: JupyterServer, client: Client, tmp_path: Path
) -> None:
    (tmp_path / "digits" / "raw").mkdir(parents=True)
    (tmp_path / "digits" / "raw" / "a.csv").write_text("1,2")
    made = client.upload_data(tmp_path / "digits")
    assert (made.name, made.files, made.size_bytes) == ("digits", 1, 3)
    assert "digits" in [one.name for one in client.data()]
    cell = client.submit(SHOW, data=["digits"]).wait()
    assert cell.logs() == "digits/raw/a.csv 1,2 \n"
    code = "import os\ntry: open('in/raw/b', 'w')\nexcept OSError as error: print(type(error).__name__)"
    writing = client.submit(code, data=["digits:in"]).wait()
    assert writing.logs() == ("" if os.getuid() == 0 else "PermissionError\n")
    assert client.submit(SHOW, data=["digits"]).wait().logs() == "digits/raw/a.csv 1,2 \n"
    wait_until(lambda: not list(server.home.glob("runs/*/attempts/*/data")), what="for root's own copies to go")
    (tmp_path / "digits" / "raw" / "a.csv").write_text("3,4")
    assert client.upload_data(tmp_path / "digits").manifest != made.manifest
    assert client.submit(SHOW, data=["digits:some/where"]).wait().logs() == "some/where/raw/a.csv 3,4 \n"
    form = {"file": ("a.py", SHOW.encode())}
    posted = server.http.post("runs/zip", files=form, data={"data": "digits:x"}).json()
    server.wait(posted["id"])
    assert "x/raw/a.csv 3,4" in server.log(posted["id"])


def test_data_sets_that_cannot_be_shown_are_refused(server: JupyterServer, client: Client, project: Path) -> None:
    client.upload_data(project / "data", "mine")
    with pytest.raises(DataNotFound, match="'nobody-has-it'"):
        client.submit("1", data=["nobody-has-it"])
    with pytest.raises(InvalidRequest, match="holds something at 'data'"):
        client.submit_dir(project, "train.py", data=["mine:data"])
    for name in ("..", "a/b", ""):
        assert server.http.post("data", json={"name": name, "manifest": "0" * 64}).status_code == 400
    assert server.http.post("data", json={"name": "x", "manifest": "0" * 64}).status_code == 409
    with pytest.raises(FileMissing):
        client.upload_data(project / "nothing")

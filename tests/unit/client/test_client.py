from __future__ import annotations

import hashlib
import json
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest
from unit.client_fake import FakeServer, ended, refused, run_record

from gpurun_jupyter.client.git import Question
from gpurun_jupyter.client.http import Broken
from gpurun_jupyter.client.stream import EventsFrame, RunFrame
from gpurun_jupyter.core.errors import (
    FileMissing,
    GpurunError,
    InvalidRequest,
    NoSuchDevices,
    NotAllowed,
    RunFailed,
    ServerUnreachable,
    TooLarge,
)
from gpurun_jupyter.core.events import Error, Output
from gpurun_jupyter.core.lifecycle import State


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gpurun_jupyter.client.http._FIRST_PAUSE_S", 0.0)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refused("no_such_devices", "No agent has 3 GPUs.", 409), NoSuchDevices),
        (refused("not_allowed", "curl needs a token", 403), NotAllowed),
        (httpx.Response(302, headers={"Location": "/hub/login"}), NotAllowed),
        (httpx.Response(404, text="404: Not Found"), ServerUnreachable),
        (httpx.Response(413, text="proxy says no"), TooLarge),
        (httpx.Response(418), GpurunError),
        (httpx.ConnectError("Connection refused"), ServerUnreachable),
        (httpx.ReadTimeout("timed out"), Broken),
    ],
)
def test_every_failure_is_a_gpurun_error(answer: httpx.Response | Exception, kind: type[GpurunError]) -> None:
    server = FakeServer()
    server.refusals = [answer]
    with pytest.raises(GpurunError) as raised:
        server.client.devices()
    assert type(raised.value) is kind
    assert "secret" not in str(raised.value)


def test_a_submit_is_repeated_with_the_same_key_when_the_connection_breaks() -> None:
    server = FakeServer()
    server.refusals = [httpx.ReadError("reset"), httpx.Response(502)]
    assert server.client.submit("print(1)", gpu=0, timeout="2h").name == "digits"
    assert len({request.headers["Idempotency-Key"] for request in server.seen}) == 1
    assert [request.content for request in server.seen] == [b'{"code":"print(1)","gpu":0,"timeout":"2h"}'] * 3


def test_a_cancel_is_never_repeated_since_the_second_kills() -> None:
    server = FakeServer()
    run = server.client.get("last")
    server.refusals = [httpx.ReadError("reset")]
    with pytest.raises(Broken):
        run.cancel()
    assert server.paths() == ["GET runs/last", "POST runs/k3f9x2ab/cancel"]


def test_bad_options_are_refused_before_anything_is_sent() -> None:
    server = FakeServer()
    for options in ({"gpu": -1}, {"nonsense": 1}, {"timeout": "soon"}, {"env": {"1a": "x"}}):
        with pytest.raises(InvalidRequest):
            server.client.submit("1", **options)  # type: ignore[arg-type]
    with pytest.raises(InvalidRequest):
        server.client.submit("  ")
    assert server.seen == []


def test_only_files_that_the_server_lacks_travel(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("print(1)")
    (tmp_path / "same.py").write_text("print(1)")
    (tmp_path / "big.bin").write_bytes(b"x" * (17 * 2**20))
    server, told = FakeServer(), list[str]()
    options: Any = {"args": ["--epochs", "3"], "tags": ["a"], "env": {"K": "v=w"}, "data": ["digits:raw"]}
    server.client.submit_dir(tmp_path, "train.py", tell=told.append, **options)
    assert told == ["shipping 3 files (17.0 MB)", "sending 2 files (17.0 MB) that the server lacks"]
    big = hashlib.sha256(b"x" * (17 * 2**20)).hexdigest()
    assert server.paths() == ["POST runs", "POST blobs/missing", f"PUT blobs/{big}", "POST blobs/zip", "POST runs"]
    spec = json.loads(server.seen[-1].content)
    assert (spec["tags"], spec["env"], spec["dir"]["args"]) == (["a"], {"K": "v=w"}, ["--epochs", "3"])
    assert spec["data"] == [{"name": "digits", "path": "raw"}]
    manifest = json.loads(server.blobs[spec["dir"]["manifest"]])
    assert [entry[0] for entry in manifest["files"]] == ["big.bin", "same.py", "train.py"]
    server.seen.clear()
    server.client.submit_dir(tmp_path, "train.py", tell=told.append)
    assert server.paths() == ["POST runs"]
    (tmp_path / "train.py").write_text("print(2)")
    server.seen.clear()
    server.client.submit_dir(tmp_path, "train.py", tell=told.append)
    assert told[-1] == "sending 1 file (8 B) that the server lacks"
    assert len(server.paths()) == 4


def test_a_data_set_is_sent_once(tmp_path: Path) -> None:
    (tmp_path / "digits").mkdir()
    (tmp_path / "digits" / "a.csv").write_text("1")
    (tmp_path / "digits" / ".gitignore").write_text("*.csv")
    server = FakeServer()
    assert server.client.upload_data(tmp_path / "digits").name == "digits"
    assert json.loads(server.seen[-1].content)["name"] == "digits"
    assert b"1" in server.blobs.values()
    server.seen.clear()
    server.client.upload_data(tmp_path / "digits", "other")
    assert server.paths() == ["POST data"]


def test_a_zip_is_sent_as_it_is_and_names_its_own_entry(tmp_path: Path) -> None:
    path = tmp_path / "project.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("project/main.py", "1")
        archive.writestr("project/other.py", "1")
    server = FakeServer()
    server.client.submit_dir(path)
    assert path.read_bytes() in server.seen[0].content
    assert b'name="entry"\r\n\r\nmain.py' in server.seen[0].content


def test_a_file_alone_takes_along_the_modules_beside_it(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("import json\nfrom layers import conv\nimport train_data_that_nobody_has\n")
    (tmp_path / "layers").mkdir()
    (tmp_path / "layers" / "__init__.py").write_text("")
    (tmp_path / "layers" / "conv.py").write_text("import shared, train")
    (tmp_path / "shared.py").write_text("1")
    (tmp_path / "unused.py").write_text("1")
    server = FakeServer()
    server.client.submit_dir(tmp_path / "train.py")
    spec = json.loads(server.seen[-1].content)
    manifest = json.loads(server.blobs[spec["dir"]["manifest"]])
    assert [entry[0] for entry in manifest["files"]] == [
        "layers/__init__.py",
        "layers/conv.py",
        "shared.py",
        "train.py",
    ]


def test_missing_entries_are_named(tmp_path: Path) -> None:
    client = FakeServer().client
    with pytest.raises(FileMissing, match="nothing"):
        client.submit_dir(tmp_path / "nothing.py")
    with pytest.raises(FileMissing, match=r"train\.py"):
        client.submit_dir(tmp_path, "train.py")
    with pytest.raises(InvalidRequest, match="Which file"):
        client.submit_dir(tmp_path)


def test_run_waits_and_raises_the_remote_traceback() -> None:
    error = Error(name="ValueError", value="bad", traceback=["Traceback", "ValueError: bad"])
    output = Output(stream="stdout", text='{"kind":"error"}')
    server = FakeServer(ended("failed", "exception", message="ValueError: bad"), [output, error])
    with pytest.raises(RunFailed, match="digits failed: ValueError: bad") as raised:
        server.client.run("1/0")
    assert raised.value.traceback == "Traceback\nValueError: bad"


def test_waiting_has_an_end() -> None:
    server = FakeServer(run_record(state="running"))
    run = server.client.get("last")
    with pytest.raises(TimeoutError, match="digits"):
        run.wait(timeout=0.01)


def test_a_repr_shows_no_secret() -> None:
    server = FakeServer()
    assert repr(server.client) == "<Client http://fake:1/base/>"
    assert repr(server.client.get("last")) == "<Run k3f9x2ab 'digits' succeeded>"


def test_the_answer_to_a_submission_is_followed_to_the_end_and_resumed_where_it_breaks() -> None:
    said = [Output(stream="stdout", text=f"{number}\n") for number in range(3)]
    server = FakeServer(events=said, cuts=1)
    run = server.client.submit("1", live=True)
    assert run.state is State.QUEUED
    with run.live() as live:
        frames = list(live.frames())
    told = [event for frame in frames if isinstance(frame, EventsFrame) for event in frame.known()]
    assert told == said
    assert isinstance(frames[-1], RunFrame)
    assert server.paths() == ["POST runs", "GET stream"]
    assert server.seen[1].url.params["run"].startswith("k3f9x2ab@1:")


def test_a_submission_that_is_refused_raises_whatever_answer_was_asked_for() -> None:
    server = FakeServer()
    server.refusals = [refused("no_such_devices", "No agent has 3 GPUs.", 400)]
    with pytest.raises(NoSuchDevices, match="3 GPUs"):
        server.client.submit("1", live=True)


def test_the_commit_is_that_of_the_shipped_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"):  # as inside a hook of another repository
        monkeypatch.delenv(name, raising=False)
    commits = {}
    for name in ("shipped", "other"):
        (tmp_path / name).mkdir()
        commit = ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", name]
        for words in (["init", "-q"], commit):
            subprocess.run(["git", *words], cwd=tmp_path / name, check=True)
        commits[name] = Question(tmp_path / name).origin(None).commit
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other" / ".git"))
    assert Question(tmp_path / "shipped").origin(None).commit == commits["shipped"] != commits["other"]

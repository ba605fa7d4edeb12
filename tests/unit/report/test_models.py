from __future__ import annotations

import math
import os
from pathlib import Path

import pytest

from gpurun_jupyter import report
from gpurun_jupyter.core import manifests
from gpurun_jupyter.core.events import Model
from gpurun_jupyter.core.home import Home
from gpurun_server.store.content.blobs import Blobs


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reader) -> Home:
    home = Home(tmp_path / "home")
    home.create()
    monkeypatch.setenv("GPURUN_BLOBS", str(home.blobs))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return home


def test_a_file_is_kept_as_it_is_now(home, reader) -> None:
    Path("net.pt").write_text("now")
    report.save_model("net.pt", acc=0.9, low=-math.inf, framework="torch")
    Path("net.pt").write_text("later")
    (event,) = reader.events()
    values = {"acc": 0.9, "low": "-Infinity"}
    assert event == Model(name="net", manifest=event.manifest, files=1, size=3, values=values, framework="torch")
    (entry,) = Blobs(home).whole_manifest(event.manifest).files
    assert (entry.path, home.blob(entry.digest).read_text()) == ("net.pt", "now")
    assert list(home.blobs.glob(".upload-*")) == []


def test_the_manifest_is_that_of_the_server(home, reader) -> None:
    """Or the same files would be another model."""
    Path("net/ä").mkdir(parents=True)
    for name in ("b", 'ä/é"\\', "a"):
        Path("net", name).write_text(name)
    Path("net/a").chmod(0o755)
    report.save_model("net", name="net")
    (event,) = reader.events()
    manifest = Blobs(home).whole_manifest(event.manifest)
    assert manifests.digest_of(manifests.encode(manifest.files)) == event.manifest
    assert [(one.path, one.executable) for one in manifest.files] == [("a", True), ("b", False), ('ä/é"\\', False)]


def test_however_much_is_said_it_is_one_line(home, reader) -> None:
    Path("m").write_text("m")
    values = {f"value{n}" * 10: n for n in range(200)}
    report.save_model("m", name="n" * 100, alias="a" * 100, type="é" * 500, description="\0é" * 5000, **values)
    (event,) = reader.events()
    assert 5 < len(event.values) < 200
    assert set(event.description) == {"é"}


def test_wrong_use(home) -> None:
    Path("m").write_text("m")
    Path("empty").mkdir()
    with pytest.raises(ValueError, match="'a/b' cannot be the name of a model"):
        report.save_model("m", name="a/b")
    with pytest.raises(ValueError, match="an alias"):
        report.save_model("m", name="m", alias="a b")
    with pytest.raises(TypeError, match="acc must be one number"):
        report.save_model("m", name="m", acc="good")
    for missing in ("no.pt", "empty"):
        with pytest.raises(FileNotFoundError):
            report.save_model(missing, name="m")


def test_a_full_disk_is_an_error_of_the_call_and_leaves_nothing(small_disk, home, monkeypatch) -> None:
    monkeypatch.setenv("GPURUN_BLOBS", str(small_disk))
    Path("big").write_bytes(bytes(8 << 20))
    with pytest.raises(OSError, match="No space left"):
        report.save_model("big", name="big")
    assert list(small_disk.iterdir()) == []


def test_outside_a_run(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.delenv("GPURUN_REPORT", raising=False)
    monkeypatch.chdir(tmp_path)
    Path("m.pt").write_text("m")
    report.save_model("m.pt", name="digits", acc=0.9)
    assert capsys.readouterr().out == "model digits m.pt acc=0.9\n"


def test_names_of_any_bytes_are_kept_and_pipes_are_not(home, reader) -> None:
    Path("net").mkdir()
    for name in (b"\xb0\xa1.pt", rb"\xb0\xa1.pt", b"ok.pt"):
        Path("net", os.fsdecode(name)).write_bytes(name)
    os.mkfifo("net/pipe")
    report.save_model("net", name="net")
    (event,) = reader.events()
    found = {
        entry.path: home.blob(entry.digest).read_bytes() for entry in Blobs(home).whole_manifest(event.manifest).files
    }
    assert found == {r"\xb0\xa1.pt": b"\xb0\xa1.pt", r"\x5cxb0\x5cxa1.pt": rb"\xb0\xa1.pt", "ok.pt": b"ok.pt"}

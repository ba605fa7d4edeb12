from __future__ import annotations

import contextlib
import os
import stat
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gpurun_jupyter.core.errors import BadArchive, NotShipped, WrongDigest
from gpurun_jupyter.core.home import Home
from gpurun_jupyter.core.manifests import Entry, digest_of, encode
from gpurun_jupyter.shipping import hashes
from gpurun_jupyter.shipping.collect import Shipment, collect
from gpurun_jupyter.shipping.hashes import Hashed
from gpurun_server.store.content import intake
from gpurun_server.store.content.blobs import Blobs
from gpurun_server.store.content.intake import take_blobs, take_project


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.create()
    return home


def write_zip(path: Path, files: dict[str, str], links: dict[str, str] | None = None) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            member = zipfile.ZipInfo(name)
            member.external_attr = (stat.S_IFREG | (0o755 if name.endswith(".sh") else 0o644)) << 16
            archive.writestr(member, content)
        for name, target in (links or {}).items():
            member = zipfile.ZipInfo(name)
            member.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(member, target)
    return path


def files_of(home: Home, taken: intake.Taken) -> list[Entry]:
    return Blobs(home).manifest(taken.manifest).files


def kept(home: Home) -> int:
    return sum(path.is_file() for path in home.blobs.rglob("*"))


def test_what_does_not_have_its_digest_is_not_kept(home: Home) -> None:
    blobs = Blobs(home)
    with pytest.raises(WrongDigest):
        blobs.keep([b"hello"], digest_of(b"other"))
    assert kept(home) == 0
    assert blobs.keep([b"he", b"llo"], digest_of(b"hello")) == (digest_of(b"hello"), 5)
    assert home.blob(digest_of(b"hello")).stat().st_mode & 0o777 == 0o400


def test_a_blob_that_a_power_cut_left_short_counts_as_missing(home: Home) -> None:
    blobs = Blobs(home)
    digest, size_bytes = blobs.keep([b"hello"])
    manifest = blobs.keep_manifest([Entry("a", digest, size_bytes)])
    assert blobs.missing({digest: 5, digest_of(b"x"): None}) == [digest_of(b"x")]
    home.blob(digest).chmod(0o600)
    home.blob(digest).write_bytes(b"he")
    assert blobs.missing({digest: 5}) == [digest]
    with pytest.raises(NotShipped, match="lacks 1 file"):
        blobs.whole_manifest(manifest)
    with pytest.raises(NotShipped, match="that manifest"):
        blobs.whole_manifest("0" * 64)


def test_a_zip_of_blobs_is_taken_as_far_as_its_digests_are_right(home: Home, tmp_path: Path) -> None:
    blobs = Blobs(home)
    assert take_blobs(blobs, write_zip(tmp_path / "a.zip", {digest_of(b"1"): "1", digest_of(b"2"): "2"})) == 2
    with pytest.raises(WrongDigest):
        take_blobs(blobs, write_zip(tmp_path / "b.zip", {digest_of(b"3"): "4"}))
    for name in ("train.py", "A" * 64, "../" + "a" * 61):
        with pytest.raises(BadArchive):
            take_blobs(blobs, write_zip(tmp_path / "c.zip", {name: "x"}))
    assert kept(home) == 2


def test_a_project_becomes_a_manifest_without_its_top_folder(home: Home, tmp_path: Path) -> None:
    packed = write_zip(tmp_path / "p.zip", {"p/train.py": "1", "p/tools/run.sh": "2"})
    found = files_of(home, take_project(Blobs(home), packed, "train.py"))
    assert [(one.path, one.size_bytes, one.executable) for one in found] == [
        ("tools/run.sh", 1, True),
        ("train.py", 1, False),
    ]


@pytest.mark.parametrize(
    ("links", "paths"),
    [
        ({"latest": "data/one.txt"}, {"latest"}),
        ({"here": "data"}, {"here/one.txt", "here/deep/two.txt"}),
        ({"a": "b", "b": "data/deep"}, {"a/two.txt", "b/two.txt"}),
        ({"data/deep/up": "../one.txt", "copy": "data/deep"}, {"data/deep/up", "copy/two.txt", "copy/up"}),
        ({"data/loop": "."}, set()),
        ({"a": "b", "b": "a"}, set()),
        ({"broken": "nowhere"}, set()),
    ],
)
def test_links_in_a_zip_become_what_they_point_to(
    home: Home, tmp_path: Path, links: dict[str, str], paths: set[str]
) -> None:
    files = {"data/one.txt": "1", "data/deep/two.txt": "2"}
    found = files_of(home, take_project(Blobs(home), write_zip(tmp_path / "p.zip", files, links), None))
    assert {one.path for one in found} == paths | set(files)


segments = st.sampled_from(["a", "b", "..", ".", "", "c.py", "\\", "C:", "ü"])
paths = st.lists(segments, min_size=1, max_size=4).map("/".join).filter(bool)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=st.sets(paths, max_size=3), links=st.dictionaries(paths, paths, max_size=3))
def test_whatever_is_taken_can_be_laid_out(home: Home, tmp_path: Path, files: set[str], links: dict[str, str]) -> None:
    blobs = Blobs(home)
    with contextlib.suppress(BadArchive):
        found = take_project(blobs, write_zip(tmp_path / "p.zip", dict.fromkeys(files - {*links}, "x"), links), None)
        blobs.whole_manifest(found.manifest)
    assert not list(home.blobs.glob(".upload*"))


def test_a_manifest_is_itself_a_blob(home: Home) -> None:
    digest = Blobs(home).keep_manifest([])
    assert home.blob(digest).read_bytes() == encode([])


def test_only_uploads_that_nobody_goes_on_with_are_removed(home: Home) -> None:
    blobs = Blobs(home)
    going, left = blobs.upload(), blobs.upload()
    os.utime(left.path, (1, 1))
    blobs.tidy()
    assert (going.path.exists(), left.path.exists()) == (True, False)
    going.discard()
    left.discard()


def test_a_directory_that_moves_is_kept_as_it_is_read(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "moving").mkdir()
    for name in ("still.txt", "changes.txt", "goes.txt"):
        (tmp_path / "moving" / name).write_text(name)

    def hashed(shipment: Shipment) -> list[Hashed | None]:
        found = hashes.hashed(shipment, tmp_path / "cache")
        (tmp_path / "moving" / "changes.txt").write_text("changed")
        (tmp_path / "moving" / "goes.txt").unlink()
        return found

    monkeypatch.setattr(intake, "hashed", hashed)
    blobs = Blobs(home)
    manifest, notes = intake.take_directory(blobs, collect(tmp_path / "moving"))
    assert [(one.path, blobs.place(one.digest).read_text()) for one in blobs.manifest(manifest).files] == [
        ("changes.txt", "changed"),
        ("still.txt", "still.txt"),
    ]
    assert notes == [
        "changes.txt changes while it is being shipped: what is sent is how it is now",
        "left out goes.txt: it went away while it was being shipped",
    ]

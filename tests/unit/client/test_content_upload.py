from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import pytest

from gpurun_jupyter.client import content_upload
from gpurun_jupyter.client.snapshot import Snapshot
from gpurun_jupyter.core.manifests import decode, digest_of
from gpurun_jupyter.shipping.collect import collect


def packed(directory: Path) -> content_upload.Parcel:
    with Snapshot(collect(directory), None) as snapshot:
        return content_upload.pack(snapshot)


def test_the_same_files_are_the_same_parcel(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "x.py").write_text("1")
    (tmp_path / "a.sh").write_text("2")
    (tmp_path / "a.sh").chmod(0o700)
    first = packed(tmp_path)
    os.utime(tmp_path / "a.sh", (1, 1))
    second = packed(tmp_path)
    assert (second.manifest, second.digest) == (first.manifest, digest_of(first.manifest))
    entries = decode(first.manifest).files
    assert [(entry.path, entry.size_bytes, entry.executable) for entry in entries] == [
        ("a.sh", 1, True),
        ("b/x.py", 1, False),
    ]


def test_many_files_travel_in_several_zips_the_manifest_in_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(content_upload, "_ZIP_BYTES", 1000)
    for number in range(5):
        (tmp_path / f"{number}.bin").write_bytes(os.urandom(600))
    (tmp_path / "zeros").write_bytes(bytes(100_000))
    parcel = packed(tmp_path)
    zips = [zipfile.ZipFile(io.BytesIO(one)) for one in content_upload._zips(parcel, list(parcel.contents))]
    held = [name for one in zips for name in one.namelist()]
    assert len(zips) > 2
    assert sorted(held) == sorted([*parcel.contents, parcel.digest])
    assert held[-1] == parcel.digest
    kinds = {info.file_size: info.compress_type for one in zips for info in one.infolist()}
    assert (kinds[600], kinds[100_000]) == (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)

"""A blob that nothing refers to goes, unless somebody has asked for it: they will not send it again."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from gpurun_jupyter.core.home import Home
from gpurun_server.store.content.blobs import FRESH_S, Blobs
from gpurun_server.store.content.references import collect, unused


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    Home(tmp_path).create()
    return Blobs(Home(tmp_path))


def old_blob(blobs: Blobs, data: bytes) -> str:
    digest, _ = blobs.keep([data])
    at = time.time() - 2 * FRESH_S
    os.utime(blobs.place(digest), (at, at))
    return digest


def test_only_old_blobs_that_nothing_refers_to_are_unused(blobs: Blobs, tmp_path: Path) -> None:
    old, used = old_blob(blobs, b"old"), old_blob(blobs, b"used")
    blobs.keep([b"fresh"])
    assert list(unused(Home(tmp_path), {used})) == [(blobs.place(old), 3)]
    assert collect(blobs.place(old))
    assert not blobs.has(old)


def test_one_that_was_asked_for_after_it_was_found_stays(blobs: Blobs, tmp_path: Path) -> None:
    digest = old_blob(blobs, b"wanted")
    ((path, _),) = unused(Home(tmp_path), set())
    assert blobs.missing({digest: 6}) == []
    assert not collect(path)
    assert blobs.has(digest)
    assert path.read_bytes() == b"wanted"

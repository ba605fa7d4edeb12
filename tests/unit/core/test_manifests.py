from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpurun_jupyter.core.errors import BadArchive, InvalidRequest
from gpurun_jupyter.core.formats.archives import Limits
from gpurun_jupyter.core.manifests import Entry, decode, digest_of, encode
from gpurun_jupyter.core.run_checks import check_run
from gpurun_jupyter.core.runs import DataUse, RunSpec

EMPTY = digest_of(b"")
segment = st.sampled_from(["a", "b", "..", ".", "", "c.py", "\\", "C:", "ü", "\0", "a" * 300])
paths = st.lists(segment, min_size=1, max_size=4).map("/".join)


def entries(*names: str, size_bytes: int = 0) -> list[Entry]:
    return [Entry(name, EMPTY, size_bytes) for name in names]


@given(names=st.lists(paths, max_size=4))
def test_whatever_is_accepted_can_be_laid_out_inside_its_folder(names: list[str]) -> None:
    try:
        manifest = decode(encode(entries(*names)))
    except BadArchive:
        return
    found = [PurePosixPath(entry.path) for entry in manifest.files]
    assert len(set(found)) == len(names)
    assert not any(path.is_absolute() or ".." in path.parts or str(path) != entry.path for path, entry in
                   zip(found, manifest.files, strict=True))  # fmt: skip
    assert not any(one in other.parents for one in found for other in found)


@given(names=st.lists(st.sampled_from("abcdef"), unique=True), seed=st.randoms())
def test_the_same_files_are_the_same_manifest_in_whatever_order(names: list[str], seed: object) -> None:
    shuffled = list(names)
    seed.shuffle(shuffled)  # type: ignore[attr-defined]
    assert digest_of(encode(entries(*names))) == digest_of(encode(entries(*shuffled)))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"{bad", "not a manifest"),
        (b'{"v":2,"files":[]}', "not a manifest"),
        (b'{"v":1,"files":[["a","xyz",1,false]]}', "not a manifest"),
        (encode(entries("a", "a")), "one path twice"),
        (encode(entries("a", "a/b")), "'a' in the manifest is a file and a folder"),
        (encode(entries("../a")), "leaves its folder"),
        (encode(entries("/etc/passwd")), "leaves its folder"),
        (encode(entries("ü" * 200)), "too long"),
        (encode(entries("a", "b", "c")), "holds 3 files"),
        (encode(entries("a", size_bytes=2000)), "the limit is 1000 B"),
        (encode(entries("a", "b", size_bytes=100)), "as a bomb does"),
    ],
)
def test_bad_manifests_are_refused(data: bytes, words: str) -> None:
    with pytest.raises(BadArchive, match=words):
        decode(data, Limits(files=2, total_bytes=1000, ratio=1.5, ratio_from_bytes=150))


@pytest.mark.parametrize(
    ("text", "place"),
    [("digits", "digits"), ("digits:data/raw", "data/raw"), ("a b:x", "x"), ("digits:./x/", "x")],
)
def test_a_data_set_has_a_place_in_the_run(text: str, place: str) -> None:
    assert DataUse.parse(text).place == place


@pytest.mark.parametrize("texts", [["a:/etc"], ["a:../b"], ["a:."], ["..:"], ["a:x", "b:x"], ["a:x/y", "b:x"]])
def test_places_outside_or_shared_are_refused(texts: list[str]) -> None:
    with pytest.raises(InvalidRequest, match="data set"):
        check_run(RunSpec(code="1", data=[DataUse.parse(text) for text in texts]))

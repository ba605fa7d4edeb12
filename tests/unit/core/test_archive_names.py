"""What the files of a zip are called, whatever system made it."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from foreign_zips import DAMAGED, KOREAN, UNIX, ZIPS, project, zip_of
from hypothesis import given
from hypothesis import strategies as st

from gpurun_jupyter.core.errors import BadArchive
from gpurun_jupyter.core.formats.archive_names import path_of
from gpurun_jupyter.core.formats.archives import check, is_zip, reading


def contents(tmp_path: Path, packed: bytes) -> dict[str, str]:
    (tmp_path / "it.zip").write_bytes(packed)
    with reading(tmp_path / "it.zip") as found:
        return {name: b"".join(found.pieces(name)).decode() for name in found.files}


def guess(tmp_path: Path, packed: bytes) -> str:
    (tmp_path / "it.zip").write_bytes(packed)
    with reading(tmp_path / "it.zip") as found:
        return found.guess


@pytest.mark.parametrize("made_by", ZIPS)
def test_each_file_has_its_name_and_its_content(tmp_path: Path, made_by: str) -> None:
    packed, name = ZIPS[made_by]
    found = contents(tmp_path, packed)
    above = "proj/" if "proj/main.py" in found else ""
    assert set(found) == {f"{above}main.py", above + name}
    assert found[above + name] == f"read {name}"


@pytest.mark.parametrize(
    ("made_by", "words"),
    [
        ("Korean Windows", "CP949 (Korean)"),
        ("Japanese Windows", "CP932 (Japanese)"),
        ("German Windows", "CP850 (Western European)"),
        ("Korean Windows, the name said", ""),
        ("Finder", ""),
        ("PowerShell 5", ""),
    ],
)
def test_a_guess_is_said(tmp_path: Path, made_by: str, words: str) -> None:
    said = guess(tmp_path, ZIPS[made_by][0])
    assert words in said
    assert bool(said) == bool(words)


def test_a_name_that_no_language_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadArchive, match=r"cannot be told.*\\xff\\xfe") as raised:
        contents(tmp_path, zip_of([(b"main.py", b""), (b"\xff\xfe.txt", b"")]))
    assert "UTF-8" in raised.value.hint


def test_one_letter_alone_is_of_the_language_that_has_it(tmp_path: Path) -> None:
    assert "가.csv" in contents(tmp_path, project("가.csv", "cp949"))
    assert "Zoë.csv" in contents(tmp_path, project("Zoë.csv", "cp850"))
    assert "똠방각하.csv" in contents(tmp_path, project("똠방각하.csv", "cp949"))


def test_names_that_differ_only_in_composition_stay_apart(tmp_path: Path) -> None:
    both = {"e\u0301.txt", "\u00e9.txt"}
    assert set(contents(tmp_path, zip_of([(name.encode(), b"") for name in both], UNIX))) == both


def test_names_with_the_flag_stay_as_they_are(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("e\u0301.txt", "")
    assert set(contents(tmp_path, packed.getvalue())) == {"e\u0301.txt"}


def test_a_field_of_another_name_is_not_believed(tmp_path: Path) -> None:
    packed = project(KOREAN, "cp949", unicode_path=True)
    other = packed.replace(KOREAN.encode("cp949"), KOREAN.replace("습", "생").encode("cp949"))
    assert "데이터/학생.csv" in contents(tmp_path, other)


@pytest.mark.parametrize(
    "name", ["/etc/x", "\\x", "../x", "a/../../x", "..\\x", "a\\..\\..\\x", "C:\\x", "c:/x", "a\0b"]
)
def test_what_leaves_the_folder_is_refused(name: str) -> None:
    with pytest.raises(BadArchive, match="leaves its folder"):
        path_of(name)


@given(st.text("ab./\\:\0", max_size=8))
def test_a_path_stays_in_its_folder_and_means_one_place(name: str) -> None:
    try:
        path = path_of(name)
    except BadArchive:
        return
    if path is not None:
        assert not {"", ".", ".."} & set(path.split("/"))
        assert path_of(path) == path


@pytest.mark.parametrize("kind", DAMAGED)
def test_damaged_zips_are_zips_and_get_a_sentence(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "download.zip"
    place.write_bytes(DAMAGED[kind])
    assert is_zip(place)
    with pytest.raises(BadArchive, match=r"not a whole zip|damaged") as raised:
        contents(tmp_path, DAMAGED[kind])
    assert "again" in raised.value.hint


def test_a_zip_is_one_by_its_content_too(tmp_path: Path) -> None:
    (tmp_path / "download").write_bytes(DAMAGED["cut in half"])
    (tmp_path / "script.py").write_text("print(1)")
    assert is_zip(tmp_path / "download")
    assert not is_zip(tmp_path / "script.py")
    assert not is_zip(tmp_path / "missing.py")


def test_a_letter_that_ends_in_a_backslash_names_a_file(tmp_path: Path) -> None:
    (tmp_path / "it.zip").write_bytes(zip_of([("データ表".encode("cp932"), b"")]))
    assert check(tmp_path / "it.zip") == ["データ表"]

"""Checkpoints of other machines in the server's folders: whole or not at all, and nothing travels twice."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.core.home import Home
from gpurun_jupyter.core.remote import LeftFile, LeftFiles
from gpurun_server.store.folders.checkpoints import earlier_checkpoints
from gpurun_server.store.folders.uploads import Arrivals


class Attempt:
    def __init__(self, root: Path, number: int) -> None:
        self.folder = Home(root).attempt("r", number)
        self.arrivals = Arrivals(self.folder)

    def send(self, files: dict[str, str], at: float, kept: list[str], *, placed: bool = True) -> int:
        """How many bytes had to travel."""
        told = [
            LeftFile(f"checkpoints/{path}", len(text), hashlib.sha256(text.encode()).hexdigest(), at)
            for path, text in files.items()
        ]
        left = LeftFiles(told, {path.partition("/")[0]: at for path in files}, kept)
        have, sent = self.arrivals.have(left), 0
        for file, text in zip(told, files.values(), strict=True):
            if have[file.digest] < file.size:
                self.arrivals.append(file.digest, have[file.digest], text.encode()[have[file.digest] :])
                sent += file.size
        if placed:
            self.arrivals.place(left)
        return sent

    def there(self) -> dict[str, str]:
        root = self.folder.checkpoints
        return {path.relative_to(root).as_posix(): path.read_text() for path in root.rglob("*") if path.is_file()}


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    attempt = Attempt(tmp_path, 1)
    assert attempt.send({"ck/a": "1", "ck/old": "x"}, 10.0, ["ck"]) == 2
    attempt.send({"ck/a": "2", "ck/new": "y"}, 20.0, ["ck"], placed=False)
    assert attempt.there() == {"ck/a": "1", "ck/old": "x"}
    assert attempt.send({"ck/a": "2", "ck/new": "y"}, 20.0, ["ck"]) == 0
    assert attempt.there() == {"ck/a": "2", "ck/new": "y"}
    assert (attempt.folder.checkpoints / "ck").stat().st_mtime == 20.0
    attempt.send({"ck": "now a file"}, 30.0, ["ck"])
    assert attempt.there() == {"ck": "now a file"}


def test_what_is_not_kept_any_more_goes_once_the_next_is_there(tmp_path: Path) -> None:
    attempt = Attempt(tmp_path, 1)
    attempt.send({"ck-1/w": "1"}, 10.0, ["ck-1"])
    attempt.send({"ck-2/w": "2"}, 20.0, ["ck-2"], placed=False)
    assert attempt.there() == {"ck-1/w": "1"}
    attempt.send({"ck-2/w": "2"}, 20.0, ["ck-2"])
    assert attempt.there() == {"ck-2/w": "2"}


def test_the_next_attempt_begins_with_what_there_was(tmp_path: Path) -> None:
    first, second = Attempt(tmp_path, 1), Attempt(tmp_path, 2)
    first.send({"model/w": "1", "model/b": "2", "opt": "3"}, 10.0, ["model", "opt"])
    part = first.folder.checkpoints / ".gpurun-part-arrived.x"
    part.mkdir()
    (part / "half").write_text("h")
    found = earlier_checkpoints(second.folder)
    assert (found.attempt, found.folders) == (1, {"model": 10.0})
    assert [file.path for file in found.files] == ["model/b", "model/w", "opt"]
    assert second.send({"model/w": "9", "model/b": "2"}, 20.0, ["model", "opt"]) == 2
    assert second.there() == {"model/w": "9", "model/b": "2", "opt": "3"}
    assert first.there()["model/w"] == "1"
    assert second.send({"opt": "3"}, 10.0, ["model", "opt"]) == 0  # inherited: it did not travel


@pytest.mark.parametrize("name", ["..", ".gpurun-part-1.x", "a/b", ""])
def test_names_that_no_checkpoint_can_have(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidRequest):
        Attempt(tmp_path, 1).arrivals.place(LeftFiles([], {name: 1.0}, []))
    assert not list(tmp_path.iterdir())

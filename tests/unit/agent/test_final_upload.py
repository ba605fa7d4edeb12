"""What an attempt left, from its folder into the server's: all of it, or it is said what did not arrive, and why."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
from grants import GRANT

from gpurun_jupyter.agent.remote import final_upload, upload
from gpurun_jupyter.agent.remote.connection import ServerConnection
from gpurun_jupyter.agent.remote.final_upload import FinalUpload
from gpurun_jupyter.agent.remote.upload import Upload, left_file
from gpurun_jupyter.core.errors import Undelivered
from gpurun_jupyter.core.home import AttemptFolder, Home
from gpurun_jupyter.core.remote import Have, LeftFiles
from gpurun_server.store.folders.uploads import Arrivals


class Trip:
    """Two folders and the way between them: the server's own code takes what comes, without HTTP."""

    def __init__(self, root: Path) -> None:
        self.there, self.here = (Home(root / name).attempt("r", 1) for name in ("machine", "server"))
        self.there.work.mkdir(parents=True)
        self.there.checkpoints.mkdir()
        self.on_route: Callable[[str], None] = lambda route: None
        self._arrivals = Arrivals(self.here)
        self.sent_bytes = 0

    async def send(self, method: str, path: str, content: bytes = b"", **_: Any) -> Any:
        route = path.partition("/1/")[2]
        self.on_route(route)
        return SimpleNamespace(content=msgspec.json.encode(Have(*self._taken(route, content))))

    def _taken(self, route: str, content: bytes) -> tuple[dict[str, int], dict[str, str]]:
        if route == "files/missing":
            return self._arrivals.have(msgspec.json.decode(content, type=LeftFiles)), {}
        if route == "files/place":
            return {}, self._arrivals.place(msgspec.json.decode(content, type=LeftFiles))
        if route == "files/small":
            line, _, data = content.partition(b"\n")
            for digest, size in msgspec.json.decode(line, type=dict[str, int]).items():
                self._arrivals.replace(digest, data[:size])
                data, self.sent_bytes = data[size:], self.sent_bytes + size
            return {}, {}
        digest, _, offset = route.removeprefix("files/").partition("?offset=")
        self._arrivals.append(digest, int(offset), content)
        self.sent_bytes += len(content)
        return {}, {}

    def deliver(self) -> str:
        """What is said of what did not arrive."""
        delivery = FinalUpload(cast(ServerConnection, self), self.there, GRANT)
        try:
            asyncio.run(delivery.send())
        except Undelivered as error:
            return error.message
        return ""

    def arrived(self) -> dict[bytes, bytes]:
        return _files(self.here)


def _files(folder: AttemptFolder) -> dict[bytes, bytes]:
    found = {}
    for root in (folder.work, folder.checkpoints):
        for directory, _, names in os.walk(os.fsencode(root)):
            for name in names:
                place = os.path.join(directory, name)  # noqa: PTH118 - names of bytes
                with open(place, "rb") as file:  # noqa: PTH123
                    found[os.path.relpath(place, os.fsencode(folder.path))] = file.read()
    return found


@pytest.fixture
def trip(tmp_path: Path) -> Trip:
    return Trip(tmp_path)


def test_names_of_any_bytes_arrive_under_the_same_names(trip: Trip) -> None:
    names = [
        b"\xb0\xa1.txt",
        rb"\xb0\xa1.txt",
        "가.txt".encode(),
        b"new\nline",
        b"-x",
        b" lead",
        b"y" * 255,
        b"\xff/\xfe",
    ]
    for root in (trip.there.work, trip.there.checkpoints):
        for name in names:
            place = Path(os.fsdecode(os.fsencode(root) + b"/" + name))
            place.parent.mkdir(exist_ok=True)
            place.write_bytes(name)
    assert trip.deliver() == ""
    left = {where + name: name for where in (b"work/", b"checkpoints/") for name in names}
    assert trip.arrived() == _files(trip.there) == left
    assert trip.deliver() == ""
    assert trip.sent_bytes == sum(len(name) for name in {*names}), "twice"


def test_more_than_one_request_may_tell_of(trip: Trip, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (final_upload, upload):
        monkeypatch.setattr(module, "MOST_FILES", 7)
    monkeypatch.setattr(upload, "_MOST_AT_ONCE", 3)
    (trip.there.work / "deep").mkdir()
    for number in range(20):
        (trip.there.work / "deep" / f"{number}").write_text(f"{number}")
    for name, count in (("few", 3), ("many", 16)):
        (trip.there.checkpoints / name).mkdir()
        for number in range(count):
            (trip.there.checkpoints / name / f"{number}").write_text(f"{name} {number % 9}")
    (trip.there.checkpoints / "empty").mkdir()
    whole: list[int] = []

    def look(route: str) -> None:
        there = trip.here.checkpoints / "many"
        whole.extend([len(list(there.iterdir()))] if there.is_dir() else [])

    trip.on_route = look
    assert trip.deliver() == ""
    assert trip.arrived() == _files(trip.there)
    assert (trip.here.checkpoints / "empty").is_dir()
    assert set(whole) == {16}, "it was seen by halves"
    assert sorted(path.name for path in trip.here.checkpoints.iterdir()) == ["empty", "few", "many"]


def test_what_keeps_changing_is_named_and_the_rest_arrives(trip: Trip) -> None:
    for number in range(9):
        (trip.there.work / f"{number}").write_text(f"{number}")
    (trip.there.checkpoints / "ck").mkdir()
    (trip.there.checkpoints / "ck" / "w").write_text("w")
    beats = iter(range(1, 10_000))

    def change(route: str) -> None:
        if route == "files/missing":
            for path in (trip.there.work / "4", trip.there.checkpoints / "ck" / "w"):
                path.write_text("x" * next(beats))

    trip.on_route = change
    assert trip.deliver() == "checkpoints/ck: it changes while it is sent; work/4: it changes while it is sent."
    assert set(trip.arrived()) == {f"work/{number}".encode() for number in range(9) if number != 4}
    trip.on_route = lambda route: None
    assert trip.deliver() == ""
    assert trip.arrived() == _files(trip.there)


def test_what_is_no_file_holds_up_nobody_and_is_not_missed(trip: Trip) -> None:
    for root in (trip.there.work, trip.there.checkpoints):
        os.mkfifo(root / "pipe")
        (root / "leak").symlink_to("/etc/hostname")
        (root / "ok").write_text("fine")
    with socket.socket(socket.AF_UNIX) as bound:
        before = Path.cwd()
        os.chdir(trip.there.work)  # a socket's path has to be short
        try:
            bound.bind("sock")
        finally:
            os.chdir(before)
    assert trip.deliver() == ""
    assert trip.arrived() == {b"work/ok": b"fine", b"checkpoints/ok": b"fine"}
    assert sorted(path.name for path in trip.here.checkpoints.iterdir()) == ["ok"]


def test_a_file_that_becomes_a_pipe_meanwhile_is_none(trip: Trip) -> None:
    (trip.there.work / "a").write_text("1")
    (trip.there.work / "b").write_text("2")

    def replace(route: str) -> None:
        if route == "files/missing" and (trip.there.work / "a").is_file():
            (trip.there.work / "a").unlink()
            os.mkfifo(trip.there.work / "a")

    trip.on_route = replace
    assert trip.deliver() == ""
    assert trip.arrived() == {b"work/b": b"2"}


def test_what_the_server_cannot_hold_is_named(trip: Trip) -> None:
    """Its folder has a longer path than the machine's."""
    trip.here = Home(Path("/".join([str(trip.here.home.path), *["s" * 200] * 10]))).attempt("r", 1)
    trip._arrivals = Arrivals(trip.here)
    (trip.there.work / "ok").write_text("fine")
    for deep in (trip.there.work, trip.there.checkpoints / "ck"):
        folder = deep.joinpath(*["d" * 200] * 12)
        folder.mkdir(parents=True)
        (folder / "deep.txt").write_text("x")
    (trip.there.checkpoints / "ck" / "w").write_text("w")
    said = trip.deliver()
    assert said.count("the server cannot keep it there (File name too long)") == 2
    assert trip.arrived() == {b"work/ok": b"fine"}, "a checkpoint is whole or not there"


def test_folders_too_deep_to_be_read_are_named(trip: Trip) -> None:
    (trip.there.work / "ok").write_text("fine")
    before = Path.cwd()
    os.chdir(trip.there.work)
    try:
        for _ in range(20):
            os.mkdir("d" * 250)  # noqa: PTH102 - deeper than a path can be
            os.chdir("d" * 250)
    finally:
        os.chdir(before)
    assert "the folder cannot be read: File name too long" in trip.deliver()
    assert trip.arrived() == {b"work/ok": b"fine"}


def test_many_that_do_not_arrive_are_counted(trip: Trip) -> None:
    for number in range(1200):
        (trip.there.work / f"{number:04}").write_text("x")
    trip._arrivals.place = lambda left: {file.path: "no" for file in left.files}  # type: ignore[method-assign]
    assert trip.deliver() == "work/0000: no; work/0001: no; work/0002: no; and 1,197 more."


def test_the_same_bytes_for_two_places_at_once(trip: Trip) -> None:
    """A checkpoint is on its way, and a model of the same bytes: who comes second sends them again."""
    for name in ("checkpoint", "model"):
        (trip.there.work / name).write_text("the same")
    checkpoint, model = (left_file(trip.there.path, trip.there.work / name) for name in ("checkpoint", "model"))
    asked: list[str] = []

    def between(route: str) -> None:
        asked.append(route)
        if asked == ["files/missing", "files/small", "files/place"]:
            trip._arrivals.place(LeftFiles([checkpoint]))

    trip.on_route = between
    asyncio.run(Upload(cast(ServerConnection, trip), trip.there.path, GRANT).send(LeftFiles([model])))
    assert trip.arrived() == {b"work/checkpoint": b"the same", b"work/model": b"the same"}
    assert asked.count("files/small") == 2

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path

import msgspec
import pytest

from gpurun_jupyter.agent.runner import event_log
from gpurun_jupyter.agent.runner.event_log import EventLog
from gpurun_jupyter.core.events import Clear, Display, End, Metric, Output, decode_line
from gpurun_jupyter.core.home import AttemptFolder, Home
from gpurun_jupyter.core.lifecycle import Outcome, Reason
from gpurun_jupyter.core.system.reserve import Reserve

END = End(outcome=Outcome.FAILED, reason=Reason.DISK_FULL)


@pytest.fixture
def folder(tmp_path: Path) -> AttemptFolder:
    home = Home(tmp_path)
    home.create()
    folder = home.attempt("r1", 1)
    folder.path.mkdir(parents=True)
    return folder


class Disk:
    """Takes so many bytes more, in whatever pieces, and is full then."""

    def __init__(self, room: int) -> None:
        self.room = room

    def write(self, fd: int, data: bytes) -> int:
        if self.room <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = _write(fd, data[: self.room])
        self.room -= written
        return written


_write = os.write


@pytest.mark.parametrize("room", [0, 1, 60, 100, 150, 199])
def test_a_full_disk_leaves_whole_lines_and_an_end(folder, monkeypatch, room) -> None:
    disk, told = Disk(room), []
    monkeypatch.setattr(event_log, "PATIENCE_S", 0.0)

    async def run() -> OSError | None:
        log = EventLog(folder, "r1")
        log.on_failure = lambda: told.append("full")
        monkeypatch.setattr(event_log.os, "write", disk.write)
        for n in range(5):
            log.write(Output(stream="stdout", text=f"{n}\n"))
            log.write(Output(stream="stderr", text=f"{n}\n"))
            log.flush()
        failure = log.failure
        assert folder.reserve.stat().st_size == event_log.RESERVE_BYTES
        disk.room = 10_000
        log.write(Output(stream="stdout", text="dropped"))
        log.close(END)
        return failure

    failure = asyncio.run(run())
    assert failure is not None
    assert (failure.errno, told) == (errno.ENOSPC, ["full"])
    *outputs, end = [decode_line(line) for line in folder.events.read_bytes().splitlines()]
    assert end.reason is Reason.DISK_FULL
    said = [(event.stream, event.text) for event in outputs]
    assert said == [(stream, f"{n}\n") for n in range(5) for stream in ("stdout", "stderr")][: len(said)]
    assert not folder.reserve.exists()


@pytest.mark.parametrize("room", [0, 1, 60, 150])
def test_a_disk_that_is_full_for_a_while_costs_no_line(folder, monkeypatch, room) -> None:
    disk = Disk(room)

    async def run() -> OSError | None:
        log = EventLog(folder, "r1")
        monkeypatch.setattr(event_log.os, "write", disk.write)
        for n in range(5):
            log.write(Output(stream="stdout", text=f"{n}\n"))
            log.flush()
            assert log.failure is None
        disk.room = 10_000
        await log.settle()
        log.close(END)
        return log.failure

    assert asyncio.run(run()) is None
    *outputs, end = [decode_line(line) for line in folder.events.read_bytes().splitlines()]
    assert "".join(event.text for event in outputs) == "0\n1\n2\n3\n4\n"
    assert end == msgspec.structs.replace(END, t=end.t, m=end.m)


def test_what_waits_for_room_is_bounded(folder, monkeypatch) -> None:
    async def run() -> None:
        log = EventLog(folder, "r1")
        monkeypatch.setattr(event_log.os, "write", Disk(0).write)
        for _ in range(event_log.HELD_BYTES // event_log.GATHER_CHARS):
            assert log.failure is None
            log.write(Output(stream="stdout", text="x" * event_log.GATHER_CHARS))
        assert log.failure is not None

    asyncio.run(run())


def test_the_reserve_is_room_for_good(folder) -> None:
    reserve = Reserve(folder.reserve, event_log.RESERVE_BYTES).keep()
    assert folder.reserve.stat().st_blocks * 512 >= event_log.RESERVE_BYTES
    reserve.spend()
    reserve.spend()
    assert not folder.reserve.exists()


def test_half_a_surrogate_pair_costs_no_line(folder) -> None:
    async def run() -> None:
        log = EventLog(folder, "r1")
        log.write(Output(stream="stdout", text="a\ud800b \N{GRINNING FACE}\n"))
        log.close(END)

    asyncio.run(run())
    output, end = [decode_line(line) for line in folder.events.read_bytes().splitlines()]
    assert (output.text, end.reason) == ("a?b \N{GRINNING FACE}\n", Reason.DISK_FULL)


def test_of_a_display_that_changes_all_the_time_some_states_are_written_and_the_last(folder) -> None:
    async def run() -> None:
        log = EventLog(folder, "r1")
        log.write(Display(data={"text/plain": "0"}, display_id="d"))
        for n in range(1, 2001):
            log.update(Display(data={"text/plain": str(n), "text/html": "x" * 1000}, display_id="d", update=True))
            log.write(Metric(values={"n": float(n)}))
            if n % 100 == 0:
                await asyncio.sleep(0.01)
        log.write(Output(stream="stdout", text="done\n"))
        log.close(END)

    asyncio.run(run())
    events = [decode_line(line) for line in folder.events.read_bytes().splitlines()]
    states = [event.data["text/plain"] for event in events if isinstance(event, Display)]
    assert (states[:2], states[-1]) == (["0", "1"], "2000")
    assert len(states) < 60
    assert sum(isinstance(event, Metric) for event in events) == 2000


def test_states_of_a_display_keep_their_place_among_what_is_shown(folder) -> None:
    async def run() -> None:
        log = EventLog(folder, "r1")
        for text in ("a", "b", "c"):
            log.update(Display(data={"text/plain": text}, display_id="d", update=True))
        log.write(Clear())
        for text in ("e", "f"):
            log.update(Display(data={"text/plain": text}, display_id="d", update=True))
        log.write(Display(data={"text/plain": "last"}, display_id="d", update=True))
        log.close(END)

    asyncio.run(run())
    events = [decode_line(line) for line in folder.events.read_bytes().splitlines()]
    shown = ["clear" if isinstance(event, Clear) else event.data["text/plain"] for event in events[:-1]]
    assert shown == ["a", "c", "clear", "last"]

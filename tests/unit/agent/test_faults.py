"""Faults of gpurun's own: heard of where nobody awaits anything, told once, and never without a word at the end."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import gc
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gpurun_jupyter.agent.background_tasks import in_background
from gpurun_jupyter.agent.processes.orphans import RunnerRecord
from gpurun_jupyter.agent.runner import stopping
from gpurun_jupyter.agent.runner.faults import Faults, word_left
from gpurun_jupyter.agent.runner.reasons import encodable, of_fault
from gpurun_jupyter.core.events import End, Output, decode_line, encode_line
from gpurun_jupyter.core.grants import Grant
from gpurun_jupyter.core.home import AttemptFolder, Home, write_json
from gpurun_jupyter.core.lifecycle import Outcome, Reason
from gpurun_jupyter.core.runs import RunSpec
from gpurun_jupyter.core.system.processes import Identity
from gpurun_jupyter.core.system.records import read_record

SUCCESS = End(outcome=Outcome.SUCCEEDED, reason=Reason.COMPLETED)


@pytest.fixture
def folder(tmp_path: Path) -> AttemptFolder:
    found = Home(tmp_path).attempt("a1", 1)
    found.path.mkdir(parents=True)
    return found


def raising() -> None:
    raise RuntimeError("broken")


async def failing() -> None:
    raising()


def heard(tmp_path: Path, begin: str) -> Faults:
    """What is heard of a timer, a task, a call from a thread."""

    async def go() -> Faults:
        faults, loop, ended = Faults(tmp_path / "log"), asyncio.get_running_loop(), asyncio.Event()
        faults.on_first = ended.set
        with faults.heard():
            if begin == "timer":
                loop.call_later(0, raising)
            elif begin == "task":
                kept = in_background(failing())
            elif begin == "thread":
                await asyncio.to_thread(loop.call_soon_threadsafe, raising)
            await asyncio.wait_for(ended.wait(), 5)
        assert begin != "task" or kept.done()
        assert loop.get_exception_handler() is None
        return faults

    return asyncio.run(go())


@pytest.mark.parametrize("begin", ["timer", "task", "thread"])
def test_what_nobody_awaits_is_heard_of_at_once(tmp_path: Path, begin: str) -> None:
    faults = heard(tmp_path, begin)
    assert str(faults.first) == "broken"
    assert "in raising" in (tmp_path / "log").read_text()


def test_what_was_thrown_away_unread_is_no_fault(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    async def go() -> Faults:
        faults = Faults(tmp_path / "log")
        with faults.heard():
            task = asyncio.create_task(failing())
            await asyncio.wait({task})
            del task
            gc.collect()
        return faults

    assert asyncio.run(go()).first is None


def test_the_first_one_counts_and_few_are_written_down(tmp_path: Path) -> None:
    faults, ended = Faults(tmp_path / "log"), []
    faults.on_first = lambda: ended.append(1)
    for number in range(50):
        with faults.caught():
            raise ValueError(number)
    assert (str(faults.first), ended) == ("0", [1])
    assert (tmp_path / "log").read_text().count("Traceback") == 10
    end = faults.verdict(End(outcome=Outcome.FAILED, reason=Reason.EXCEPTION, exit_code=3))
    assert (end.reason, end.exit_code) == (Reason.INTERNAL_ERROR, 3)
    assert str(tmp_path / "log") in end.message
    assert "ValueError: 0" in end.message


def test_without_a_fault_the_end_stays(tmp_path: Path) -> None:
    assert Faults(tmp_path / "log").verdict(SUCCESS) is SUCCESS


def test_a_full_disk_is_no_fault_of_ours() -> None:
    assert of_fault(OSError(errno.ENOSPC, "no room"), Path("log")).reason is Reason.DISK_FULL


def test_any_error_can_be_written_down(folder: AttemptFolder) -> None:
    class Odd(Exception):
        def __str__(self) -> str:
            raise ValueError

    for error in (Odd(), KeyError("half \udcff"), OSError(errno.EIO, "bad", "name\udcff"), MemoryError()):
        folder.exit.unlink(missing_ok=True)
        with word_left(folder):
            raise error
        end = read_record(folder.exit, End)
        assert end is not None
        assert type(error).__name__ in end.message
    assert encodable("a\udcffb") == "a?b"


def test_word_is_left_in_record_and_log(folder: AttemptFolder) -> None:
    folder.events.write_bytes(encode_line(Output(stream="stdout", text="printed\n")))
    for _ in range(2):
        with word_left(folder):
            raising()
    output, end = map(decode_line, folder.events.read_bytes().splitlines())
    left = read_record(folder.exit, End)
    assert isinstance(output, Output)
    assert isinstance(end, End)
    assert left is not None
    assert (left.reason, end.reason, end.message) == (Reason.INTERNAL_ERROR, Reason.INTERNAL_ERROR, left.message)
    assert folder.runner_log.read_text().count("RuntimeError: broken") == 2


def test_a_word_that_was_left_stays(folder: AttemptFolder) -> None:
    write_json(folder.exit, SUCCESS)
    folder.events.write_bytes(encode_line(Output(stream="stdout", text="half of a"))[:-5])
    with word_left(folder):
        raising()
    assert read_record(folder.exit, End) == SUCCESS
    assert folder.events.read_bytes().rstrip().endswith(b'"reason":"completed","t":' + _last_t(folder) + b"}")


@pytest.mark.parametrize("letter", ["\N{GRINNING FACE}", "\x01"])
def test_the_longest_end_of_a_log_is_found(folder: AttemptFolder, letter: str) -> None:
    logged = End(outcome=Outcome.FAILED, reason=Reason.EXCEPTION, message=letter * 1000)
    folder.events.write_bytes(encode_line(logged))
    with word_left(folder):
        raising()
    assert read_record(folder.exit, End) == logged
    assert folder.events.read_bytes() == encode_line(logged)


def _last_t(folder: AttemptFolder) -> bytes:
    return re.findall(rb'"t":([\d.]+)', folder.events.read_bytes())[-1]


def test_the_attempt_of_another_process_is_left_alone(folder: AttemptFolder) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        lock = os.open(folder.lock, os.O_RDWR | os.O_CREAT)
        fcntl.flock(lock, fcntl.LOCK_EX)
        identity = Identity.of(other.pid)
        write_json(folder.runner, RunnerRecord(identity.pid, identity.created, identity.boot))
        with word_left(folder):
            raising()
        assert not folder.exit.exists()
        os.close(lock)


class Stubborn:
    """An execution that ends only when it is told to in one way."""

    def __init__(self, ends_by: str) -> None:
        self.own: set[int] = set()
        self.ends_by, self.over = ends_by, asyncio.Event()
        self.asked: list[str] = []

    async def run(self) -> End:
        try:
            await self.over.wait()
        finally:
            self.asked.append("left")
        return SUCCESS

    async def interrupt(self) -> None:
        self._ask("interrupt")

    def kill(self) -> None:
        self._ask("kill")

    def _ask(self, how: str) -> None:
        self.asked.append(how)
        if how == self.ends_by:
            self.over.set()


def ended(folder: AttemptFolder, execution_ends_by: str, monkeypatch: pytest.MonkeyPatch, fails: int = 0) -> list[str]:
    """What it takes to end one that is given up, where the ending itself fails so often first."""
    monkeypatch.setattr(stopping, "GRACE_S", (0.1, 0.1))
    monkeypatch.setattr(stopping, "_NOTICES_S", 0.1)
    monkeypatch.setattr(stopping, "kill_started_here", lambda *_: None)
    monkeypatch.setattr(stopping, "started_here", lambda *_: set())
    what = {"name": "cell", "project": "default", "token": "t", "owner": "anna", "spec": RunSpec(code="1")}
    grant = Grant(run_id="a1", attempt=1, devices=[], **what)
    left = [fails]

    async def go() -> list[str]:
        execution, stops = Stubborn(execution_ends_by), stopping.Stopping(folder, grant)
        as_ever = stops._end_when_asked

        async def end_when_asked(one: Stubborn) -> None:
            if left[0]:
                left[0] -= 1
                raising()
            await as_ever(one)

        monkeypatch.setattr(stops, "_end_when_asked", end_when_asked)
        stops.give_up()
        with Faults(folder.runner_log).heard():
            try:
                await asyncio.wait_for(stops.ended(execution), 10)
            except RuntimeError as error:
                execution.asked.append(str(error))
        return execution.asked

    return asyncio.run(go())


def test_what_is_given_up_is_interrupted_then_killed_then_left(
    folder: AttemptFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ended(folder, "interrupt", monkeypatch) == ["interrupt", "left"]
    assert ended(folder, "kill", monkeypatch) == ["interrupt", "kill", "left"]
    never = ended(folder, "never", monkeypatch)
    assert (never[0], never[-2:]) == ("interrupt", ["left", "what the run started does not end"])


def test_an_ending_that_fails_is_tried_again(folder: AttemptFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ended(folder, "interrupt", monkeypatch, fails=1) == ["interrupt", "left"]
    assert ended(folder, "kill", monkeypatch, fails=2) == ["kill", "left"]


def test_every_reason_has_words_in_the_sidebar() -> None:
    words = Path(__file__).parents[3].joinpath("labextension/src/sidebar/rowwords.ts").read_text()
    told_otherwise = {Reason.COMPLETED, Reason.CANCELLED_BY, Reason.DEVICES_TAKEN}
    assert [
        reason.value for reason in Reason if f"    {reason.value}: " not in words and reason not in told_otherwise
    ] == []

"""A server whose runs write numbered lines, and what must hold of them whatever was killed."""

from __future__ import annotations

import random
import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import psutil
from servers import JupyterServer, wait_until

from gpurun_jupyter.core.home import AttemptFolder, Home
from gpurun_jupyter.core.system.processes import Identity

LINES = 40
PAUSE_S = 0.0125
#: Every start of an attempt leaves a line in a file that all runs share; the lines go to the log and to a file.
CODE = f"""
import os, time
with open({{starts!r}}, "a") as starts:
    starts.write(os.environ["GPURUN_ATTEMPT"] + f" {{{{os.getpid()}}}}\\n")
with open("lines.txt", "w") as file:
    for n in range({LINES}):
        print(f"line {{{{n}}}}", flush=True)
        print(f"line {{{{n}}}}", file=file, flush=True)
        time.sleep({PAUSE_S})
"""


class Scene:
    """One server for all moments at which something is killed."""

    def __init__(self, folder: Path) -> None:
        self.server = JupyterServer(folder)
        self.starts = folder / "starts.txt"
        self.starts.touch()
        self.code = CODE.format(starts=str(self.starts))
        self.seen: list[str] = []

    # Moments

    def moments(self, count: int, seed: str, longest_s: float) -> Iterator[Moment]:
        """Random moments, told so that a failure can be repeated."""
        chance = random.Random(f"{seed} {count}")
        for number in range(count):
            moment = Moment(number, chance.uniform(0, longest_s))
            print(f"{seed}, moment {number}: {moment.after_s:.3f} s")
            yield moment

    # Runs

    def submit(self, key: str = "", **fields: Any) -> str:
        headers = {"Idempotency-Key": key} if key else {}
        answer = self.server.http.post("runs", json={"code": self.code, **fields}, headers=headers)
        assert answer.status_code == 201, answer.text
        run_id = str(answer.json()["id"])
        self.seen.append(run_id)
        return run_id

    def submit_if_there(self, key: str) -> str | None:
        """As a client does whose server may be killed meanwhile; it will send the same again."""
        try:
            return self.submit(key)
        except httpx.TransportError:
            return None

    def folder(self, run_id: str) -> AttemptFolder:
        return Home(self.server.home).attempt(run_id, 1)

    def runner(self, run_id: str) -> psutil.Process | None:
        """The process that carries out the run, once there is one; None if it has ended since."""
        record = self.folder(run_id).runner
        wait_until(record.exists, what="for the runner")
        return msgspec.json.decode(record.read_bytes(), type=Identity).process()

    def kernel(self, run_id: str) -> psutil.Process | None:
        """The process that the code runs in, once it does; None if it has ended since."""
        begun = wait_until(lambda: [line for line in self.begun() if line[0] == f"{run_id}/1"], what="for the cell")
        try:
            return psutil.Process(int(begun[0][1]))
        except psutil.NoSuchProcess:
            return None

    def begun(self) -> list[list[str]]:
        """The attempts that were started, with the process that runs the code."""
        return [line.split() for line in self.starts.read_text().splitlines(keepends=True) if line.endswith("\n")]

    def lines(self, run_id: str) -> list[int]:
        return [int(number) for number in re.findall(r"^line (\d+)$", self.server.log(run_id), re.MULTILINE)]

    # What must hold

    def succeeded(self, run_id: str) -> None:
        """It ran once, every line is there exactly once, and its file is whole."""
        run = self.server.wait(run_id)
        assert (run["outcome"], run["attempt"]) == ("succeeded", 1), run
        assert self.lines(run_id) == list(range(LINES))
        assert (self.folder(run_id).work / "lines.txt").read_text() == "".join(f"line {n}\n" for n in range(LINES))

    def ended_by(self, reason: str, run_id: str) -> None:
        """It failed for this reason with a prefix of its lines; or it had ended before it was hit."""
        run = self.server.wait(run_id)
        lines = self.lines(run_id)
        assert lines == list(range(len(lines)))
        if run["outcome"] == "succeeded":
            assert len(lines) == LINES
        else:
            assert (run["outcome"], run["reason"]) == ("failed", reason), run
        print(f"    {run_id}: {len(lines)} lines, {run['reason']}")

    def nothing_is_left(self) -> None:
        """No attempt was started twice, no process carries the mark of one, every device is free."""
        starts = Counter(attempt for attempt, _ in self.begun())
        assert [attempt for attempt, times in starts.items() if times > 1] == []
        assert set(starts) <= {f"{run_id}/1" for run_id in self.seen}
        wait_until(lambda: not self.marked(), 15, f"for the processes of runs to end: {self.marked()}")
        wait_until(lambda: not self.held(), 10, f"for devices to be free: {self.held()}")

    def marked(self) -> list[psutil.Process]:
        return [process for process in psutil.process_iter() if _mark(process).split("/")[0] in self.seen]

    def held(self) -> list[Any]:
        agents = self.server.http.get("devices").json()["agents"]
        return [device for agent in agents for device in agent["devices"] if device.get("run_id")]


class Moment:
    """When to strike, in seconds after what the test waited for."""

    def __init__(self, number: int, after_s: float) -> None:
        self.number, self.after_s = number, after_s

    def come(self) -> None:
        """Wait for it: the moment itself is what is tested."""
        time.sleep(self.after_s)


def kill(process: psutil.Process | None) -> None:
    """Kill -9, unless it has ended by itself."""
    if process is not None:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            return
        psutil.wait_procs([process], 5)


def command(process: psutil.Process) -> str:
    """What was started, without quotes; nothing for a process that has ended."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def _mark(process: psutil.Process) -> str:
    try:
        alive = process.status() != psutil.STATUS_ZOMBIE
        return process.environ().get("GPURUN_ATTEMPT", "") if alive else ""
    except (psutil.Error, OSError):
        return ""

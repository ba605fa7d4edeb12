"""Automatic resume: a second attempt begins with a copy of what the first one kept, and with nothing unfinished."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from runners import Runners
from servers import JupyterServer, wait_until

from gpurun_jupyter.core.events import Checkpoint
from gpurun_jupyter.core.home import AttemptFolder

TRAIN = """
import os, pathlib, time
from gpurun_jupyter import report
last = report.last_checkpoint()
begin = int(pathlib.Path(last).read_text()) + 1 if last else 0
print("from", begin, flush=True)
for step in range(begin, 6):
    pathlib.Path("ck.txt").write_text(str(step))
    report.checkpoint("ck.txt", step=step, acc=step / 10)
    if step == 3 and not last:
        {accident}
"""


@pytest.fixture
def runners(tmp_path: Path) -> Runners:
    return Runners(tmp_path)


def test_a_retry_goes_on_from_the_last_checkpoint(server: JupyterServer) -> None:
    run_id = server.submit(TRAIN.format(accident="os._exit(1)"), retries=1)
    run = server.wait(run_id)
    assert (run["outcome"], run["attempt"]) == ("succeeded", 2)
    assert server.log(run_id) == "from 0\nfrom 4\n"
    kept = [event for event in server.events(run_id) if event["kind"] == "checkpoint"]
    assert [event["step"] for event in kept] == [0, 1, 2, 3, 4, 5]
    assert kept[0]["path"] == "ck.txt"
    assert kept[-1]["values"] == {"acc": 0.5}


def test_a_killed_runner_s_checkpoints_are_there(runners: Runners) -> None:
    first = runners.script(TRAIN.format(accident="time.sleep(60)")).start()
    wait_until(lambda: first.folder.events.exists() and checkpoints(first) == 4)
    assert first.process is not None
    first.process.kill()
    first.process.wait()
    for process in marked(first.folder):
        os.kill(process, signal.SIGKILL)
    second = runners.script(TRAIN.format(accident="pass"), number=2)
    second.wait()
    assert second.printed() == "from 4\n"
    assert (first.folder.checkpoints / "ck.txt").read_text() == "3", "nothing is shared with the first attempt"


def test_only_what_is_complete_is_passed_on(runners: Runners) -> None:
    first = runners.home.attempt("r1", 1).checkpoints
    second = runners.home.attempt("r1", 2)
    (first / "whole").mkdir(parents=True)
    (first / "whole" / "weights").write_text("w")
    (first / ".gpurun-part-7.big").write_text("half")
    (first / ".gpurun-old-lost").mkdir()
    (first / ".gpurun-old-whole").mkdir()
    os.mkfifo(first / "fifo")
    (second.path / ".checkpoints").mkdir(parents=True)  # attempt 2 was killed while it copied
    third = runners.script("import os\nprint(sorted(os.listdir(os.environ['GPURUN_CHECKPOINT_DIR'])))", number=3)
    third.wait()
    assert third.printed() == "['lost', 'whole']\n"
    assert not (first / "whole" / "weights").samefile(third.folder.checkpoints / "whole" / "weights")


def checkpoints(attempt) -> int:
    return sum(isinstance(event, Checkpoint) for event in attempt.events())


def marked(folder: AttemptFolder) -> list[int]:
    import psutil

    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("GPURUN_CHECKPOINT_DIR") == str(folder.checkpoints):
                found.append(process.pid)
        except psutil.Error:
            continue
    return found

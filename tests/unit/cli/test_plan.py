"""What a dry run says."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from unit.client_fake import FakeServer

from gpurun_jupyter.cli import faults
from gpurun_jupyter.cli.plan import where
from gpurun_jupyter.cli.screen import Invocation
from gpurun_jupyter.cli.terminal import TerminalScreen
from gpurun_jupyter.core.devices import Agent, Device, DeviceProcess


def planned(*args: str, server: FakeServer | None = None) -> str:
    out, server = io.StringIO(), server or FakeServer()
    code = faults.carried_out(list(args), Invocation(TerminalScreen(out, io.StringIO()), lambda: server.client))
    assert code == 0
    assert not [path for path in server.paths() if path.startswith(("POST runs", "PUT", "POST blobs/zip"))]
    return out.getvalue()


def test_a_directory(tmp_path: Path) -> None:
    for name in ("train.py", "data/a.csv", "data/b.csv", ".git/config", "x.log", "y.log"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "out").symlink_to("/")
    (tmp_path / ".gitignore").write_text("*.log\n")
    server = FakeServer()
    args = ["submit", "train.py", "--dir", str(tmp_path), "--gpu", "2", "--gpu-mem", "10G", "--data", "digits:in"]
    plan = planned(*args, "--dry-run", "--", "--lr", "a b", server=server)
    assert plan.splitlines() == [
        "A dry run: nothing is submitted.",
        "runs    train.py --lr 'a b'",
        f"ships   4 files (34 B) of {tmp_path}, 4 of them (34 B) new to the server",
        "        data/        2 files (20 B)",
        "        beside them  2 files (14 B)",
        *plan.splitlines()[5:8],
        "data    digits (you have no such data set: it would be refused), read-only, at in/",
        "wants   2 GPUs with 10.0 GB each",
        "starts  nowhere: no machine that is there has such devices. Use --gpu 0 to run on a CPU slot, or "
        "--wait-for-device to wait until a machine that has them joins.",
    ]
    left = {line.strip().removeprefix("leaves").strip() for line in plan.splitlines()[5:8]}
    link = "out: a link out of the directory; if the run can see /, name that path in the code"
    assert left == {".git: never shipped", "x.log, y.log: .gitignore", link}
    server.client.submit_dir(tmp_path, "train.py")
    again = FakeServer()
    again.blobs = server.blobs
    assert "none of them new to the server" in planned(*args, "--dry-run", server=again)


def test_a_zip(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        archive.writestr("main.py", "1")
    plan = planned("submit", str(tmp_path / "p.zip"), "--dry-run")
    assert "runs    main.py of p.zip (" in plan
    assert "wants   a CPU slot\n" in plan


def test_many_folders_are_summed_up(tmp_path: Path) -> None:
    for number in range(15):
        (tmp_path / f"d{number:02}").mkdir()
        (tmp_path / f"d{number:02}" / "a.txt").write_text("x" * (100 - number))
    (tmp_path / "a.py").write_text("")
    plan = planned("submit", "a.py", "--dir", str(tmp_path), "--dry-run")
    assert "d00/  1 file (100 B)\n" in plan
    assert "6 more folders  6 files (440 B)\n" in plan


def gpu(index: int, **fields: Any) -> Device:
    return Device(f"GPU-{index}", "gpu", index, memory_total_bytes=24 * 2**30, **fields)


LAB = Agent("lab", "lab", "1", "healthy", 1.0, [gpu(0, run_id="r"), gpu(1), gpu(2), Device("cpu0", "cpu", 0)])
BUSY = [gpu(0, processes=[DeviceProcess(1)]), gpu(1, locked=True)]
DESK = Agent("desk", "desk", "1", "healthy", 1.0, BUSY)


@pytest.mark.parametrize(
    ("gpus", "options", "words"),
    [
        (1, {}, "at once on lab, where gpu1 is free"),
        (2, {}, "at once on lab, where gpu1, gpu2 is free"),
        (3, {}, "on lab, when enough devices there are free"),
        (4, {}, "nowhere"),
        (0, {}, "at once on lab, where cpu0 is free"),
        (1, {"on": "desk"}, "on desk, when enough"),
        (1, {"on": "fast"}, "nowhere yet: no machine has 'fast'"),
        (1, {"on": "a100,lab", "kernel": "R"}, "at once on lab, where gpu1"),
        (1, {"on": "desk", "kernel": "r"}, "no machine has 'desk' and 'kernel:r'"),
        (1, {"device": "lab:gpu0"}, "on lab, when enough"),
        (1, {"device": "lab:2"}, "at once on lab, where gpu2"),
        (1, {"gpu_mem": 80 * 2**30}, "nowhere"),
        (1, {"after": ["a", "b"]}, "after a, b succeeded"),
        (1, {"hold": True}, "gpurun start"),
    ],
)
def test_where_it_would_start(gpus: int, options: dict[str, Any], words: str) -> None:
    assert words in where([LAB, DESK], gpus, options, {"lab": ["a100", "kernel:r"]})

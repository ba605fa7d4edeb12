"""20 MB of lines through a directory run and a cell run, beside a bare PTY and beside ipykernel; the runner's memory.

A directory run is timed by the script itself: a terminal's writer waits for its reader. A cell is timed from when it
begins to print until the last of it has arrived: ipykernel takes what is printed at once and sends it later.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import pty
import queue
import subprocess
import sys
import tempfile
import termios
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
from figures import Figure, median, shown
from jupyter_client import run_kernel
from servers import JupyterServer, wait_until

LINES, LONG_LINES = 200_000, 2_000_000  # of 100 bytes: 20 MB and 200 MB
ROUNDS = 3
MB = 1e6
BEGUN_BYTES = len("1700000000.000000\n")  # the first line: when the printing began

_PRINT = """
import time
begun = time.perf_counter()
print(f"{{time.time():.6f}}")
for number in range({lines}):
    print(f"{{number:08}} " + "x" * 90)
"""
_SCRIPT = """
import sys
sys.stdout.flush()
with open("took_s", "w") as file:
    file.write(str(time.perf_counter() - begun))
"""


def expected(lines: int) -> Iterator[str]:
    """The lines that have to be in the log."""
    return (f"{number:08} " + "x" * 90 for number in range(lines))


def figures() -> list[Figure]:
    """Ratios to the peers, and how much more memory a runner has with 200 MB than with 20 MB."""
    with tempfile.TemporaryDirectory() as folder:
        server = JupyterServer(Path(folder)).start()
        try:
            server.wait(server.submit("pass"))  # the agent is there, a spare kernel is made
            time.sleep(3)
            return [_directory(server), _cell(server), *_memory(server)]
        finally:
            server.close()


def _directory(server: JupyterServer) -> Figure:
    ours, bare = [], []
    for _ in range(ROUNDS):
        bare.append(LINES * 100 / MB / _on_bare_pty())
        run, _ = _directory_run(server, LINES)
        ours.append(LINES * 100 / MB / _took_s(server, run))
    beside = f"{shown(median(ours), 'MB/s')}; on a bare PTY {shown(median(bare), 'MB/s')}; every byte in the log"
    ratio = median(ours) / median(bare)
    return Figure("20 MB of lines, directory run", ratio, "x bare PTY", 0.8, 0.95, beside, more_is_better=True)


def _cell(server: JupyterServer) -> Figure:
    ours, bare = [], []
    for _ in range(ROUNDS):
        bare.append(LINES * 100 / MB / _by_ipykernel_s())
        run, _ = _cell_run(server, LINES)
        ours.append(LINES * 100 / MB / _arriving_s(server, run))
    beside = f"{shown(median(ours), 'MB/s')}; ipykernel {shown(median(bare), 'MB/s')}; every byte in the log"
    ratio = median(ours) / median(bare)
    return Figure("20 MB of lines, cell run", ratio, "x ipykernel", 1.0, 3.0, beside, more_is_better=True)


def _memory(server: JupyterServer) -> list[Figure]:
    found = []
    for kind, act in (("directory run", _directory_run), ("cell run", _cell_run)):
        (_, little), (_, much) = act(server, LINES), act(server, LONG_LINES)
        beside = f"at most {shown(little, 'MB')} with 20 MB, {shown(much, 'MB')} with 200 MB of output"
        found.append(Figure(f"runner's memory, growth, {kind}", max(0.0, much - little), "MB", 5, 1, beside))
    return found


def _directory_run(server: JupyterServer, lines: int) -> tuple[str, float]:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("lines.py", _PRINT.format(lines=lines) + _SCRIPT)
    files = {"file": ("lines.zip", packed.getvalue())}
    answer = server.http.post("runs/zip", files=files, data={"entry": "lines.py"})
    assert answer.status_code == 201, answer.text
    return _watched(server, answer.json()["id"], lines)


def _cell_run(server: JupyterServer, lines: int) -> tuple[str, float]:
    return _watched(server, server.submit(_PRINT.format(lines=lines)), lines)


def _watched(server: JupyterServer, run: str, lines: int) -> tuple[str, float]:
    """Wait for a run and check its log; returns its id and the most memory that its runner had, in MB."""
    peak = [0.0]
    over = threading.Event()
    watching = threading.Thread(target=_watch, args=(server, run, peak, over))
    watching.start()
    server.wait(run, timeout_s=300)
    over.set()
    watching.join()
    _check(server, run, lines)
    return run, peak[0]


def _watch(server: JupyterServer, run: str, peak: list[float], over: threading.Event) -> None:
    record = server.home / "runs" / run / "attempts" / "1" / "runner.json"
    wait_until(record.exists, what="for the runner")
    with contextlib.suppress(psutil.NoSuchProcess):
        runner = psutil.Process(json.loads(record.read_text())["pid"])
        while not over.wait(0.02):
            peak[0] = max(peak[0], runner.memory_info().rss / MB)


def _check(server: JupyterServer, run: str, lines: int) -> None:
    """Every line once and in order, compared piece by piece."""
    wanted, rest, begun = expected(lines), "", False
    with server.http.stream("GET", f"runs/{run}/log") as answer:
        for piece in answer.iter_text():
            *whole, rest = (rest + piece).split("\n")
            for line in whole if begun else whole[1:]:
                assert line == next(wanted), f"{line!r} is not the line that comes here"
            begun = begun or bool(whole)
    assert rest == "", rest
    assert next(wanted, None) is None, "the log lacks lines"


def _arriving_s(server: JupyterServer, run: str) -> float:
    """From the cell's first print to its last output in the log, in seconds."""
    arrived = [event["t"] for event in server.events(run) if event["kind"] == "output"]
    return arrived[-1] - float(server.log(run)[:18].partition("\n")[0])


def _took_s(server: JupyterServer, run: str) -> float:
    return float((server.home / "runs" / run / "attempts" / "1" / "work" / "took_s").read_text())


def _on_bare_pty() -> float:
    """How long the script prints, in seconds, while somebody only reads and counts what it prints."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "lines.py"
        script.write_text(_PRINT.format(lines=LINES) + _SCRIPT)
        terminal, inner = pty.openpty()
        modes = termios.tcgetattr(inner)
        modes[1] &= ~termios.OPOST
        termios.tcsetattr(inner, termios.TCSANOW, modes)
        process = subprocess.Popen([sys.executable, str(script)], cwd=folder, stdin=subprocess.DEVNULL, stdout=inner)
        os.close(inner)
        count = 0
        with contextlib.suppress(OSError):  # EIO: the script has ended
            while data := os.read(terminal, 65536):
                count += len(data)
        os.close(terminal)
        process.wait()
        assert count == LINES * 100 + BEGUN_BYTES, count
        return float((Path(folder) / "took_s").read_text())


def _by_ipykernel_s() -> float:
    """From the first print to the last output message as jupyter_client receives them, in seconds."""
    with run_kernel(kernel_name="python3") as client:
        _executed(client, "pass")
        return _executed(client, _PRINT.format(lines=LINES))


def _executed(client: Any, code: str) -> float:
    request = client.execute(code)
    count, begun, last = 0, 0.0, 0.0
    while True:
        try:
            message = client.get_iopub_msg(timeout=60)
        except queue.Empty:
            raise AssertionError(f"ipykernel stopped after {count} bytes") from None
        if message["parent_header"].get("msg_id") != request:
            continue
        if message["msg_type"] == "stream":
            text, last = message["content"]["text"], time.time()
            begun = begun or float(text.partition("\n")[0])
            count += len(text)
        if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
            assert code == "pass" or count == LINES * 100 + BEGUN_BYTES, f"ipykernel lost output: {count} bytes came"
            return last - begun

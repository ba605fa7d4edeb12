"""Records what real training libraries write to a terminal, with times: `python make.py [NAME...]`.

Run it with the Python of an environment that ../environments.py makes: `ultralytics` for ultralytics_yolo, whose
torchvision the others may not find, `trainings` for these. Tests read what was recorded and need neither.

Each training in programs/ runs under a pseudo-terminal like the one that a runner opens (100 columns, a newline stays
a newline) and ends by leaving the truth about itself: its own final metrics, epochs and steps. NAME.cast.gz is in the
asciicast v2 format (a header, then [seconds, "o", text] a line) with that truth in the header.
"""

from __future__ import annotations

import codecs
import fcntl
import gzip
import json
import os
import pty
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path

HERE = Path(__file__).parent
ROWS, COLUMNS = 24, 100
ENVIRONMENT = {
    "TERM": "xterm-256color",
    "COLUMNS": str(COLUMNS),
    "LINES": str(ROWS),
    "OMP_NUM_THREADS": "1",
    "KERAS_BACKEND": "torch",
    "CUDA_VISIBLE_DEVICES": "",
    "HF_HUB_OFFLINE": "1",
    "YOLO_OFFLINE": "true",
    "PYTHONWARNINGS": "ignore",
}


def main() -> None:
    """Record the named trainings, or all."""
    names = sys.argv[1:] or sorted(path.stem for path in (HERE / "programs").glob("[a-z]*.py"))
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            events, truth = record(HERE / "programs" / f"{name}.py", Path(folder))
        save(HERE / f"{name}.cast.gz", events, truth)
        size = (HERE / f"{name}.cast.gz").stat().st_size
        print(f"{name}: {len(events)} pieces in {events[-1][0]:.1f} s, {size} bytes: {truth}")


def record(script: Path, folder: Path) -> tuple[list[tuple[float, str, str]], dict]:
    """What `script` wrote, with the seconds since its start, and the truth that it left."""
    terminal, inner = _open_terminal()
    env = os.environ | ENVIRONMENT | {"RECORDING_TRUTH": str(folder / "truth.json"), "YOLO_CONFIG_DIR": str(folder)}
    begun = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, script], cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=inner, stderr=inner
    )
    os.close(inner)
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode
    events = []
    while data := _read(terminal):
        if text := decode(data).replace(str(folder), "/work"):
            events.append((round(time.monotonic() - begun, 3), "o", text))
    if process.wait():
        print("".join(event[2] for event in events[-40:]))
        raise SystemExit(f"{script.name} failed")
    return events, json.loads((folder / "truth.json").read_text())


def save(path: Path, events: list[tuple[float, str, str]], truth: dict) -> None:
    """Write an asciicast; the gzip header carries no time, so that the same recording is the same file."""
    header = {"version": 2, "width": COLUMNS, "height": ROWS, "truth": truth}
    lines = [json.dumps(line, ensure_ascii=False) for line in [header, *events]]
    path.write_bytes(gzip.compress("\n".join(lines).encode() + b"\n", mtime=0))


def _open_terminal() -> tuple[int, int]:
    terminal, inner = pty.openpty()
    modes = termios.tcgetattr(inner)
    modes[1] &= ~termios.OPOST
    termios.tcsetattr(inner, termios.TCSANOW, modes)
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    return terminal, inner


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # EIO: nobody has the other side open any more
        return b""


if __name__ == "__main__":
    main()

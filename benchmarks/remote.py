"""An agent of another machine over loopback HTTPS: a line's way, what travels, an interrupted checkpoint, idleness."""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from figures import Figure, median, shown, spread
from machines import Machine
from servers import JupyterServer, wait_until
from tls import Authority, Relays

LINES = 200
MIB = 2**20
CHECKPOINT_BYTES = 1024 * MIB
SETTLED_S, WATCHED_S = 8.0, 30.0

_TIMED = "import time\nfor n in range({lines}):\n    print(time.time(), flush=True)\n    time.sleep({pause_s})\n"
#: Half noise, half holes.
_CHECKPOINT = """
import os, pathlib
place = pathlib.Path(os.environ["GPURUN_CHECKPOINT_DIR"], "model.pt")
with place.open("wb") as file:
    for n in range({noise}):
        file.write(os.urandom(2**20))
    file.truncate({size})
"""


class Scene:
    """A server, an end of TLS in front of it, and a machine that has joined through that."""

    def __init__(self, folder: Path) -> None:
        self.server = JupyterServer(folder / "server", options=("--GpurunApp.local_agent=False",)).start()
        authority, self.relays = Authority(folder), Relays()
        url = f"https://127.0.0.1:{self.relays.tls_end(authority, self.server.port)}/"
        self.machine = Machine(folder / "machine").join(self.server, "--ca", str(authority.ca), url=url)

    def log(self, run_id: str) -> Path:
        """The server's copy."""
        return self.server.home / "runs" / run_id / "attempts" / "1" / "events.jsonl"

    def close(self) -> None:
        self.machine.close()
        self.relays.close()
        self.server.close()


@contextmanager
def scene() -> Iterator[Scene]:
    with tempfile.TemporaryDirectory() as folder:
        made = Scene(Path(folder))
        try:
            yield made
        finally:
            made.close()


def figures() -> list[Figure]:
    """Milliseconds, ratios, MB (10^6 bytes), percent of a core."""
    with scene() as where:
        return [*_idle(where), _line(where), *_ratios(where), _checkpoint(where)]


def _line(where: Scene) -> Figure:
    """From `print` in the run to the server's file."""
    run_id = where.server.submit(_TIMED.format(lines=LINES, pause_s=0.1), gpu=0)
    took_ms: list[float] = []
    log, read = where.log(run_id), 0
    while len(took_ms) < LINES:
        size = log.stat().st_size if log.exists() else 0
        if size > read:
            now = time.time()
            with log.open("rb") as file:
                file.seek(read)
                data = file.read(size - read)
            whole = data[: data.rfind(b"\n") + 1]
            read += len(whole)
            events = [json.loads(line) for line in whole.splitlines()]
            texts = "".join(event["text"] for event in events if event["kind"] == "output")
            took_ms += [1000 * (now - float(text)) for text in texts.split()]
        time.sleep(0.001)
    where.server.wait(run_id)
    return Figure("a line's way to the server", median(took_ms), "ms", 150, 50, spread(took_ms, "ms"))


def _ratios(where: Scene) -> Iterator[Figure]:
    """What arrives at the server, headers and heartbeats and all, by what the log grows."""
    for name, lines, pause_s in (("1,000 short lines a second", 10_000, 0.001), ("10 short lines a second", 100, 0.1)):
        before = where.relays.arrived_bytes
        run_id = where.server.submit(_TIMED.format(lines=lines, pause_s=pause_s), gpu=0)
        where.server.wait(run_id, timeout_s=120)
        arrived, appended = where.relays.arrived_bytes - before, where.log(run_id).stat().st_size
        asked = (1.05, 1.05) if lines > 1000 else (None, None)
        beside = f"log {shown(appended / 1e3, 'kB')}, on the wire {shown(arrived / 1e3, 'kB')}"
        yield Figure(f"bytes sent / bytes appended, {name}", arrived / appended, "x", *asked, beside)


def _checkpoint(where: Scene) -> Figure:
    """The agent is killed when half of it has arrived."""
    noise = CHECKPOINT_BYTES // MIB // 2
    run_id = where.server.submit(_CHECKPOINT.format(noise=noise, size=CHECKPOINT_BYTES), gpu=0)
    folder = where.log(run_id).parent
    before = where.relays.arrived_bytes
    wait_until(lambda: _arrived(folder) >= CHECKPOINT_BYTES // 4, 300, "for a part of the checkpoint")
    half = _arrived(folder)
    where.machine.kill()
    where.machine.start()
    started = time.monotonic()
    where.server.wait(run_id, timeout_s=300)
    took_s = time.monotonic() - started
    there = where.machine.home / "runs" / run_id / "attempts" / "1" / "checkpoints" / "model.pt"
    assert _sha256(folder / "checkpoints" / "model.pt") == _sha256(there)
    sent = (where.relays.arrived_bytes - before) / (noise * MIB)
    beside = f"identical; killed at {half // MIB} of {CHECKPOINT_BYTES // MIB} MiB, the rest took {shown(took_s, 's')}"
    return Figure("interrupted 1 GiB checkpoint, bytes sent / its random half", sent, "x", 1.05, 1.02, beside)


def _arrived(folder: Path) -> int:
    return max((path.stat().st_size for path in folder.glob("incoming/*")), default=0)


def _idle(where: Scene) -> list[Figure]:
    agent = where.machine.agent()
    assert agent is not None
    time.sleep(SETTLED_S)
    before = _cpu_s(agent)
    time.sleep(WATCHED_S)
    percent = 100 * (_cpu_s(agent) - before) / WATCHED_S
    memory = agent.memory_full_info()
    pss = f"PSS {shown(memory.pss / 1e6, 'MB')}"
    return [
        Figure("idle agent elsewhere, resident memory", memory.rss / 1e6, "MB", 70, 50, pss),
        Figure("idle agent elsewhere, CPU", percent, "%", 1.0, 1.0),
    ]


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _sha256(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(MIB):
            found.update(piece)
    return found.hexdigest()

"""What a busy queue costs the server: a client watches the runs while the bell rings a hundred times a second."""

from __future__ import annotations

import http.client
import tempfile
import threading
import time
from pathlib import Path

import filled
import psutil
from figures import Figure
from servers import TOKEN, JupyterServer, wait_until

from gpurun_jupyter.core.system.bells import ring

QUEUED, RINGS, EVERY_S = 1_000, 500, 0.01


def figures() -> list[Figure]:
    """The server's CPU time in percent of a core while the bell rings."""
    with tempfile.TemporaryDirectory() as folder:
        server = JupyterServer(Path(folder), options=("--GpurunApp.local_agent=False",))
        home, database = filled.database_in(server.home, 5_000)
        filled.join(database, 8)
        filled.add(database, "running", 8)
        filled.add(database, "queued", QUEUED)
        server.start()
        try:
            frames: list[bytes] = []
            threading.Thread(target=_listen, args=(server.port, frames), daemon=True).start()
            wait_until(lambda: frames, what="for the first frame")
            process, heard, begun = psutil.Process(server.pid), len(frames), time.monotonic()
            used_s = -sum(process.cpu_times()[:2])
            for _ in range(RINGS):
                ring(home.bells, "queue")
                time.sleep(EVERY_S)
            used_s += sum(process.cpu_times()[:2])
            share = 100 * used_s / (time.monotonic() - begun)
        finally:
            server.close()
            database.close()
    beside = f"{len(frames) - heard} frames for {RINGS} rings"
    return [Figure(f"server's CPU, a client, {QUEUED:,} queued, 100 rings a second", share, "%", beside=beside)]


def _listen(port: int, frames: list[bytes]) -> None:
    conn = http.client.HTTPConnection("127.0.0.1", port)
    conn.request("GET", "/gpurun/api/v1/stream?watch=runs", headers={"Authorization": f"token {TOKEN}"})
    answer = conn.getresponse()
    while line := answer.readline():
        if line.startswith(b"data:"):
            frames.append(line)
